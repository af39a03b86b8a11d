"""The entrypoint of the Grafana image writes the data source of a Prometheus that is protected or elsewhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen

GRAFANA = Path(__file__).parents[2] / "docker" / "grafana"
PASSWORD = "a#b$c${D}$$e\"d'e f\\g`h;i%jk&l/m@n:o=p{q}\\"


@frozen
class Image:
    """The entrypoint with the image's directories somewhere else, and `echo` instead of Grafana."""

    directory: Path

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it with these variables."""
        given = {"PATH": os.environ["PATH"], "GF_PATHS_DATA": str(self.directory / "data"), **environment}
        script = self.directory / "entrypoint.sh"
        return subprocess.run(["sh", script], env=given, capture_output=True, text=True, check=False)

    @property
    def provisioned(self) -> Path:
        """The file with the data source that was written."""
        return self.directory / "data" / "provisioning" / "datasources" / "prometheus.yml"

    @property
    def source(self) -> dict[str, Any]:
        """The data source, with `$` as Grafana reads it (pkg/services/provisioning/values)."""
        (found,) = yaml.safe_load(self.provisioned.read_text())["datasources"]
        secret = found.get("secureJsonData", {})
        for name, value in secret.items():
            assert "$" not in value.replace("$$", ""), "Grafana would expand it"
            secret[name] = value.replace("$$", "$")
        return found


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """The image's files, with the password in its place."""
    text = (GRAFANA / "entrypoint.sh").read_text()
    for there, here in (("/etc/grafana/provisioning", "provisioning"), ("/etc/grafana-secret", "secret")):
        assert there in text
        text = text.replace(there, str(tmp_path / here))
    (tmp_path / "entrypoint.sh").write_text(text.replace('exec /run.sh "$@"', 'echo "${GF_PATHS_PROVISIONING:-}"'))
    for name in ("data", "secret", "provisioning/datasources"):
        (tmp_path / name).mkdir(parents=True)
    file = GRAFANA / "provisioning" / "datasources" / "prometheus.yml"
    (tmp_path / "provisioning" / "datasources" / "prometheus.yml").write_text(file.read_text())
    (tmp_path / "secret" / "prometheus_password").write_text(PASSWORD + "\n")
    return Image(tmp_path)


def test_nothing_is_written_for_an_open_prometheus_beside_it(image: Image) -> None:
    """Without variables the provisioning of the image is used as it is."""
    ended = image.run()
    assert (ended.returncode, ended.stdout.strip()) == (0, "")
    assert not image.provisioned.exists()


def test_the_data_source_has_user_and_password(image: Image) -> None:
    """User and password reach the data source whatever they are made of, in a file that nobody else can read."""
    ended = image.run(OCISIDECAR_PROMETHEUS_USER="gra'fana")
    assert ended.stdout.strip() == str(image.provisioned.parents[1])
    source = image.source
    assert (source["basicAuth"], source["basicAuthUser"]) == (True, "gra'fana")
    assert source["secureJsonData"] == {"basicAuthPassword": PASSWORD}
    assert source["url"] == "http://127.0.0.1:9090"
    assert "tlsSkipVerify" not in source["jsonData"]
    assert image.provisioned.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("url", "is_checked"),
    [("https://127.0.0.1:9090", False), ("https://localhost:9090/", False), ("https://metrics.example.com", True)],
)
def test_certificates_are_checked_but_on_loopback(image: Image, url: str, *, is_checked: bool) -> None:
    """The certificate of a Prometheus elsewhere is checked, and that of the one in the same instance is not."""
    image.run(OCISIDECAR_PROMETHEUS_URL=url)
    assert image.source["url"] == url
    assert image.source["jsonData"].get("tlsSkipVerify", False) is not is_checked
    assert "basicAuth" not in image.source


def test_a_second_start_writes_the_same(image: Image) -> None:
    """A container that restarts finds its files from the last time, and replaces them."""
    image.run(OCISIDECAR_PROMETHEUS_USER="grafana")
    (image.directory / "secret" / "prometheus_password").write_text("other")
    assert image.run(OCISIDECAR_PROMETHEUS_USER="grafana").returncode == 0
    assert image.source["secureJsonData"] == {"basicAuthPassword": "other"}


def test_an_empty_password_is_an_error(image: Image) -> None:
    """Without the password Grafana does not start, and stderr names the file."""
    (image.directory / "secret" / "prometheus_password").write_text("\n")
    ended = image.run(OCISIDECAR_PROMETHEUS_USER="grafana")
    assert ended.returncode == 78
    assert str(image.directory / "secret" / "prometheus_password") in ended.stderr
