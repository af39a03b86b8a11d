"""What containers of a pod see: network, volumes, limits and rights."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from attrs import frozen

from ocisidecar.engine import Engine, Injection, PodAddress, RunningPod
from tests.containers.bodies import agent, ask, body, is_answering, status

pytestmark = pytest.mark.usefixtures("standins")
APP, SIDECAR, ROOTLESS = 8001, 8002, 8003
SUBNET = f"10.213.{os.getpid() % 200}"
WANTED = PodAddress(cidr=f"{SUBNET}.0/24", ip=f"{SUBNET}.9")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@frozen
class Seen:
    """A pod, what the platform was told when it was started, and the directory that it injected."""

    pod: RunningPod
    injected: list[tuple[str, str]]
    directory: Path


@pytest.fixture(scope="module")
def seen(engine: Engine, eventually, tmp_path_factory):
    """A pod with three agents: the app, a sidecar, and one with as few rights as can be."""
    host = tmp_path_factory.mktemp("principal")
    (host / "token").write_text("first")
    injected = []

    def inject(gateway: str, container: str) -> Injection:
        injected.append((gateway, container))
        variables = {"WHO": container, "OCI_REGION": "injected"} if container == "app" else {}
        return Injection(environment_variables=variables, mounts={"/var/oci": host} if container == "app" else {})

    details = body(
        agent(
            "app",
            APP,
            environmentVariables={"GREETING": "hé = ja", "OCI_REGION": "of the body"},
            workingDirectory="/srv",
            volumeMounts=[
                {"mountPath": "/data", "volumeName": "data"},
                {"mountPath": "/fast", "volumeName": "fast"},
                {"mountPath": "/config", "volumeName": "config"},
                {"mountPath": "/etc/app.toml", "volumeName": "config", "subPath": "app.toml"},
            ],
        ),
        agent(
            "sidecar",
            SIDECAR,
            resourceConfig={"vcpusLimit": 0.25, "memoryLimitInGBs": 0.125},
            volumeMounts=[
                {"mountPath": "/seen", "volumeName": "data", "isReadOnly": True},
                {"mountPath": "/part", "volumeName": "data", "subPath": "a/b"},
                {"mountPath": "/fast", "volumeName": "fast"},
            ],
        ),
        agent(
            "rootless",
            ROOTLESS,
            securityContext={
                "securityContextType": "LINUX",
                "runAsUser": 10001,
                "runAsGroup": 10002,
                "isNonRootUserCheckEnabled": True,
                "isRootFileSystemReadonly": True,
                "capabilities": {"dropCapabilities": ["ALL"], "addCapabilities": ["CAP_NET_BIND_SERVICE"]},
            },
            volumeMounts=[{"mountPath": "/data", "volumeName": "data"}],
        ),
        volumes=[
            {"volumeType": "EMPTYDIR", "name": "data"},
            {"volumeType": "EMPTYDIR", "name": "fast", "backingStore": "MEMORY"},
            {
                "volumeType": "CONFIGFILE",
                "name": "config",
                "configs": [
                    {"fileName": "app.toml", "data": encoded("port = 80\n")},
                    {"fileName": "x.ini", "path": "conf.d/deep", "data": encoded("[x]")},
                ],
            },
        ],
        vnics=[{"subnetId": "ocid1.subnet", "hostnameLabel": "web0"}],
        dnsConfig={"nameservers": ["192.0.2.53"], "searches": ["acme.internal"], "options": ["ndots:3"]},
        securityContext={"securityContextType": "LINUX", "fsGroup": 2000},
    )
    pod = engine.run_pod(details, name="inside", publish={APP: 0}, address=WANTED, inject=inject)
    for port in (APP, SIDECAR, ROOTLESS):
        eventually(lambda port=port: is_answering(pod, port))
    yield Seen(pod, injected, host)
    pod.close()


@pytest.fixture
def tell(seen):
    """Runs a script in the container whose agent listens on a port."""
    return lambda port, script: ask(seen.pod, port, script)


def test_the_containers_share_one_network(tell):
    """A container reaches another at 127.0.0.1."""
    fetch = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:{}').status)"
    assert tell(APP, f'python3 -c "{fetch.format(SIDECAR)}"') == "204"


def test_a_pod_has_the_address_it_asked_for(seen, tell):
    """It is reached there from the host, and the gateway is the first address of the subnet."""
    assert (seen.pod.address, seen.pod.gateway) == (WANTED.ip, f"{SUBNET}.1")
    assert tell(APP, "hostname -I").split()[0] == WANTED.ip


def test_a_published_port_is_on_loopback_only(engine, seen):
    """The URL of a published port answers on 127.0.0.1, and nothing is bound to other addresses."""
    url = seen.pod.url(APP)
    assert url.startswith("http://127.0.0.1:")
    assert status(url) == 204
    assert seen.pod.url(SIDECAR) == f"http://{WANTED.ip}:{SIDECAR}"
    ports = [port for one in engine.api.containers() for port in one["Ports"] if port.get("PublicPort")]
    assert {one["IP"] for one in ports if url.endswith(f":{one['PublicPort']}")} == {"127.0.0.1"}


def test_an_empty_dir_is_seen_from_both_sides(tell):
    """What one container writes the other reads, and a read-only mount refuses."""
    tell(APP, "echo hello > /data/greeting")
    assert tell(SIDECAR, "cat /seen/greeting") == "hello"
    assert "Read-only" in tell(SIDECAR, "touch /seen/x")


def test_anybody_may_write_to_an_empty_dir(tell):
    """A container without root and capabilities writes to it, on disk and in memory."""
    assert tell(ROOTLESS, "touch /data/mine && stat -c %u:%g /data/mine") == "10001:10002"
    assert tell(APP, "stat -c %a /data /fast").split() == ["1777", "1777"]


def test_a_sub_path_is_a_part_of_the_volume(tell):
    """It is there although nobody made it, and is the same directory from both sides."""
    tell(SIDECAR, "echo part > /part/x")
    assert tell(APP, "cat /data/a/b/x") == "part"


def test_an_empty_dir_in_memory_ends_where_the_instance_s_memory_does(tell):
    """It is a file system in memory as large as the instance's memory, shared like any other."""
    assert tell(APP, "stat -f -c %T /fast") == "tmpfs"
    assert "No space left" in tell(APP, "fallocate -l 1025M /fast/large")
    assert tell(APP, "fallocate -l 1M /fast/small && echo fits") == "fits"
    assert tell(SIDECAR, "stat -c %s /fast/small") == str(1024**2)


