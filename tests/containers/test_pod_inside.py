"""Containers of a pod from inside: network, volumes, limits and permissions."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from attrs import frozen

from ocisidecar.engine import Engine, Injection, PodAddress, RunningPod
from tests.containers.bodies import agent, body, is_answering, run_script, status

pytestmark = pytest.mark.usefixtures("standins")
APP, SIDECAR, ROOTLESS = 8001, 8002, 8003
SUBNET = f"10.213.{os.getpid() % 200}"
WANTED = PodAddress(cidr=f"{SUBNET}.0/24", ip=f"{SUBNET}.9")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@frozen
class StartedPod:
    """A pod, the arguments of each call of `inject`, and the directory that it injected."""

    pod: RunningPod
    injected: list[tuple[str, str]]
    directory: Path


@pytest.fixture(scope="module")
def started(engine: Engine, eventually, tmp_path_factory):
    """A pod with three agents: the app, a sidecar, and a container with minimal permissions."""
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
                {"mountPath": "/shared", "volumeName": "data", "isReadOnly": True},
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
    yield StartedPod(pod, injected, host)
    pod.close()


@pytest.fixture
def execute(started):
    """Runs a script in the container whose agent listens on a port."""
    return lambda port, script: run_script(started.pod, port, script)


def test_the_containers_share_one_network(execute):
    """A container reaches another one of its pod at 127.0.0.1."""
    fetch = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:{}').status)"
    assert execute(APP, f'python3 -c "{fetch.format(SIDECAR)}"') == "204"


def test_a_pod_has_the_requested_address(started, execute):
    """The host reaches the pod at its requested address, and the gateway is the subnet's first address."""
    assert (started.pod.address, started.pod.gateway) == (WANTED.ip, f"{SUBNET}.1")
    assert execute(APP, "hostname -I").split()[0] == WANTED.ip


def test_a_published_port_is_on_loopback_only(engine, started):
    """The URL of a published port answers on 127.0.0.1, and the port is bound to no other address."""
    url = started.pod.url(APP)
    assert url.startswith("http://127.0.0.1:")
    assert status(url) == 204
    assert started.pod.url(SIDECAR) == f"http://{WANTED.ip}:{SIDECAR}"
    ports = [port for one in engine.api.containers() for port in one["Ports"] if port.get("PublicPort")]
    assert {one["IP"] for one in ports if url.endswith(f":{one['PublicPort']}")} == {"127.0.0.1"}


def test_an_empty_dir_is_shared(execute):
    """A container reads what another one writes, and cannot write through a read-only mount."""
    execute(APP, "echo hello > /data/greeting")
    assert execute(SIDECAR, "cat /shared/greeting") == "hello"
    assert "Read-only" in execute(SIDECAR, "touch /shared/x")


def test_any_user_may_write_to_an_empty_dir(execute):
    """A container without root and capabilities writes to an EMPTYDIR, whose mode is 1777 on disk and in memory."""
    assert execute(ROOTLESS, "touch /data/mine && stat -c %u:%g /data/mine") == "10001:10002"
    assert execute(APP, "stat -c %a /data /fast").split() == ["1777", "1777"]


LISTEN = 'python3 -c \'import socket; socket.socket().bind(("", {port})); print("listens")\''


def test_only_root_may_listen_below_port_1024(execute):
    """Ports below 1024 are refused to a container without root and capabilities, as with Linux's default."""
    assert "Permission denied" in execute(ROOTLESS, LISTEN.format(port=1023))
    assert execute(ROOTLESS, LISTEN.format(port=1024)) == "listens"
    assert execute(APP, LISTEN.format(port=1023)) == "listens"


def test_a_sub_path_is_a_part_of_the_volume(execute):
    """A sub-path is created in the volume, and containers that mount the whole volume see its files."""
    execute(SIDECAR, "echo part > /part/x")
    assert execute(APP, "cat /data/a/b/x") == "part"


def test_an_empty_dir_in_memory_is_limited_to_the_instance_s_memory(execute):
    """An EMPTYDIR in memory is a shared tmpfs that holds no file larger than the instance's memory."""
    assert execute(APP, "stat -f -c %T /fast") == "tmpfs"
    assert "No space left" in execute(APP, "fallocate -l 1025M /fast/large")
    assert execute(APP, "fallocate -l 1M /fast/small && echo fits") == "fits"
    assert execute(SIDECAR, "stat -c %s /fast/small") == str(1024**2)


