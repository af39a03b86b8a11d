"""Validation: every problem at once, each with its path, value, range and unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ocisidecar.errors import SpecError
from ocisidecar.spec import (
    AccessSpec,
    AlarmSpec,
    DeploymentSpec,
    DnsConfig,
    HealthCheck,
    ImagePullSecret,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    PlacementSpec,
    Plain,
    Port,
    RepositorySpec,
    RolloutSpec,
    ScrapeTarget,
    SecretRef,
    SecurityContext,
    SidecarSpec,
    Statement,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.spec.validate.spec import check, validate
from ocisidecar.wire import Key, Ref

WEB = InstanceSpec("web", image_url="nginx:1.27")
SHOP = DeploymentSpec("shop", [WEB])
OPS = (TopicSpec("ops"),)
SIDECAR = SidecarSpec("extra", image_url="extra:1")


def problems_of(spec: DeploymentSpec, **options: Any) -> list[str]:
    return [str(problem) for problem in validate(spec, **options)]


def web(**fields: Any) -> list[str]:
    """Return the problems of the instance `web` with these fields, without its path."""
    prefix = 'instances["web"].'
    return [problem.removeprefix(prefix) for problem in problems_of(SHOP.with_instance(evolve(WEB, **fields)))]


def extra(**fields: Any) -> list[str]:
    """Return the problems of a sidecar with these fields, without its path."""
    prefix = 'sidecars["extra"].'
    return [problem.removeprefix(prefix) for problem in web(sidecars=[evolve(SIDECAR, **fields)])]


def test_check_raises_every_problem_at_once():
    """`check` raises one SpecError that holds the problems of all parts, and passes a valid spec."""
    check(SHOP)
    broken = SHOP.with_instance(evolve(WEB, replicas=0, ocpus=100, ports=[0]))
    with pytest.raises(SpecError) as raised:
        check(evolve(broken, name="not a name", network=NetworkSpec.private(cidr_block="10.0.0.0/99")))
    assert {problem.path for problem in raised.value.problems} == {
        "name",
        'instances["web"].replicas',
        'instances["web"].ocpus',
        'instances["web"].ports[0].port',
        "network.cidr_block",
    }
    assert "5 errors in the spec" in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"ocpus": "1"}, "ocpus: must be a number, got '1'; write 1"),
        ({"ocpus": True}, "ocpus: must be a number, got True"),
        ({"ocpus": float("nan")}, "ocpus: must be a number, got nan"),
        ({"replicas": 1.5}, "replicas: must be a whole number, got 1.5"),
        ({"command": "echo hi"}, "command: must be a list, got 'echo hi'; write ['echo hi']"),
        ({"arguments": ["a", 1]}, "arguments[1]: must be text, got 1; put it in quotes"),
        (
            {"environment_variables": ["A=1"]},
            "environment_variables: must be a mapping with text as keys, got a value of type list",
        ),
        (
            {"environment_variables": {1: "x"}},
            "environment_variables: must be a mapping with text as keys, got a value of type dict",
        ),
        (
            {"environment_variables": {"A": 8080}},
            'environment_variables["A"]: must be text, a Plain or a Ref, got a value of type int; put it in quotes',
        ),
        ({"placement": None}, "placement: must be a PlacementSpec, got None"),
        ({"ports": ["80"]}, "ports[0]: must be a Port, got '80'; write 80"),
        ({"ports": 80}, "ports: must be a list, got 80"),
        ({"sidecars": [b"x"]}, "sidecars[0]: must be a SidecarSpec, got a value of type bytes"),
        (
            {"container_restart_policy": "always"},
            (
                "container_restart_policy: must be one of 'ALWAYS', 'NEVER', 'ON_FAILURE', got "
                "'always', did you mean 'ALWAYS'?"
            ),
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_named(fields: dict[str, Any], problem: str):
    """The problem of a wrong type says what is expected and, unless it may be secret, what was given."""
    assert web(**fields) == [problem]


def test_wrong_types_do_not_hide_problems_elsewhere():
    """A value of the wrong type does not hide problems of other fields and instances."""
    spec = SHOP.with_instance(evolve(WEB, ocpus="1", replicas=0))
    spec = spec.with_instance(InstanceSpec("other", image_url="a:1", memory_in_gbs=1000, mounts={"/x": "nothing"}))
    assert [problem.split(":")[0] for problem in problems_of(spec)] == [
        'instances["web"].ocpus',
        'instances["web"].replicas',
        'instances["other"].mounts["/x"]',
        'instances["other"].memory_in_gbs',
    ]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"image_url": "no image"},
            (
                "image_url: must be an image reference such as fra.ocir.io/namespace/web:1.4, got 'no image': the "
                "path 'no image' is not lower-case words joined by '/', '-', '_' or '.'"
            ),
        ),
        ({"shape": "CI Standard"}, "shape: must be a shape such as CI.Standard.E4.Flex, got 'CI Standard'"),
        (
            {"working_directory": "srv"},
            "working_directory: must be an absolute path without '.' and '..', and not '/', got 'srv'",
        ),
        (
            {"environment_variables": {"A=B": "x"}},
            "environment_variables[\"A=B\"]: must be a name of letters, digits, '_', '.' and '-', got 'A=B'",
        ),
        ({"ocpus": -2}, "ocpus: must be more than 0 OCPUs, got -2"),
        ({"vcpus_limit": 0}, "vcpus_limit: must be more than 0 logical CPUs, got 0"),
        ({"ephemeral_storage_in_gbs": -1}, "ephemeral_storage_in_gbs: must be at least 0 GB, got -1"),
        ({"replicas": 1001}, "replicas: must be 1 to 1000 replicas, got 1001"),
        (
            {"graceful_shutdown_timeout_in_seconds": 301},
            "graceful_shutdown_timeout_in_seconds: must be 0 to 300 s, got 301",
        ),
        (
            {"ports": [Port(80, sources=["anyone"])]},
            "ports[0].sources[0]: must be 'vcn' or an IPv4 CIDR block such as 203.0.113.0/24, got 'anyone'",
        ),
        ({"ports": [Port(80, sources=[])]}, "ports[0].sources: must hold 1 to 100 sources, got 0"),
        ({"display_name": ""}, "display_name: must be 1 to 255 characters, got 0"),
        ({"private_ip": "10.0.0"}, "private_ip: must be an IP address, got '10.0.0'"),
        (
            {"dns_config": DnsConfig(nameservers=["dns"])},
            "dns_config.nameservers[0]: must be an IP address, got 'dns'",
        ),
        (
            {"freeform_tags": {"a.b": "x"}},
            "freeform_tags[\"a.b\"]: must be 1 to 100 characters without blanks and dots, got 'a.b'",
        ),
        ({"freeform_tags": {"a": "x" * 257}}, 'freeform_tags["a"]: must be 0 to 256 characters, got 257'),
        (
            {"placement": PlacementSpec(availability_domains=["one"])},
            "placement.availability_domains[0]: must be 1, 'AD-1' or 'Uocm:PHX-AD-1', got 'one'",
        ),
        (
            {"placement": PlacementSpec(fault_domains=[4])},
            "placement.fault_domains[0]: must be 1 to 3 or 'FAULT-DOMAIN-1' to '-3', got 'FAULT-DOMAIN-4'",
        ),
        (
            {"rollout": RolloutSpec(max_unavailable=-1)},
            "rollout.max_unavailable: must be at least 0 replicas, got -1",
        ),
        (
            {"health_checks": [HealthCheck.http(80, path="health")]},
            "health_checks[0].path: must be an URL path that starts with '/', got 'health'",
        ),
        (
            {"health_checks": [HealthCheck.tcp(80, interval_in_seconds=0)]},
            "health_checks[0].interval_in_seconds: must be at least 1 s, got 0",
        ),
        (
            {"image_pull_secrets": [ImagePullSecret.vault("ghcr.io", secret_id="x")]},
            "image_pull_secrets[0].secret_id: must be an OCID (ocid1.vaultsecret.…), got 'x'",
        ),
        (
            {"scrape": ScrapeTarget(80, labels={"a-b": "x"})},
            "scrape[0].labels[\"a-b\"]: must be a label name, got 'a-b'",
        ),
    ],
)
def test_a_value_out_of_range_is_named(fields: dict[str, Any], problem: str):
    """A value that breaks its field's rule is a problem with the range and the value."""
    assert web(**fields) == [problem]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            Statement("own", "metrics", reason="r"),
            "verb: must be one of 'inspect', 'read', 'use', 'manage', got 'own'",
        ),
        (
            Statement("use", "Metrics", reason="r"),
            "resource_type: must be a resource type such as log-content, got 'Metrics'",
        ),
        (
            Statement("use", "metrics\nAllow any-user to", reason="r"),
            "resource_type: must be a resource type such as log-content, got 'metrics\\nAllow any-user to'",
        ),
        (
            Statement("use", "metrics", where='x="y"', reason="r"),
            "where: must be one condition in a line, its values in single quotes, got 'x=\"y\"'",
        ),
        (
            Statement("use", "metrics", where="x='y", reason="r"),
            'where: must close its quotes and braces, got "x=\'y"',
        ),
        (Statement("use", "metrics", reason=""), "reason: must be 1 to 400 characters, got 0"),
    ],
)
def test_policy_statements_cannot_be_broken_out_of(statement: Statement, problem: str):
    """A verb, type or condition that could end its policy statement is a problem."""
    assert web(statements=[statement]) == [f"statements[0].{problem}"]


