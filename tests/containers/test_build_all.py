"""build_all.py on a real engine, pushing to a real registry; and deploy.py --local with real containers.

The images hold one small file, but for those that must not be built.
"""

from __future__ import annotations

import json
import os
import re
import secrets

import pytest

from ocisidecar import Settings
from ocisidecar.emulator import Emulator
from ocisidecar.views.report import TELEMETRY_WORDINGS
from tests.containers import registry_process
from tests.scripts.conftest import SCRIPTS, load

DOCKERFILE = "ARG BASE_IMAGE=scratch\nFROM ${BASE_IMAGE}\nCOPY content /content\n"
NAMES = ("app-with-metrics", "log-forwarder")


@pytest.fixture(scope="module")
def registry(tmp_path_factory, eventually):
    """A registry with one user."""
    if registry_process.program() is None:
        pytest.skip("docker-registry is not installed: apt-get install docker-registry apache2-utils")
    with registry_process.running(tmp_path_factory.mktemp("registry"), eventually) as running:
        yield running


@pytest.fixture
def version(engine):
    """The version of this test's images, which are removed at the end."""
    ours = f"1.0.{secrets.token_hex(4)}"
    yield ours
    for image in engine.api.images(filters={"label": f"org.opencontainers.image.version={ours}"}):
        engine.api.remove_image(image["Id"], force=True)


@pytest.fixture
def sources(tmp_path):
    """Sources of two images that take no time to build."""
    for name in NAMES:
        directory = tmp_path / "docker" / name
        directory.mkdir(parents=True)
        (directory / "Dockerfile").write_text(DOCKERFILE)
        (directory / "content").write_text(f"{name} of {tmp_path}")
    return tmp_path / "docker"


@pytest.fixture
def settings(tmp_path, registry, monkeypatch):
    """Settings that push to the registry, with a comment."""
    for name in [name for name in os.environ if name.startswith(("OCISIDECAR_", "OCI_", "OCIR_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOKEN", registry.password)
    path = tmp_path / "web.env"
    path.write_text(
        f"OCIR_ENDPOINT={registry.host}\nOCIR_NAMESPACE=acme\nOCIR_USERNAME=alice\nOCIR_AUTH_TOKEN=env:TOKEN\n"
        "CONTAINER_INSTANCE_NAME=web\nexport APP_WITH_METRICS_IMAGE='' # written by build_all.py\n"
        "CONTAINER_IMAGE=$APP_WITH_METRICS_IMAGE\nENABLE_PROMETHEUS_SIDECAR=false\n"
    )
    return path


@pytest.fixture
def build(settings, sources, version, capsys):
    """A function that runs build_all.py and returns its exit code, standard output and standard error."""

    def run(*arguments):
        words = ["--settings", settings, "--sources", sources, "--version", version, *arguments]
        code = load("build_all").main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_what_is_pushed_is_pinned_in_the_settings(build, settings, registry):
    """The file gets the URL and digest of each image and no other change, and the deployment uses the URLs."""
    before = settings.read_text()
    code, out, err = build()
    assert code == 0, err
    read = Settings.from_env_file(settings, local=True, environment=os.environ)
    instance = read.deployment_spec().instance("web")
    urls = [instance.image_url, next(one.image_url for one in instance.sidecars if one.name == "log-forwarder")]
    for name, url in zip(NAMES, urls, strict=True):
        assert url.startswith(f"{registry.host}/acme/ocisidecar/{name}@sha256:")
        assert url in out
    after = settings.read_text()
    assert after == before.replace("''", f'"{urls[0]}"') + f'export LOG_FORWARDER_SIDECAR_IMAGE="{urls[1]}"\n'
    assert registry.password not in out + err


def test_pushing_again_changes_nothing(build, settings):
    """A second push of the same sources uses the build cache and leaves the settings file as it is."""
    build()
    before = settings.read_text()
    code, _, err = build()
    assert (code, settings.read_text()) == (0, before)
    assert re.search(r"\([^)]*, [1-9] steps cached\)", err)


def test_only_one_image(build, settings):
    """`--only` does not change the settings of the other images."""
    assert build("--only", "log-forwarder")[0] == 0
    assert "export APP_WITH_METRICS_IMAGE='' #" in settings.read_text()


@pytest.mark.parametrize("flag", ["--skip-push", "--local"])
def test_only_building(build, settings, version, flag):
    """`--skip-push` and `--local` do not change the settings, and print the names that local deployments use."""
    before = settings.read_text()
    code, out, _ = build(flag)
    assert (code, out.split()) == (0, [f"ocisidecar/{name}:{version}" for name in NAMES])
    assert settings.read_text() == before


def test_local_images_are_for_this_engine(build, settings, engine, version):
    """`--local` builds for the engine's platform, whatever platform the settings name for the cloud."""
    foreign = {"amd64": "arm64", "arm64": "amd64"}[engine.api.version()["Arch"]]
    settings.write_text(f"{settings.read_text()}BUILD_PLATFORM=linux/{foreign}\n")
    assert build("--local")[0] == 0
    for name in NAMES:
        assert engine.api.inspect_image(f"ocisidecar/{name}:{version}")["Architecture"] != foreign


def test_a_template_is_not_written_to(build, settings):
    """A template given as settings stays unchanged, and the URLs are printed instead."""
    template = settings.rename(settings.with_suffix(".template"))
    before = template.read_text()
    code, out, err = build("--settings", template)
    assert (code, "@sha256:" in out, "no settings file was changed" in err) == (0, True, True)
    assert template.read_text() == before


def test_wrong_credentials_are_found_before_building(build, monkeypatch):
    """A wrong password is an error before any build, whose message names the user and not the password."""
    monkeypatch.setenv("TOKEN", "wrong-hunter2")
    code, out, err = build()
    assert (code, out, "alice" in err, "building" in err, "hunter2" in err) == (3, "", True, False, False)


def test_a_layer_that_fails(build, settings, sources):
    """A failed step ends with exit code 3, names image and step, and leaves the settings unchanged."""
    (sources / "log-forwarder" / "Dockerfile").write_text("FROM scratch\nCOPY nowhere /\n")
    before = settings.read_text()
    code, out, err = build()
    assert (code, out, settings.read_text()) == (3, "", before)
    assert "Building log-forwarder for linux/amd64 failed in step 2/" in err
    assert "COPY nowhere /" in err


def test_the_token_may_be_in_a_vault(build, settings, registry, monkeypatch):
    """A vault secret may hold the token alone, or user and token in the JSON that OCI's pull secrets use."""
    with Emulator() as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        for content in (registry.password, json.dumps({"username": "acme/alice", "password": registry.password})):
            secret = emulator.store_secret(content.encode())
            settings.write_text(settings.read_text().replace("env:TOKEN", f"vault:{secret}"))
            code, _, err = build("--only", "log-forwarder")
            assert code == 0, err
            settings.write_text(settings.read_text().replace(f"vault:{secret}", "env:TOKEN"))


def test_a_local_deployment_with_real_containers(images, capsys):
    """deploy.py --local runs the template, and every check passes of what it has: metrics, log lines, volumes."""
    template = SCRIPTS / "oci-monitoring.env.template"
    words = ["deploy", "--settings", str(template), "--local", "--containers", "docker"]
    words += [word for name, image in images.items() for word in ("--image", f"{name}={image}")]
    code = load("deploy").main(words)
    said = capsys.readouterr()
    assert code == 0, said.err
    for check in TELEMETRY_WORDINGS.keys() - {"alarm-data", "metrics-queue", "remote-write"}:
        assert re.search(rf"✓ +{check} ", said.err), f"{check}\n{said.err}"
