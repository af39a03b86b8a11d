"""The notation of problems: Python for specs made in Python, YAML keys for specs from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from ocisidecar.errors import SpecError
from ocisidecar.spec import DeploymentSpec, InstanceSpec, NetworkSpec, SidecarSpec, VolumeSpec
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.validate.spec import check, validate

START = "begin with `name: <deployment>` and `instances:`, or with the name and the image_url of one instance"


def problems_in(text: str) -> list[str]:
    """Return what validation finds in an instance with these lines, without the instance's path."""
    spec = load_spec(f"name: web\nimage_url: web:1\n{text}")
    return [str(problem).removeprefix('instances["web"].') for problem in validate(spec)]


def loading_problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as raised:
        load_spec(text)
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ports: '80'", "ports: must be a list, got '80'; write [80]"),
        (
            "ports: ['80']",
            "ports[0].port: must be a whole number, got '80'; write 80",
        ),
        ("command: run", "command: must be a list, got 'run'; write ['run']"),
        ("arguments: '1'", "arguments: must be a list, got '1'; write ['1']"),
        ("arguments: [a, 1]", "arguments[1]: must be text, got 1; put it in quotes"),
        ("arguments: [true]", "arguments[0]: must be text, got true; put it in quotes"),
        ("memory_in_gbs: 4G", "memory_in_gbs: must be a number, got '4G'; write 4"),
        ("memory_in_gbs: 512 MiB", "memory_in_gbs: must be a number, got '512 MiB'; write 0.5"),
        ("replicas: '3'", "replicas: must be a whole number, got '3'; write 3"),
        ("replicas: 3k", "replicas: must be a whole number, got '3k'"),
        ("ocpus: 2k", "ocpus: must be a number, got '2k'"),
        ("ocpus: [1]", "ocpus: must be a number, got a list"),
        ("replicas:", "replicas: must be a whole number, got nothing"),
        (
            "placement: 2026-01-01",
            (
                "placement: must be a mapping with keys such as availability_domains, "
                "fault_domains, shapes, got '2026-01-01'"
            ),
        ),
        (
            "environment_variables: {PORT: 80}",
            (
                'environment_variables["PORT"]: must be text, {plain: …} or {ref: log/<name>}, got a number; put '
                "it in quotes"
            ),
        ),
        (
            "mounts: {/logs: logs}",
            "mounts[\"/logs\"]: there is no volume 'logs'; add volumes: [{empty_dir: logs}] to the instance",
        ),
        (
            "environment_variables: {TOKEN: hunter2}",
            (
                'environment_variables["TOKEN"]: looks like a secret, and OCI shows environment variables in clear '
                "text: mount it as a file with the volume {config_file: {name: secrets, files: {value: "
                "{secret: ocid1.vaultsecret…}}}}, or write {plain: …} if everyone who sees the container may read "
                "it"
            ),
        ),
        (
            "environment_variables: {X: {ref: vcn/main}}",
            'environment_variables["X"]: must refer to a log of the deployment, e.g. {ref: log/app}, got vcn/main',
        ),
        (
            "hostname_label: web",
            "hostname_label: needs a network with dns_label, e.g. network: {private: {dns_label: web}}",
        ),
    ],
)
def test_problems_of_values_in_a_file(text: str, problem: str):
    """A problem of a value in a file names YAML keys, and says what to write if that is known."""
    assert problems_in(text) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "name: shop\nalarms: [{absence: {destinations: [oncall]}}]\ninstances: [{name: a, image_url: a:1}]",
            (
                'alarms["absence"].destinations[0]: must be an OCID (ocid1.onstopic.… or ocid1.stream.…), got '
                "'oncall'; to make a topic, give TopicSpec('oncall'), in a spec file {name: oncall}"
            ),
        ),
        (
            "name: shop\nnetwork: {of: shop}",
            "network: {of: shop} names this deployment itself: name the deployment that has the network",
        ),
        (
            (
                "name: shop\nlogging: none\ninstances: [{name: web, image_url: a:1, "
                "environment_variables: {X: {ref: log/a}}}]"
            ),
            (
                'instances["web"].environment_variables["X"]: refers to the log \'a\', but the deployment has '
                "logging: none"
            ),
        ),
    ],
)
def test_problems_of_deployments_in_a_file(text: str, problem: str):
    """A problem between parts of a deployment in a file names the file's keys."""
    assert [str(one) for one in validate(load_spec(text))] == [problem]


def test_problems_of_forms_in_a_file():
    """Wrong arguments of a form are refused when the file is loaded, and an unknown form with the known ones."""
    text = "name: web\nimage_url: a:1\nvolumes: [{config_file: {name: v, files: {x: 1}}}, [1]]"
    assert loading_problems(text) == [
        (
            'volumes[0].config_file.files["x"]: must be text, {file: …}, {secret: …}, {prometheus: …} or '
            "{agent_response_file: {}}, got a number; put it in quotes"
        ),
        "volumes[1]: must be one of empty_dir, config_file, file_system, got a list",
    ]