@pytest.mark.parametrize(
    ("volume", "problem"),
    [
        (VolumeSpec.config_file("v", {}), "files: must hold at least one file"),
        (
            VolumeSpec.config_file("v", {"../x": ""}),
            "files[\"../x\"]: must be a relative path without '.' and '..', got '../x'",
        ),
        (
            VolumeSpec.config_file("v", {"x": Path("missing.toml")}),
            'files["x"]: cannot read missing.toml: give an existing file, or the content itself',
        ),
        (
            VolumeSpec.config_file("v", {"x": SecretRef("mine")}),
            (
                'files["x"].secret_id: must be an OCID (ocid1.vaultsecret.… or '
                "ocid1.vaultsecretversion.…), got 'mine'"
            ),
        ),
        (
            VolumeSpec.config_file("v", {"x": 5}),
            (
                'files["x"]: must be bytes, a Path, a SecretRef, a PrometheusConfig or an AgentResponseFile, got a '
                "value of type int"
            ),
        ),
        (VolumeSpec("v", kind="file_system"), "mount_target_id: must be given together with export_id"),
    ],
)
def test_volumes(volume: VolumeSpec, problem: str):
    """A volume that OCI would refuse is a problem, which does not show contents."""
    assert web(volumes=[volume]) == [f'volumes["v"].{problem}']