def test_config_files_are_there_and_cannot_be_changed(tell):
    """Content and directories are as in the body, readable by everybody and writable by nobody, not even root."""
    assert tell(APP, "cat /config/app.toml /config/conf.d/deep/x.ini") == "port = 80\n[x]"
    assert tell(APP, "stat -c %a /config /config/conf.d /config/app.toml").split() == ["755", "755", "444"]
    assert "Read-only" in tell(APP, "echo x >> /config/app.toml")
    assert tell(APP, "cat /etc/app.toml") == "port = 80"
    assert "Read-only" in tell(APP, "echo x >> /etc/app.toml")


def limits(tell, port):
    """Return the CPUs and the bytes of memory and of memory with swap that the kernel allows."""
    script = """
    cd /sys/fs/cgroup
    if [ -e cgroup.controllers ]; then cat cpu.max memory.max memory.swap.max
    else echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); cat memory/memory.limit_in_bytes
        expr $(cat memory/memory.memsw.limit_in_bytes) - $(cat memory/memory.limit_in_bytes); fi
    """
    quota, period, memory, swap = (int(word) for word in tell(port, script).split())
    return quota / period, memory, swap


def test_limits_are_the_kernel_s(tell):
    """`vcpusLimit` counts CPUs, `memoryLimitInGBs` GB without any swap."""
    assert limits(tell, SIDECAR) == (0.25, 128 * 1024**2, 0)


def test_without_limits_the_instance_is_the_limit(engine, tell):
    """A container may use the two logical CPUs of an OCPU, as far as the host has them, and the shape's memory."""
    cpus = min(2, engine.api.info()["NCPU"])
    assert limits(tell, APP) == (cpus, 1024**3, 0)


def test_a_security_context_is_enforced(tell):
    """User, group, the instance's group, capabilities and a read-only root file system are as in the body."""
    assert tell(ROOTLESS, "id -u; id -g; id -G").split() == ["10001", "10002", "10002", "2000"]
    assert "Read-only" in tell(ROOTLESS, "touch /usr/x")
    bounding = tell(ROOTLESS, "grep CapBnd /proc/self/status").split()[1]
    assert int(bounding, 16) == 1 << 10


def test_environment_and_working_directory(tell):
    """Variables arrive as they are, the platform's win, and the working directory is the body's."""
    assert tell(APP, "echo $GREETING; echo $WHO; echo $OCI_REGION; pwd").splitlines() == [
        "hé = ja",
        "app",
        "injected",
        "/srv",
    ]


def test_injected_directories_are_read_only_and_alive(seen, tell):
    """The platform is asked once for each container, with the gateway; a file that it renames in place is new."""
    assert sorted(seen.injected) == [(f"{SUBNET}.1", name) for name in ("app", "rootless", "sidecar")]
    assert tell(APP, "cat /var/oci/token") == "first"
    assert "Read-only" in tell(APP, "touch /var/oci/x")
    (seen.directory / "next").write_text("second")
    (seen.directory / "next").rename(seen.directory / "token")
    assert tell(APP, "cat /var/oci/token") == "second"


def test_host_name_and_dns_are_the_instance_s(tell):
    """All containers have the VNIC's host name, search domains and resolver options."""
    assert tell(SIDECAR, "hostname") == "web0"
    resolver = tell(SIDECAR, "cat /etc/resolv.conf")
    assert "search acme.internal" in resolver
    assert "ndots:3" in resolver


def test_an_image_s_own_health_check_is_off(engine, seen):
    """OCI knows nothing of HEALTHCHECK, so the engine is told not to run one."""
    labels = ["ocisidecar.pod=inside", "ocisidecar.container=rootless"]
    container, *_ = engine.api.containers(filters={"label": labels})
    assert engine.api.inspect_container(container["Id"])["Config"]["Healthcheck"] == {"Test": ["NONE"]}
    assert seen.pod.containers[2].health == ()


def test_usage_is_measured(tell, seen):
    """CPU time grows with work, memory is within the limit, and cores are an average since the last look."""
    before = seen.pod.usage("sidecar")
    tell(SIDECAR, "timeout 0.5 sh -c 'while :; do :; done'")
    after = seen.pod.usage("sidecar")
    assert after.cpu_seconds > before.cpu_seconds
    assert 0 < after.cpu_cores < 1
    assert 0 < after.memory_bytes < 128 * 1024**2
