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
from tests.containers.bodies import AGENT, AGENT_IMAGE, SHELL_IMAGE, objects_with_label, status

pytestmark = pytest.mark.usefixtures("standins")
SECRET_ID = "ocid1.vaultsecret.oc1.eu-frankfurt-1.amaaaaaa"


@pytest.fixture(scope="module")
def spec():
    """An app that answers on port 80, and a sidecar that prints the app's files."""
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
    """The spec as a pod, with images chosen by name and by URL."""
    with Pod.run(
        spec,
        publish={80: 0},
        images={"web": AGENT_IMAGE, "docker.io/acme/tail:1": SHELL_IMAGE},
        secrets={SECRET_ID: "from the vault"},
        engine=engine,
    ) as pod:
        yield pod


def test_a_spec_runs(pod, eventually):
    """The containers run in the spec's order, the app answers at its URL, and health checks are run."""
    assert [state.name for state in pod.containers] == ["web", "tail"]
    eventually(lambda: pod.containers[0].health == ("HEALTHY",))
    assert status(pod.url(80)) == 204
    assert pod.url(81) == f"http://{pod.address}:81"


def test_configuration_and_secrets_are_in_the_files(pod, eventually):
    """Files have the spec's content or the given secret's, and `logs` reads the app's log by default."""
    eventually(lambda: "vault" in pod.logs("tail"))
    assert pod.logs("tail").splitlines()[-1].endswith(" stdout F from the specfrom the vault")
    assert pod.logs() == pod.logs(previous=True) == ""
    with pytest.raises(KeyError):
        pod.logs("unknown")


def test_a_missing_secret_is_named(spec):
    """The error has the file's path in the spec, and nothing was started."""
    with pytest.raises(SpecError) as refused:
        Pod.run(spec)
    (fault,) = refused.value.problems
    assert fault.path == 'instances["web"].volumes["files"].files["b.txt"]'
    assert SECRET_ID in fault.message


def test_an_image_for_an_unknown_container_is_rejected(spec, engine):
    """An unknown container name in `images` is rejected with the known names; unknown URLs are accepted."""
    images = {"wbe": AGENT_IMAGE, "docker.io/acme/other:1": SHELL_IMAGE}
    with pytest.raises(SpecError) as refused:
        Pod.run(spec, images=images, secrets={SECRET_ID: ""}, engine=engine)
    (fault,) = refused.value.problems
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
def test_a_spec_that_is_not_one_valid_instance_is_rejected(what, replica, path):
    """No instance, a replica out of range and an invalid field raise SpecError with the field's path."""
    with pytest.raises(SpecError) as refused:
        Pod.run(what, replica=replica)
    assert path in {fault.path for fault in refused.value.problems}


def test_a_missing_image_is_pulled_with_its_pull_secret(engine):
    """The registry of the pull secret is asked, the error has no password, and no object remains."""
    secret = ImagePullSecret.basic("127.0.0.1:1", username="ada", password="hunter22")
    missing = InstanceSpec("unpulled", image_url="127.0.0.1:1/acme/web:1").with_pull_secret(secret)
    with pytest.raises(
        PodFailed, match=r"Container unpulled: the image 127\.0\.0\.1:1/acme/web:1 .* could not be pulled"
    ) as refused:
        Pod.run(missing, engine=engine)
    assert "hunter22" not in repr(refused.value)
    assert objects_with_label(engine, "ocisidecar.pod=unpulled-0") == []


def test_a_log_is_a_placeholder_without_a_control_plane(engine):
    """The log forwarder gets a readable placeholder as log id, and a pod without `engine` connects to one."""
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
    assert objects_with_label(engine, "ocisidecar.pod=quiet-0") == []


def test_a_port_that_cannot_be_reached_has_no_url(pod, monkeypatch):
    """If this machine reaches published ports only (Docker Desktop), `url` of another port raises an error."""
    monkeypatch.setattr(pod._running, "_access", "LOOPBACK")
    assert pod.url(80).startswith("http://127.0.0.1:")
    with pytest.raises(ValueError, match=r"port 81 .* publish=\{81: 0\}"):
        pod.url(81)


def test_without_access_to_pods_checks_and_publish_are_rejected(engine):
    """In a separate network, as in a container with the engine's socket, health checks and `publish` are rejected.

    A pod that needs no access runs there.
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
    assert objects_with_label(engine, "ocisidecar.pod=apart-0") == []