def test_own_images_in_a_file_need_an_option():
    """The problem of a symbolic image in a file names the command line's option and Python's argument."""
    (problem,) = problems_in("sidecars: [grafana]")
    assert "then give --image-prefix (image_prefix= in Python) <region>" in problem


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("count", "replicas"),
        ("env", "environment_variables"),
        ("image", "image_url"),
        ("restart", "container_restart_policy"),
    ],
)
def test_keys_of_docker_compose_are_translated(key: str, meant: str):
    """The problem of a key of Docker Compose suggests our key with the same meaning."""
    assert f"{key}: unknown key, did you mean {meant!r}?" in loading_problems(
        f"name: web\nimage_url: a:1\n{key}: 1"
    )


def test_keys_of_other_parts_are_not_suggested():
    """For a key of Docker Compose without a counterpart in this part the problem lists the known keys."""
    assert loading_problems("name: shop\nnetwork: {public: {env: 1}}") == [
        "network.public.env: unknown key; known are cidr_block, subnet_cidr_block, dns_label, egress"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# nothing\n", f"it is empty: {START}"),
        ("- web\n", f"must be a mapping, got a list: {START}"),
        ("a\nb\n", f"must be a mapping, got text: {START}"),
    ],
)
def test_what_is_not_a_spec(text: str, problem: str):
    """An empty text, a list and a scalar are refused with an explanation of how a spec begins."""
    assert loading_problems(text) == [problem]


def test_a_form_without_arguments_may_be_empty():
    """`public:` without arguments means the same as `public`, and `public: true` is refused."""
    assert load_spec("name: shop\nnetwork: {public: }") == DeploymentSpec("shop", network=NetworkSpec.public())
    assert loading_problems("name: shop\nnetwork: {public: true}") == [
        (
            "network.public: must be a mapping with keys such as cidr_block, subnet_cidr_block, dns_label, got a "
            "boolean"
        )
    ]


class TestTheFilesName:
    """The file's name in the heading of errors."""

    def test_stands_in_the_heading(self, tmp_path: Path):
        """Errors of reading, syntax, keys and values all say `1 error in <file>:`."""
        path = tmp_path / "web.yaml"
        for text in (
            "a: [",
            "a: 1\na: 2",
            "name: web\nimage_url: a:1\nport: 80",
            "name: web\nimage_url: a:1\nocpus: x",
        ):
            path.write_text(text)
            with pytest.raises(SpecError, match=rf"^1 error in {path}:\n  - ") as raised:
                check(load_spec(path))
            assert raised.value.source == str(path)
        with pytest.raises(SpecError, match=rf"^1 error in {tmp_path}/none\.yaml:\n  - the file cannot be read"):
            load_spec(tmp_path / "none.yaml")

    def test_survives_changes_of_the_spec(self, tmp_path: Path):
        """A spec that was loaded and then changed still names its file, and equals one that was not loaded."""
        path = tmp_path / "web.yaml"
        spec = InstanceSpec("web", image_url="a:1")
        path.write_text(dump_spec(spec))
        loaded = load_spec(path)
        assert loaded == DeploymentSpec("web", [spec])
        assert dump_spec(loaded) == dump_spec(spec)
        changed = loaded.with_instance(evolve(spec, ocpus=0))
        with pytest.raises(SpecError, match=f"^1 error in {path}:"):
            check(changed)

    def test_is_given_with_each_problem_of_several_specs(self, tmp_path: Path):
        """In the errors of several specs each path begins with the deployment's name, after file and line."""
        path = tmp_path / "web.yaml"
        path.write_text("name: web\nimage_url: a:1\nreplicas: 0")
        with pytest.raises(
            SpecError, match=r"^1 error in the spec:\n  - .*web\.yaml, line 3, column 1: web: instances"
        ) as raised:
            check(load_spec(path), DeploymentSpec("shop"))
        assert raised.value.source is None

    def test_is_not_a_key(self):
        """A spec file cannot set the file's name."""
        assert loading_problems("name: shop\nsource_file: x") == [
            (
                "source_file: unknown key; known are name, instances, network, access, logging, alarms, "
                "topic, repositories, freeform_tags, defined_tags"
            )
        ]


def test_python_specs_name_python():
    """The problems of a spec made in Python name calls and arguments instead of keys."""
    instance = InstanceSpec("web", image_url="web:1", mounts={"/logs": "logs"}, hostname_label="web")
    assert [problem.message for problem in validate(DeploymentSpec("web", [instance]))] == [
        'there is no volume \'logs\'; add .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")',
        "needs a network with dns_label, e.g. NetworkSpec.private(dns_label='web')",
    ]
    sidecars = [SidecarSpec("a", image_url="a:1", mounts={"/x": VolumeSpec.empty_dir("x")}, arguments="run")]
    (problem,) = validate(DeploymentSpec("web", [InstanceSpec("web", image_url="web:1", sidecars=sidecars)]))
    assert problem.message == "must be a list, got 'run'; write ['run']"
