"""A law of settings: any file gives a valid deployment or a list of problems with their places."""

from __future__ import annotations

import shlex

from hypothesis import example, given
from hypothesis import strategies as st

from ocisidecar import Settings, SettingsError
from ocisidecar.settings.table import variables
from ocisidecar.spec.validate.spec import validate

WORDS = st.sampled_from(
    [
        "", "true", "false", "0", "1", "2", "80", "9090", "-1", "0.5", "nan", "inf", "1e999", "٣", "web", "A=1",
        "A=1,B", "{}", "[]", "{", '{"A":"1"}', '{"A":{"B":"1"}}', '{"A":{"B":1}}', '{"A.B":"1","A":"x"}', "null",
        "10.0.0.0/8", "vcn", "x/y:1", "fra.ocir.io/ns/web:1", "fra", "eu-frankfurt-1", "your-name", "<region>",
        "env:HOME", "file:web.env", "vault:ocid1.vaultsecret.oc1..a", "ocid1.subnet.oc1..a", "ocid1.vcn.oc1..a",
        "ocid1.compartment.oc1..a", "ocid1.networksecuritygroup.oc1..a", "ocid1.onstopic.oc1..a", "a b", "\n", "'",
        "CI.Standard.A1.Flex", "linux/amd64,linux/arm64",
    ]
)  # fmt: skip
FILES = st.dictionaries(st.sampled_from(sorted(variables())), WORDS, max_size=12)


@given(values=FILES, local=st.booleans())
@example(values={"CONTAINER_OCPUS": "nan"}, local=True)
@example(values={"CONTAINER_MEMORY_GB": "inf"}, local=True)
@example(values={"DEFINED_TAGS": '{"A.B":"1","A":"x"}'}, local=False)
def test_a_file_is_a_deployment_or_problems(tmp_path_factory, values, local):
    """Any file gives a valid deployment, or a SettingsError whose problems all have a place."""
    path = tmp_path_factory.mktemp("settings") / "web.env"
    base = {"OCI_COMPARTMENT_OCID": "ocid1.compartment.oc1..a", "CONTAINER_INSTANCE_NAME": "web"}
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in {**base, **values}.items()]
    path.write_text("".join(lines), encoding="utf-8")
    spec, problems = None, ()
    try:
        settings = Settings.from_env_file(path, local=local, environment={"HOME": "/home/ada"})
        spec = settings.deployment_spec()
    except SettingsError as error:
        problems = error.problems
    assert (spec is None) is bool(problems)
    assert all(problem.place and problem.message for problem in problems)
    assert spec is None or validate(spec, accepts_symbolic_images=True) == ()