def test_config_files_are_there_and_cannot_be_changed(execute):
    """Configuration files have the body's content, are readable by all users, and not even root can change them."""
    assert execute(APP, "cat /config/app.toml /config/conf.d/deep/x.ini") == "port = 80\n[x]"
    assert execute(APP, "stat -c %a /config /config/conf.d /config/app.toml").split() == ["755", "755", "444"]
    assert "Read-only" in execute(APP, "echo x >> /config/app.toml")
    assert execute(APP, "cat /etc/app.toml") == "port = 80"
    assert "Read-only" in execute(APP, "echo x >> /etc/app.toml")


def limits(execute, port):
    """Return the CPUs and the bytes of memory and of swap that the kernel allows."""
    script = """
    cd /sys/fs/cgroup
    if [ -e cgroup.controllers ]; then cat cpu.max memory.max memory.swap.max
    else echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); cat memory/memory.limit_in_bytes
        expr $(cat memory/memory.memsw.limit_in_bytes) - $(cat memory/memory.limit_in_bytes); fi
    """
    quota, period, memory, swap = (int(word) for word in execute(port, script).split())
    return quota / period, memory, swap


def test_limits_are_enforced_by_the_kernel(execute):
    """`vcpusLimit` counts CPUs, and `memoryLimitInGBs` counts GB without swap."""
    assert limits(execute, SIDECAR) == (0.25, 128 * 1024**2, 0)


def test_without_limits_the_instance_is_the_limit(engine, execute):
    """A container without limits may use the OCPU's two CPUs, if the host has them, and the shape's memory."""
    cpus = min(2, engine.api.info()["NCPU"])
    assert limits(execute, APP) == (cpus, 1024**3, 0)


def test_a_security_context_is_enforced(execute):
    """User, groups, capabilities and the read-only root file system are those of the body."""
    assert execute(ROOTLESS, "id -u; id -g; id -G").split() == ["10001", "10002", "10002", "2000"]
    assert "Read-only" in execute(ROOTLESS, "touch /usr/x")
    bounding = execute(ROOTLESS, "grep CapBnd /proc/self/status").split()[1]
    assert int(bounding, 16) == 1 << 10


def test_environment_and_working_directory_are_the_body_s(execute):
    """Variables keep their values, injected ones take precedence, and the working directory is the body's."""
    assert execute(APP, "echo $GREETING; echo $WHO; echo $OCI_REGION; pwd").splitlines() == [
        "hé = ja",
        "app",
        "injected",
        "/srv",
    ]


def test_injected_directories_are_read_only_and_show_changes(started, execute):
    """`inject` is called once per container with the gateway, and a file that is replaced on the host is new."""
    assert sorted(started.injected) == [(f"{SUBNET}.1", name) for name in ("app", "rootless", "sidecar")]
    assert execute(APP, "cat /var/oci/token") == "first"
    assert "Read-only" in execute(APP, "touch /var/oci/x")
    (started.directory / "next").write_text("second")
    (started.directory / "next").rename(started.directory / "token")
    assert execute(APP, "cat /var/oci/token") == "second"


def test_host_name_and_dns_are_the_instance_s(execute):
    """All containers have the VNIC's host name, search domains and resolver options."""
    assert execute(SIDECAR, "hostname") == "web0"
    resolver = execute(SIDECAR, "cat /etc/resolv.conf")
    assert "search acme.internal" in resolver
    assert "ndots:3" in resolver


def test_the_image_s_health_check_is_disabled(engine, started):
    """The engine runs no HEALTHCHECK of the image, because OCI ignores it."""
    labels = ["ocisidecar.pod=inside", "ocisidecar.container=rootless"]
    container, *_ = engine.api.containers(filters={"label": labels})
    assert engine.api.inspect_container(container["Id"])["Config"]["Healthcheck"] == {"Test": ["NONE"]}
    assert started.pod.containers[2].health == ()


def test_usage_is_measured(execute, started):
    """CPU time grows with work, memory is within the limit, and cores are an average since the previous query."""
    before = started.pod.usage("sidecar")
    execute(SIDECAR, "timeout 0.5 sh -c 'while :; do :; done'")
    after = started.pod.usage("sidecar")
    assert after.cpu_seconds > before.cpu_seconds
    assert 0 < after.cpu_cores < 1
    assert 0 < after.memory_bytes < 128 * 1024**2


def test_usage_of_storage_is_measured(execute, started):
    """What is written to a container's own file system counts until it is deleted; on volumes it never does."""
    before = started.pod.usage("app").storage_bytes
    execute(APP, "head -c 3000000 /dev/zero > /root/written; head -c 3000000 /dev/zero > /data/written")
    written = started.pod.usage("app").storage_bytes - before
    execute(APP, "rm /root/written /data/written")
    assert 3_000_000 <= written < 4_000_000
    assert started.pod.usage("app").storage_bytes == before
