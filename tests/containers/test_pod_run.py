"""`Pod.run`: a spec as a local pod."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ocisidecar import (
    DeploymentSpec,
    HealthCheck,
    ImagePullSecret,
    InstanceSpec,
    PodFailed,
    SecretRef,
    SidecarSpec,
    SpecError,
    VolumeSpec,
)
from ocisidecar.pod import Pod
from tests.containers.bodies import AGENT, AGENT_IMAGE, SHELL_IMAGE, status, things

pytestmark = pytest.mark.usefixtures("standins")
SECRET_ID = "ocid1.vaultsecret.oc1.eu-frankfurt-1.amaaaaaa"


@pytest.fixture(scope="module")
def spec():
    """An app that answers on port 80, and a sidecar that reads what the app was given."""
    tail = SidecarSpec(
        "tail",
        image_url="docker.io/acme/tail:1",
        command=("bash", "-c"),
        arguments=("cat /shared/*; echo; exec sleep 600",),
        mounts={"/shared": "files"},
    )
    return (
        InstanceSpec(
            "web",
            image_url="docker.io/acme/web:1.4",
            command=("python3", "-c", AGENT),
            arguments=("80",),
            ports=[80],
            health_checks=[HealthCheck.http(80, initial_delay_in_seconds=0, interval_in_seconds=1)],
        )
        .with_volume(
            VolumeSpec.config_file("files", {"a.txt": "from the spec", "b.txt": SecretRef(SECRET_ID)}),
            mount_path="/files",
        )
        .with_sidecar(tail)
    )


@pytest.fixture(scope="module")
def pod(engine, spec):
    """The spec as a pod, its images chosen by name and by URL."""
    with Pod.run(
        spec,
        publish={80: 0},
        images={"web": AGENT_IMAGE, "docker.io/acme/tail:1": SHELL_IMAGE},
        secrets={SECRET_ID: "from the vault"},
        engine=engine,
    ) as pod:
        yield pod


def test_a_spec_runs(pod, eventually):
    """Its containers run in order, the app answers at its URL, and health checks are made."""
    assert [state.name for state in pod.containers] == ["web", "tail"]
    eventually(lambda: pod.containers[0].health == ("HEALTHY",))
    assert status(pod.url(80)) == 204
    assert pod.url(81) == f"http://{pod.address}:81"


def test_configuration_and_given_secrets_arrive(pod, eventually):
    """Files hold what the spec says, secrets what was given for them; the app's log is the default one."""
    eventually(lambda: "vault" in pod.logs("tail"))
    assert pod.logs("tail").splitlines()[-1].endswith(" stdout F from the specfrom the vault")
    assert pod.logs() == pod.logs(previous=True) == ""
    with pytest.raises(KeyError):
        pod.logs("nobody")


def test_a_secret_that_nobody_gives_is_named(spec):
    """The error has the file's path in the spec, and nothing was started."""
    with pytest.raises(SpecError) as refused:
        Pod.run(spec)
    (fault,) = refused.value.faults
    assert fault.path == 'instances["web"].volumes["files"].files["b.txt"]'
    assert SECRET_ID in fault.message


def test_an_image_for_nobody_is_a_mistake(spec, engine):
    """A word in `images` that is no container is refused with the names there are; URLs may be for other pods."""
    images = {"wbe": AGENT_IMAGE, "docker.io/acme/other:1": SHELL_IMAGE}
    with pytest.raises(SpecError) as refused:
        Pod.run(spec, images=images, secrets={SECRET_ID: ""}, engine=engine)
    (fault,) = refused.value.faults
    assert fault.path == 'images["wbe"]'
    assert "web" in fault.message


@pytest.mark.parametrize(
    ("what", "replica", "path"),
    [
        (DeploymentSpec("none"), 0, "instances"),
        (InstanceSpec("web", image_url="web:1", replicas=2), 2, 'instances["web"].replicas'),
        (InstanceSpec("web", image_url=""), 0, 'instances["web"].image_url'),
    ],
)
def test_what_is_no_pod_is_refused(what, replica, path):
    """Without exactly one instance, with a replica too many, or with a fault: a SpecError with its path."""
    with pytest.raises(SpecError) as refused:
        Pod.run(what, replica=replica)
    assert path in {fault.path for fault in refused.value.faults}


def test_a_missing_image_is_asked_for_with_its_pull_secret(engine):
    """The registry that the secret is for is asked, its password is not told, and nothing is left."""
    secret = ImagePullSecret.basic("127.0.0.1:1", username="ada", password="hunter22")
    missing = InstanceSpec("unpulled", image_url="127.0.0.1:1/acme/web:1").with_pull_secret(secret)
    with pytest.raises(
        PodFailed, match=r"Container unpulled: the image 127\.0\.0\.1:1/acme/web:1 .* could not be pulled"
    ) as refused:
        Pod.run(missing, engine=engine)
    assert "hunter22" not in repr(refused.value)
    assert things(engine, "ocisidecar.pod=unpulled-0") == []


def test_a_log_is_a_name_without_a_cloud(engine):
    """The log forwarder gets a readable placeholder for its log, and a pod without an engine given finds one."""
    forwarder = SidecarSpec.log_forwarder(image_url="docker.io/acme/forwarder:1")
    web = (
        InstanceSpec("quiet", image_url="docker.io/acme/web:1", command=("sleep", "60"))
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_sidecar(forwarder)
    )
    with Pod.run(web, images={"quiet": SHELL_IMAGE, "log-forwarder": SHELL_IMAGE}):
        labels = ["ocisidecar.pod=quiet-0", "ocisidecar.container=log-forwarder"]
        container, *_ = engine.api.containers(all=True, filters={"label": labels})
        assert "OCISIDECAR_LOG_ID=local-log-app" in engine.api.inspect_container(container["Id"])["Config"]["Env"]
    assert things(engine, "ocisidecar.pod=quiet-0") == []


def test_a_port_that_nothing_leads_to_has_no_url(pod, monkeypatch):
    """Where this machine reaches published ports only (Docker Desktop), another one is an error that says so."""
    monkeypatch.setattr(pod._running, "_access", "LOOPBACK")
    assert pod.url(80).startswith("http://127.0.0.1:")
    with pytest.raises(ValueError, match=r"port 81 .* publish=\{81: 0\}"):
        pod.url(81)


def test_a_process_that_reaches_no_pod_is_told_so(engine):
    """In a network of its own, as in a container that was given the engine's socket, checks would only kill.

    What needs no reaching runs there all the same.
    """
    program = f"""
import attrs, ocisidecar
from ocisidecar.pod import Pod
spec = ocisidecar.InstanceSpec("apart", image_url="{SHELL_IMAGE}", command=("sleep", "60"))
checked = attrs.evolve(spec, health_checks=[ocisidecar.HealthCheck.tcp(80)])
with Pod.run(spec) as pod:
    print(pod.containers[0].is_running)
    try:
        print(pod.url(80))
    except ValueError as error:
        print("no way")
for refused in (lambda: Pod.run(spec, publish={{80: 0}}), lambda: Pod.run(checked)):
    try:
        refused()
    except ocisidecar.PodFailed as error:
        print(error)
"""
    apart = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if "unshare failed" in apart.stderr:
        pytest.skip(apart.stderr)
    running, url, *refusals = apart.stdout.splitlines()
    assert (running, url) == ("True", "no way"), apart.stderr
    assert [text.partition(":")[0] for text in refusals] == ["Pod apart-0 cannot be reached from here"] * 2
    assert things(engine, "ocisidecar.pod=apart-0") == []