def test_unknown_volume_names_the_line_to_add():
    """A mount of an undeclared volume suggests the nearest name and the line to add."""
    (problem,) = problems_of(
        SHOP.with_instance(
            WEB.with_volume(VolumeSpec.empty_dir("log"), mount_path="/logs").with_sidecar(
                SidecarSpec.log_forwarder()
            )
        ),
        accepts_symbolic_images=True,
    )
    assert problem == (
        'instances["web"].sidecars["log-forwarder"].mounts["/logs"]: there is no volume \'logs\', did you mean '
        '\'log\'? If not, add .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")'
    )


def test_volumes_and_mounts_clash():
    """Two volumes of one name, and two mounts at one path, are problems."""
    assert web(volumes=[VolumeSpec.empty_dir("v"), VolumeSpec.empty_dir("v", backing_store="MEMORY")]) == [
        'volumes["v"].name: duplicate name: volume names must be unique'
    ]
    first, second = VolumeSpec.empty_dir("v"), VolumeSpec.empty_dir("v", backing_store="MEMORY")
    assert web(mounts={"/a": first}, sidecars=[evolve(SIDECAR, mounts={"/a": second})]) == [
        'sidecars["extra"].mounts["/a"]: declares a volume \'v\' that differs from another one of this name'
    ]
    assert web(volumes=[first], mounts={"/a": "v", "/a/": "v"}) == ['mounts["/a"]: is mounted twice']
    assert web(mounts={"/a": first}, sidecars=[evolve(SIDECAR, mounts={"/a": first})]) == []


