"""A container instance's body as request bodies of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocisidecar.engine.translate import (
    Capacity,
    capacity,
    check_user,
    container_config,
    container_name,
    network_owner_config,
)
from ocisidecar.engine.values import Injection
from ocisidecar.errors import PodFailed

GB = 1024**3
INSTANCE = Capacity(cpus=2, memory_bytes=4 * GB)
WEB = {"displayName": "web", "imageUrl": "web:1"}


@pytest.mark.parametrize(
    ("shape", "config", "host_cpus", "expected"),
    [
        (
            "CI.Standard.E4.Flex",
            {"ocpus": 1, "memoryInGBs": 2.5},
            8,
            Capacity(cpus=2, memory_bytes=int(2.5 * GB)),
        ),
        ("CI.Standard.E4.Flex", {"ocpus": 2}, 8, Capacity(cpus=4, memory_bytes=32 * GB)),
        ("CI.Standard.A1.Flex", {"ocpus": 2, "memoryInGBs": None}, 8, Capacity(cpus=2, memory_bytes=12 * GB)),
        ("CI.Standard.Ampere.Generic", {"ocpus": 3, "memoryInGBs": 1}, 8, Capacity(cpus=3, memory_bytes=GB)),
        ("CI.Standard.E4.Flex", {"ocpus": 64, "memoryInGBs": 64}, 2, Capacity(cpus=2, memory_bytes=64 * GB)),
    ],
)
def test_the_shape_gives_cpus_and_memory(shape, config, host_cpus, expected):
    """An OCPU is two CPUs on x86 and one on Arm, and the capacity never exceeds the host's CPUs."""
    assert capacity({"shape": shape, "shapeConfig": config}, host_cpus=host_cpus) == expected


def config(details, injection=None):
    return container_config(
        {**WEB, **details},
        image="sha256:1",
        network_owner="pause",
        limits=INSTANCE,
        groups=["2000"],
        mounts=[],
        injection=injection or Injection(),
        labels={"ocisidecar": "pod"},
    )


def test_a_container_without_limits_gets_those_of_the_instance():
    """Command and user are the image's; network, groups, labels and limits are the pod's."""
    made = config({})
    assert (made["Entrypoint"], made["Cmd"], made["User"], made["WorkingDir"]) == (None, None, "", "")
    assert (made["Image"], made["Labels"]) == ("sha256:1", {"ocisidecar": "pod"})
    host = made["HostConfig"]
    assert (host["NetworkMode"], host["GroupAdd"]) == ("container:pause", ["2000"])
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (2 * 10**9, 4 * GB, 4 * GB)
    assert not host["ReadonlyRootfs"]


@pytest.mark.parametrize(
    ("limits", "nano_cpus", "memory"),
    [
        ({"vcpusLimit": 0.25, "memoryLimitInGBs": 0.125}, 250_000_000, GB // 8),
        ({"vcpusLimit": None, "memoryLimitInGBs": None}, 2 * 10**9, 4 * GB),
        ({"vcpusLimit": 16.0, "memoryLimitInGBs": 100}, 2 * 10**9, 4 * GB),
    ],
)
def test_limits_never_exceed_the_instance(limits, nano_cpus, memory):
    """A limit above the instance is lowered to it, and swap cannot extend the memory limit."""
    host = config({"resourceConfig": limits})["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (nano_cpus, memory, memory)


def test_command_is_the_entrypoint_and_arguments_are_the_command():
    """OCI's command replaces ENTRYPOINT, and OCI's arguments replace CMD."""
    made = config({"command": ["sh", "-c"], "arguments": ["exit 1"]})
    assert (made["Entrypoint"], made["Cmd"]) == (["sh", "-c"], ["exit 1"])


def test_injected_values_take_precedence_and_are_in_no_repr():
    """Injected variables replace the body's, injected directories are read-only, and no repr shows a value."""
    injection = Injection(environment_variables={"TOKEN": "s3cret"}, mounts={"/var/oci": Path("/tmp/oci")})
    made = config({"environmentVariables": {"TOKEN": "mine", "A": "1"}}, injection)
    assert made["Env"] == ["TOKEN=s3cret", "A=1"]
    assert made["HostConfig"]["Mounts"] == [
        {"Type": "bind", "Source": "/tmp/oci", "Target": "/var/oci", "ReadOnly": True}
    ]
    assert "s3cret" not in repr(injection)


@pytest.mark.parametrize(
    ("context", "user"),
    [({}, ""), ({"runAsUser": 0}, "0"), ({"runAsUser": 10, "runAsGroup": 0}, "10:0"), ({"runAsUser": None}, "")],
)
def test_user_and_group(context, user):
    """A null user means the image's user, and 0 means root."""
    assert config({"securityContext": context})["User"] == user


CHECKED = {"isNonRootUserCheckEnabled": True}


@pytest.mark.parametrize(
    ("context", "image_user"),
    [
        (CHECKED, ""),
        (CHECKED, "root:adm"),
        ({**CHECKED, "runAsUser": None}, "0"),
        ({**CHECKED, "runAsUser": 0}, "nobody"),
    ],
)
def test_running_as_root_is_rejected_if_the_body_forbids_it(context, image_user):
    """The body's user takes precedence over the image's, and a missing user is root."""
    with pytest.raises(PodFailed, match="web would run as root"):
        check_user({**WEB, "securityContext": context}, name="web", image_user=image_user)


@pytest.mark.parametrize(
    ("context", "image_user"),
    [(CHECKED, "nobody"), ({**CHECKED, "runAsUser": 7}, "root"), ({"isNonRootUserCheckEnabled": False}, "root")],
)
def test_other_users_are_accepted(context, image_user):
    """A user other than root is accepted, and so is root without the check."""
    check_user({**WEB, "securityContext": context}, name="web", image_user=image_user)


def owner_config(details=None, **options):
    settings = {"image": "pause", "name": "web 0_x", "network": "n1", "ip": None, "publish": {}, "mounts": []}
    return network_owner_config(details or {}, **{**settings, "labels": {}, **options})


def test_ports_are_published_on_loopback_only():
    """Each port is bound to 127.0.0.1, and 0 leaves the host's port to the engine."""
    made = owner_config(publish={80: 8080, 81: 0})
    assert made["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
    }


def test_the_host_name_is_the_vnic_s_or_the_pod_s():
    """Without a VNIC host name the pod's name is used, converted to a valid host name."""
    assert owner_config({"vnics": [{"hostnameLabel": "web0"}]})["Hostname"] == "web0"
    assert owner_config({"vnics": [{}]})["Hostname"] == owner_config()["Hostname"] == "web-0-x"


def test_an_address_is_requested_or_left_to_the_engine():
    """The request contains an address only if one is given."""
    asked = owner_config(ip="10.0.0.9")["NetworkingConfig"]["EndpointsConfig"]["n1"]
    assert asked["IPAMConfig"] == {"IPv4Address": "10.0.0.9"}
    assert owner_config()["NetworkingConfig"]["EndpointsConfig"]["n1"]["IPAMConfig"] is None


def test_a_container_without_a_name_is_numbered():
    """An unnamed first container is called container-1."""
    assert [container_name({}, 0), container_name(WEB, 1)] == ["container-1", "web"]


def test_no_container_gains_rights_or_takes_all_processes():
    """Each container of a pod, that of its network too, has no-new-privileges and a limit of processes."""
    for host in (config({})["HostConfig"], owner_config()["HostConfig"]):
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert 1000 < host["PidsLimit"] <= 4096
