"""Settings files: any bytes give a valid deployment or `SettingsError`, and secrets are never shown."""

from __future__ import annotations

import json
import shlex
import tempfile
from functools import cache
from pathlib import Path
from random import Random

from ocisidecar.errors import SettingsError
from ocisidecar.settings import Settings
from ocisidecar.settings.secret import SECRET
from ocisidecar.settings.table import variables
from ocisidecar.settings.value_types import FLAG
from ocisidecar.settings.writing import write_values
from ocisidecar.spec.validate.spec import validate
from tests.fuzz import mutations

TEMPLATE = Path(__file__).parents[2] / "scripts" / "oci-monitoring.env.template"
PASSWORD = "xq7-Never-Shown-9vK"
WORDS = (
    "", "true", "false", "0", "1", "2", "80", "9090", "0.5", "nan", "inf", "web", "A=1", "A=1,B=2", 'A="1,2",B=3',
    "A=1,B", "{}", "[]", "{", '{"A":"1"}', '{"A":{"B":"1"}}', '{"A":{"B":1}}', '{"A.B":"1","A":"x"}', "null",
    "10.0.0.0/8", "x/y:1", "fra.ocir.io/ns/web:1", "fra", "eu-frankfurt-1", "your-name", "<region>",
    "env:HOME", "env:", "file:", "file:web.env", "file:.", "file:~", "file:~nobody-here/x", "file:a\x00b",
    "vault:ocid1.vaultsecret.oc1..a", "ocid1.subnet.oc1..a", "ocid1.vcn.oc1..a", "ocid1.compartment.oc1..a",
    "ocid1.networksecuritygroup.oc1..a", "ocid1.onstopic.oc1..a", "a b", "\n", "'", "CI.Standard.A1.Flex",
    "linux/amd64,linux/arm64", "[" * 3000, '{"A":' * 3000, "," * 3000, "A=" * 1000, '"' + "\\" * 999,
)  # fmt: skip
ENVIRONMENT = {"HOME": "/home/ada", "NAME": "web", "SECRET": PASSWORD, "SECRET_FILE": "file:secret"}
EMULATED = 0.4


@cache
def _seeds() -> tuple[bytes, ...]:
    chance = Random("the seeds of settings files")
    return (TEMPLATE.read_bytes(), *(_assignments(chance).encode("utf-8", "surrogatepass") for _ in range(100)))


def _assignments(chance: Random) -> str:
    """Return assignments of variables, most of which a file has."""
    base = {"OCI_COMPARTMENT_OCID": "ocid1.compartment.oc1..a", "CONTAINER_INSTANCE_NAME": "web"}
    names = [*variables(), "HTTP_PROXY", "UNKNOWN", "CONTAINER_INSTANCE_NAM"]
    some = {chance.choice(names): _word(chance) for _ in range(chance.randint(0, 12))}
    return "".join(_line(chance, *pair) for pair in {**base, **some}.items())


def _word(chance: Random) -> str:
    kind = chance.random()
    if kind < 0.75:
        return chance.choice(WORDS)
    if kind < 0.85:
        return json.dumps(mutations.value(chance))
    return mutations.text(chance)


def _line(chance: Random, name: str, word: str) -> str:
    variable = variables().get(name)
    if variable is not None and variable.value_type is SECRET:
        word = chance.choice([PASSWORD, "env:SECRET", "file:secret", "env:ABSENT", _word(chance)])
    elif variable is not None and variable.value_type is FLAG and chance.random() < 0.9:
        word = chance.choice(["true", "false", "yes", "0"])
    quoted = shlex.quote(word) if chance.random() < 0.8 else f'"{word}"'
    return f"{chance.choice(['', 'export '])}{name}={quoted}{chance.choice(['', '', '  # note', ';', ' '])}\n"


def attempt(chance: Random) -> str:
    """Read one input as settings, and use what was read; return what came of it."""
    is_whole = chance.random() < 0.5
    if is_whole:
        content = _assignments(chance).encode("utf-8", "surrogatepass")
    else:
        content = mutations.change_bytes(chance, chance.choice(_seeds()), _seeds())
    environment = dict(ENVIRONMENT)
    if chance.random() < 0.3:
        environment[chance.choice(list(variables()))] = _word(chance)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "web.env"
        path.write_bytes(content)
        (Path(directory) / "secret").write_text(f"{PASSWORD}\n")
        shown, result = _read(path, environment, is_local=chance.random() < EMULATED)
        if chance.random() < 0.1:
            _write(path)
    # A piece of a secret's line may have become another variable's value.
    assert not is_whole or PASSWORD not in shown, shown
    return result


def _refusal(error: SettingsError) -> str:
    """Return what a refusal says, which names a place for each problem."""
    assert error.problems
    assert all(one.place and one.message for one in error.problems)
    str(error).encode()
    return str(error)


def _read(path: Path, environment: dict[str, str], *, is_local: bool) -> tuple[str, str]:
    """Return everything that was shown, and what came of the file."""
    try:
        settings = Settings.from_env_file(path, local=is_local, environment=environment)
        shown = f"{settings!r} {' '.join(map(str, settings.warnings))}"
        spec = settings.deployment_spec()
    except SettingsError as error:
        return _refusal(error), "refused"
    assert validate(spec, image_prefix=settings.image_prefix, accepts_symbolic_images=True) == ()
    return f"{shown} {spec!r} {settings.connection}", "deployable"


def _write(path: Path) -> None:
    """Write a value into a file that can be read, and find it there."""
    try:
        write_values(path, {"OCIR_REGION": "iad"})
    except UnicodeDecodeError:
        return
    try:
        found = Settings.from_env_file(path, local=True, environment={}).values.ocir_region
    except SettingsError:
        return
    assert found == "iad"