def test_container_names_are_unique():
    """Two sidecars of one name, or one named like the app, are problems."""
    assert web(sidecars=[SIDECAR, SIDECAR]) == [
        'sidecars["extra"].name: duplicate name: container names must be unique'
    ]
    assert web(sidecars=[evolve(SIDECAR, name="web")]) == [
        (
            'sidecars["web"].name: duplicate name: container names must be unique '
            "(the app's container is named like the instance)"
        )
    ]


def test_ports_clash():
    """A port that two containers use, or that is opened twice, is a problem."""
    assert web(health_checks=[HealthCheck.tcp(8080)], sidecars=[evolve(SIDECAR, scrape=ScrapeTarget(8080))]) == [
        'sidecars["extra"]: port 8080 is used by web and extra: the containers of an instance share one network'
    ]
    assert web(ports=[80, Port(80, sources=["10.0.0.0/8"]), Port(80, protocol="udp")]) == [
        "ports: tcp 80 is opened twice: list all its sources in one entry"
    ]


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "TOKEN", "github_token", "CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "API_KEY"]
)
def test_secrets_in_the_environment_are_refused(name: str):
    """A literal value of a variable named like a secret is a problem that says what to do and shows no value."""
    (problem,) = web(environment_variables={name: "hunter2"})
    assert problem.startswith(f'environment_variables["{name}"]: looks like a secret')
    assert "SecretRef" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [("DB_PASSWORD_FILE", "/run/x"), ("MAX_TOKENS", "9"), ("TOKEN_TTL", "9"), ("TOKEN", ""), ("TOKEN", Plain("x"))],
)
def test_what_only_resembles_a_secret_passes(name: str, value: str | Plain):
    """Paths, numbers, empty values and values declared as plain are not taken for secrets."""
    assert web(environment_variables={name: value}) == []


def test_own_images_need_a_prefix_in_the_cloud():
    """A symbolic image without image_prefix is a problem that names the field and the build command."""
    spec = SHOP.with_instance(WEB.with_sidecar(SidecarSpec.grafana()))
    (problem,) = problems_of(spec)
    assert problem.startswith('instances["web"].sidecars["grafana"].image_url: \'ocisidecar/grafana:')
    assert "python scripts/build_all.py" in problem
    assert "image_prefix" in problem
    assert problems_of(spec, image_prefix="fra.ocir.io/acme/ocisidecar") == []
    assert problems_of(spec, accepts_symbolic_images=True) == []
    assert problems_of(spec, image_prefix="https://fra.ocir.io/acme") == [
        (
            "image_prefix: must be a registry with a path, such as fra.ocir.io/namespace/path, "
            "got 'https://fra.ocir.io/acme': 'https:' is not a registry's name such as fra.ocir.io"
        )
    ]


@pytest.mark.parametrize(
    "fields",
    [{"shape": "CI.Standard.A1.Flex"}, {"placement": PlacementSpec(shapes=["CI.Standard.A1.Flex"])}],
    ids=["shape", "placement"],
)
def test_the_management_agent_is_refused_on_arm(fields):
    """Oracle's agent exists for x86 only; the problem names the sidecar that takes its place."""
    spec = SHOP.with_instance(evolve(WEB, **fields).with_sidecar(SidecarSpec.management_agent()))
    (problem,) = problems_of(spec, accepts_symbolic_images=True)
    assert problem.startswith('instances["web"].sidecars["management-agent"].image_url: ')
    assert "A1" in problem
    assert "SidecarSpec.metrics_forwarder()" in problem


