"""build_all.py, as far as it comes without a Docker engine; with one see tests/containers/test_build_all.py."""

from __future__ import annotations

import pytest

from ocisidecar import images
from ocisidecar.settings.table import IMAGES, variables
from tests.scripts.conftest import forget_environment, load

REGION = "eu-frankfurt-1"


@pytest.fixture
def without_engine(monkeypatch):
    """No engine answers."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


@pytest.fixture
def build(script, settings):
    """Run it on the settings file."""
    return lambda *arguments: script("build_all", "--settings", settings, *arguments)


def test_every_image_of_the_project_has_a_setting():
    """What is built is written to a variable that exists, Grafana's too."""
    assert {source.name for source in images.own_images()} == IMAGES.keys()
    assert set(IMAGES.values()) <= variables().keys()


@pytest.mark.usefixtures("without_engine")
def test_no_engine(build):
    """The message says what to do; exit code 2."""
    code, out, err = build("--skip-push")
    assert (code, out) == (2, "")
    assert "127.0.0.1:1" in err


@pytest.mark.parametrize("lines", ["", "OCIR_USERNAME=ada\n", "OCIR_PASSWORD=env:HOME\n"])
def test_no_credentials(build, settings, lines):
    """They are missed before anything is built."""
    settings.write_text(lines)
    code, _, err = build()
    assert (code, "needs OCIR_USERNAME and OCIR_AUTH_TOKEN" in err, "--skip-push" in err) == (2, True, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "grafanna"), "--only grafanna: there is no such image; there are app-with-metrics, grafana"),
        (("--platform", "linux/386"), "container instances run linux/amd64 and linux/arm64"),
        (("--version", "a b"), "version='a b'"),
        (("--base", "nginx=x"), "base_images['nginx']: there is no such source"),
        (("--sources", "nowhere"), "No image sources"),
    ],
)
def test_wrong_arguments(build, arguments, said):
    """One sentence, exit code 2."""
    code, _, err = build("--skip-push", *arguments)
    assert (code, said in err) == (2, True)


@pytest.mark.usefixtures("without_engine")
def test_a_settings_file_that_is_not_filled_in_yet_is_no_obstacle(build, settings):
    """Images come first: what a deployment needs may still be missing."""
    settings.write_text("OCI_COMPARTMENT_OCID=ocid1.compartment.oc1..your-compartment\n")
    code, _, err = build("--skip-push")
    assert (code, "COMPARTMENT" in err) == (2, False)


@pytest.mark.usefixtures("without_engine")
def test_without_a_settings_file(script, tmp_path, monkeypatch):
    """Building needs none; one that is named must be there."""
    monkeypatch.chdir(tmp_path)
    assert "127.0.0.1:1" in script("build_all", "--skip-push")[2]
    code, _, err = script("build_all", "--skip-push", "--settings", "nowhere.env")
    assert (code, "nowhere.env: cannot be read" in err) == (2, True)


def test_repositories_in_ocir(connection, settings, emulator, monkeypatch):
    """Host and namespace are looked up where the settings do not say them; what is missing is made, privately."""
    forget_environment(monkeypatch)
    settings.write_text("OCIR_USERNAME=ada\nOCIR_PASSWORD=literal\n")
    script = load("build_all")
    options = script._parser().parse_args(["--settings", str(settings), *connection])
    target = script._target(options, script._settings(options))
    namespace = target.registry.path.partition("/")[0]
    assert target.registry.image_prefix == f"ocir.{REGION}.oci.oraclecloud.com/{namespace}/ocisidecar"
    assert target.registry.username == f"{namespace}/ada"
    built = [images.BuiltImage(name=name, version="1", variants=()) for name in ("prometheus", "grafana")]
    for _ in range(2):
        target.make_repositories(built)
    assert len(emulator.live()["container-repository"]) == 2