def test_a_data_source_for_an_agent_is_checked():
    """What the service or the agent would refuse is a problem at the field of the response file."""
    agent = SidecarSpec.management_agent(
        image_url="a:1", data_source="api", scrape_url="ftp://a", metric_namespace="oci_a"
    )
    found = {
        one.path.rpartition(".")[2]: one.message for one in validate(SHOP.with_instance(WEB.with_sidecar(agent)))
    }
    assert found.keys() == {"scrape_url", "metric_namespace"}
    assert found["scrape_url"].startswith("must be http://")


def test_preset_problems_are_reported():
    """A problem that a preset reports is a problem of its sidecar."""
    agent = SidecarSpec.management_agent(image_url="a:1", scrape_url="ftp://a")
    (problem,) = problems_of(SHOP.with_instance(WEB.with_sidecar(agent)))
    assert problem.startswith('instances["web"].sidecars["management-agent"]: scrape_url must be http://')


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"ocpus": 65}, "ocpus: must be 1 to 64 OCPUs on CI.Standard.E4.Flex, got 65"),
        ({"memory_in_gbs": 65}, "memory_in_gbs: must be 1 to 64 GB with 1 OCPUs on CI.Standard.E4.Flex, got 65"),
        (
            {"ocpus": 4, "memory_in_gbs": 3},
            "memory_in_gbs: must be 4 to 256 GB with 4 OCPUs on CI.Standard.E4.Flex, got 3",
        ),
        (
            {"placement": PlacementSpec(shapes=["CI.Standard.A1.Flex"]), "vcpus_limit": 2},
            "vcpus_limit: must be at most 1 logical CPUs of 1 OCPUs on CI.Standard.A1.Flex, got 2",
        ),
        (
            {"memory_in_gbs": 2, "memory_limit_in_gbs": 3},
            "memory_limit_in_gbs: must be at most 2 GB of memory on CI.Standard.E4.Flex, got 3",
        ),
        (
            {"vcpus_limit": 1.5, "sidecars": [evolve(SIDECAR, vcpus_limit=0.75)]},
            (
                "vcpus_limit: the containers' limits add up to 2.25 of 2 logical CPUs of 1 OCPUs on "
                "CI.Standard.E4.Flex (web 1.5 + extra 0.75)"
            ),
        ),
        (
            {"memory_in_gbs": 1, "sidecars": [evolve(SIDECAR, memory_limit_in_gbs=1)]},
            (
                "memory_limit_in_gbs: the containers' limits add up to 1 of 1 GB of memory on "
                "CI.Standard.E4.Flex, which leaves nothing to the app (extra 1)"
            ),
        ),
        (
            {"ephemeral_storage_in_gbs": 12, "sidecars": [SidecarSpec.prometheus()]},
            (
                "ephemeral_storage_in_gbs: an instance has 15 GB of it, its containers declare 17 "
                "(web 12 + prometheus 5)"
            ),
        ),
        (
            {"environment_variables": {"A": "x" * 65536}},
            "environment_variables: names and values must be 65536 bytes at most in all, got 65537",
        ),
        (
            {"environment_variables": {"A": Plain("é" * 32768)}},
            "environment_variables: names and values must be 65536 bytes at most in all, got 65537",
        ),
        ({"arguments": ["x" * 65537]}, "arguments: must be 65536 bytes at most in all, got 65537"),
        (
            {"sidecars": [evolve(SIDECAR, name=f"s{i}") for i in range(60)]},
            "sidecars: OCI runs at most 60 containers in an instance, got 61",
        ),
        (
            {"volumes": [VolumeSpec.empty_dir(f"v{i}") for i in range(33)]},
            "volumes: OCI attaches at most 32 volumes to an instance, got 33",
        ),
    ],
)
def test_budget(fields: dict[str, Any], problem: str):
    """Sums above OCI's limits or the shape's capacity are problems that contain the sum."""
    assert web(**fields) == [problem]


def test_budget_boundaries():
    """Limits that add up to exactly the capacity pass, and those of an unknown shape are not checked."""
    assert (
        web(
            vcpus_limit=1.25,
            memory_limit_in_gbs=15,
            sidecars=[evolve(SIDECAR, vcpus_limit=0.75, memory_limit_in_gbs=1)],
        )
        == []
    )
    assert web(shape="CI.Standard.Next.Flex", ocpus=500, vcpus_limit=5000) == []
    assert web(ephemeral_storage_in_gbs=15, environment_variables={"A": "x" * 65535}, arguments=["x" * 65536]) == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (
            DeploymentSpec("shop", [WEB, WEB]),
            'instances["web"].name: duplicate name: names must be unique',
        ),
        (
            evolve(SHOP, alarms=[AlarmSpec.absence(destinations=[TopicSpec("a")])] * 2),
            'alarms["absence"].name: duplicate name: names must be unique',
        ),
        (
            evolve(SHOP, repositories=[RepositorySpec("Acme")]),
            "repositories[\"Acme\"].name: must be lower-case words joined by '/', '-', '_' or '.', got 'Acme'",
        ),
        (
            evolve(SHOP, repositories=[RepositorySpec("a" * 236)]),
            f'repositories["{"a" * 236}"].name: must be 1 to 235 characters, got 236',
        ),
        (
            evolve(SHOP, network=NetworkSpec.private(subnet_cidr_block="10.1.0.0/24")),
            "network.subnet_cidr_block: 10.1.0.0/24 must lie within cidr_block 10.0.0.0/16",
        ),
        (
            DeploymentSpec(
                "shop", [evolve(WEB, replicas=14)], network=NetworkSpec.private(subnet_cidr_block="10.0.0.0/28")
            ),
            "network.subnet_cidr_block: 10.0.0.0/28 has 13 addresses for 14 container instances",
        ),
        (
            evolve(SHOP, instances=[evolve(WEB, ports=range(1, 121))], network=NetworkSpec.private()),
            (
                'instances["web"].ports: a network security group holds 120 rules, and a port takes one for '
                "each source: 120 beside 1 outgoing. Give wider ranges, or open fewer ports"
            ),
        ),
        (
            evolve(SHOP, network=NetworkSpec.private(cidr_block="10.0.0.1/16")),
            (
                "network.cidr_block: must be an IPv4 CIDR block such as 10.0.0.0/16, got "
                "'10.0.0.1/16' (10.0.0.1/16 has host bits set)"
            ),
        ),
        (
            evolve(SHOP, network=NetworkSpec.private(dns_label="my-net")),
            "network.dns_label: must be 1 to 15 letters and digits, the first a letter, got 'my-net'",
        ),
        (
            evolve(SHOP, network=NetworkSpec.existing("subnet")),
            "network.subnet_id: must be an OCID (ocid1.subnet.…), got 'subnet'",
        ),
        (
            evolve(SHOP, network=NetworkSpec.existing("ocid1.subnet.oc1.fra.a", nsg_ids=["x"])),
            "network.nsg_ids[0]: must be an OCID (ocid1.networksecuritygroup.…), got 'x'",
        ),
        (
            evolve(SHOP, network=NetworkSpec.of("shop")),
            "network: .of('shop') names this deployment itself: name the deployment that has the network",
        ),
        (
            evolve(SHOP, access=AccessSpec.of("shop")),
            "access: .of('shop') names this deployment itself: name the deployment that has the access",
        ),
        (
            evolve(SHOP, access=AccessSpec.deployment(defined_tag="key")),
            "access.defined_tag: must be 'namespace.key', got 'key'",
        ),
        (
            evolve(SHOP, logging=LoggingSpec.deployment(retention_duration_in_days=31)),
            "logging.retention_duration_in_days: must be one of 30, 60, 90, 120, 150, 180 days, got 31",
        ),
        (evolve(SHOP, logging=LoggingSpec.existing()), "logging.log_id: give either log_id or log_group_id"),
        (
            evolve(SHOP, alarms=[AlarmSpec("a", query="CpuUtilization > 3", destinations=OPS)]),
            (
                'alarms["a"].query: must be a Monitoring query such as CpuUtilization[1m].mean() '
                "> 80, got 'CpuUtilization > 3'"
            ),
        ),
        (
            evolve(
                SHOP, alarms=[AlarmSpec("a", query="A[1m].max() > 3", pending_duration="PT2H", destinations=OPS)]
            ),
            "alarms[\"a\"].pending_duration: must be an ISO 8601 duration of PT1M to PT1H, got 'PT2H'",
        ),
        (
            evolve(SHOP, alarms=[AlarmSpec("a", query="A[1m].max() > 3", pending_duration="P", destinations=OPS)]),
            "alarms[\"a\"].pending_duration: must be an ISO 8601 duration of PT1M to PT1H, got 'P'",
        ),
        (
            evolve(SHOP, alarms=[AlarmSpec.absence(destinations=["me@example.org"])]),
            (
                'alarms["absence"].destinations[0]: must be an OCID (ocid1.onstopic.… or '
                "ocid1.stream.…), got 'me@example.org'"
            ),
        ),
        (
            evolve(SHOP, alarms=[AlarmSpec.absence(destinations=[TopicSpec("a"), TopicSpec("b")])]),
            'alarms["absence"].destinations: OCI allows at most one topic and one stream for an alarm',
        ),
        (
            evolve(
                SHOP,
                alarms=[
                    AlarmSpec.absence(destinations=[TopicSpec("a")]),
                    AlarmSpec.cpu_utilization(destinations=[TopicSpec("a", description="x")]),
                ],
            ),
            "alarms: two different topics have the name 'a': make them equal, or rename one",
        ),
        (
            DeploymentSpec("shop", alarms=[AlarmSpec.absence(destinations=OPS)]),
            'alarms["absence"].query: $instances stands for the instances, but the deployment has none',
        ),
        (
            evolve(SHOP, freeform_tags={f"t{i}": "" for i in range(7)}),
            "freeform_tags: OCI allows 10 free-form tags on a resource, 4 of which are used by this library, got 7",
        ),
        (
            evolve(SHOP, freeform_tags={"ocisidecar-key": "x"}),
            "freeform_tags: tags that start with 'ocisidecar-' are reserved for this library, got 'ocisidecar-key'",
        ),
    ],
)
def test_deployments(spec: DeploymentSpec, problem: str):
    """A contradiction between parts of a deployment is a problem."""
    assert problem in problems_of(spec)


def test_tags_of_parts():
    """VNICs may have ten free-form tags, and instances six."""
    seven = {f"t{i}": "" for i in range(7)}
    eleven = {f"t{i}": "" for i in range(11)}
    assert web(freeform_tags=seven) == [
        "freeform_tags: OCI allows 10 free-form tags on a resource, 4 of which are used by this library, got 7"
    ]
    message = "OCI allows 10 free-form tags on a resource, got 11"
    assert web(vnic_freeform_tags=eleven) == [f"vnic_freeform_tags: {message}"]
    assert web(vnic_freeform_tags=seven) == []


def test_repositories_cannot_be_immutable():
    """An immutable repository is a problem that gives the service's answer."""
    (problem,) = problems_of(DeploymentSpec("shop", repositories=[RepositorySpec("acme/web", is_immutable=True)]))
    assert problem.startswith(
        'repositories["acme/web"].is_immutable: must be False: OCI answers "Setting isImmutable'
    )


def test_containers_have_no_tags():
    """Tags of the app's container or of a sidecar are a problem that names the reason and the remedy."""
    ops = {"Ops": {"Team": "a"}}
    message = "which include those of this library: set {} on the instance instead"
    for problem, name in (
        (web(container_freeform_tags={"team": "a"}), "'team'"),
        (web(container_defined_tags=ops), "'Ops'"),
        (extra(freeform_tags={"team": "a"}), "'team'"),
        (extra(defined_tags=ops), "'Ops'"),
    ):
        assert len(problem) == 1
        assert problem[0].endswith(message.format(name))


def test_addresses():
    """A fixed address needs one replica and lies in the subnet, and a host name needs a network with dns_label."""
    assert web(private_ip="10.0.0.5", replicas=2) == [
        "private_ip: can belong to one instance only, and there are 2 replicas"
    ]
    assert web(private_ip="10.0.16.5") == ["private_ip: must lie in the subnet 10.0.0.0/20, got 10.0.16.5"]
    assert web(hostname_label="web") == [
        "hostname_label: needs a network with dns_label, e.g. NetworkSpec.private(dns_label='web')"
    ]
    elsewhere = evolve(SHOP, network=NetworkSpec.of("platform"))
    instance = evolve(WEB, private_ip="172.16.0.9", hostname_label="web")
    assert problems_of(elsewhere.with_instance(instance)) == []


@pytest.mark.parametrize("field", ["private_ip", "hostname_label"])
def test_an_address_belongs_to_one_instance(field):
    """An address or host name that two instances ask for is a problem of the second, whatever the letters' case."""
    first, second = ("10.0.0.5", "10.0.0.5") if field == "private_ip" else ("web", "WEB")
    network = NetworkSpec.private(dns_label="shop")
    spec = evolve(SHOP, network=network, instances=[evolve(WEB, **{field: first})])
    other = evolve(WEB, name="jobs", **{field: second})
    message = f"{first} is that of the instance 'web' already, and both are in one subnet"
    assert problems_of(spec.with_instance(other)) == [f'instances["jobs"].{field}: {message}']
    assert problems_of(spec.with_instance(evolve(other, **{field: None}))) == []


def test_a_single_address_is_no_network():
    """A CIDR block without a prefix length, or with one that OCI refuses, is a problem."""
    for block in ("10.0.0.0", "10.0.0.0/8"):
        spec = evolve(SHOP, network=NetworkSpec.private(cidr_block=block))
        assert f"network.cidr_block: must have a prefix length of /16 to /30, got {block!r}" in problems_of(spec)


def test_log_references():
    """A reference to a log that the deployment does not have is a problem with the nearest name."""
    path = 'environment_variables["LOG"]'
    assert web(environment_variables={"LOG": Ref(Key("log", "ap"))}) == [
        f"{path}: there is no log 'ap', did you mean 'app'?"
    ]
    assert web(environment_variables={"LOG": Ref(Key("subnet", "main"))}) == [
        (f"{path}: must refer to a log of the deployment, e.g. Ref(Key('log', 'app')), got subnet/main")
    ]
    instance = evolve(WEB, environment_variables={"LOG": Ref(Key("log", "any"))})
    assert problems_of(evolve(SHOP, logging=LoggingSpec.none()).with_instance(instance)) == [
        f"instances[\"web\"].{path}: refers to the log 'any', but the deployment has LoggingSpec.none()"
    ]
    existing = LoggingSpec.existing(log_id="ocid1.log.oc1.fra.a")
    assert problems_of(evolve(SHOP, logging=existing).with_instance(instance)) == []


def test_pull_secrets_are_unique():
    """Two secrets for one registry are a problem."""
    secret = ImagePullSecret.vault("ghcr.io", secret_id="ocid1.vaultsecret.oc1.fra.a")
    assert web(image_pull_secrets=[secret, secret]) == [
        "image_pull_secrets: duplicate registry 'ghcr.io': give one secret for each registry"
    ]


def test_security_contexts_contradict_themselves():
    """A group without a user, and user 0 with the non-root check, are problems."""
    assert web(container_security_context=SecurityContext(run_as_group=5)) == [
        "container_security_context.run_as_group: needs run_as_user"
    ]
    assert web(container_security_context=SecurityContext.restricted(run_as_user=0)) == [
        "container_security_context.run_as_user: is 0, which is_non_root_user_check_enabled refuses"
    ]


@pytest.mark.parametrize(
    ("vcn", "subnet"),
    [("10.7.0.0/16", "10.7.0.0/20"), ("10.7.0.0/24", "10.7.0.0/24"), ("nonsense", "nonsense")],
)
def test_a_subnet_follows_its_network(vcn, subnet):
    """The default subnet is the first /20 of the VCN's range, or all of a smaller range."""
    assert NetworkSpec.private(cidr_block=vcn).subnet_block == subnet
    assert NetworkSpec.public(cidr_block=vcn).subnet_block == subnet
