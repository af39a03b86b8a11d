"""Our images: errors at the start, exit codes, and users."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from attrs import frozen

from ocisidecar.engine import Engine
from ocisidecar.spec.own_images import OWN_IMAGES, own_image
from tests.standins.images import BASES

PRIVILEGED_PORTS = ("--sysctl", "net.ipv4.ip_unprivileged_port_start=1024")
ENVIRONMENT = "sed 's,/run.sh,env,' /opt/ocisidecar/entrypoint.sh | sh"
"""Runs our entrypoint for Grafana with `env` instead of Grafana."""

LOG_LINE = '10.0.0.1 - - [now] "GET / HTTP/1.1" 200 1 "-" "-" 0.001'
COUNT_ON_A_FULL_DISK = f"""
request() {{ echo '{LOG_LINE}' >>/logs/access.log; publish-metrics.sh && echo counted; }}
counter() {{ sed -n 's/^app_requests_total.* //p' /metrics/app.prom; }}
request
cat /dev/zero >/metrics/fill
request
counter
rm /metrics/fill
request
counter
"""
DO_NOT_WAIT = "OCISIDECAR_WAIT_IN_SECONDS=0"
STOPPED_AS_FIRST_PROCESS = "(sleep 1; kill -TERM 1) & exec /opt/ocisidecar/entrypoint.sh"
"""Runs the agent's entrypoint as process 1, as the platform does, and ends it; `timeout` refuses to be that."""
STOPPED_AT_ONCE = 'entrypoint.sh & sleep "$1"; kill "$!"; wait "$!"'


@frozen
class Ended:
    """How a container ended."""

    exit_code: int
    output: str


@pytest.fixture(scope="module")
def run(images: Mapping[str, str]) -> Callable[..., Ended]:
    """Runs one of our images until it exits: `run("grafana", "-c", "...", options=["--entrypoint=sh"])`."""

    def run(name: str, *arguments: str, options: Sequence[str] = ()) -> Ended:
        command = ["docker", "run", "--rm", *options, images[own_image(name)], *arguments]
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60
        )
        return Ended(ended.returncode, ended.stdout)

    return run


@pytest.fixture
def response_file(tmp_path: Path) -> Path:
    """An input.rsp with an install key, readable for every user."""
    path = tmp_path / "input.rsp"
    path.write_text("ManagementAgentInstallKey = s3cr3t-key\n")
    tmp_path.chmod(0o755)
    return path


def with_key(response_file: Path) -> list[str]:
    """Return options for the agent: its install key as OCI mounts it, and its volume."""
    return [f"--volume={response_file.parent}:/etc/management-agent:ro", "--tmpfs=/opt/oracle:mode=1777,exec"]


def test_app_says_what_to_do_where_port_80_is_for_root(run: Callable[..., Ended]) -> None:
    """Where port 80 needs root, the error names the variable PORT, and the exit code is that of nginx."""
    ended = run("app-with-metrics", options=[*PRIVILEGED_PORTS, "--env", "PORT=80"])
    assert ended.exit_code == 1
    assert "set PORT to 1024 or more" in ended.output
    assert "Permission denied" in ended.output


@pytest.mark.parametrize("port", ["", "http", "80; include /etc/passwd"])
def test_app_refuses_a_port_that_is_not_a_number(run: Callable[..., Ended], port: str) -> None:
    """A PORT that is not a number ends the app with exit code 64 before nginx starts."""
    ended = run("app-with-metrics", options=["--env", f"PORT={port}"])
    assert ended.exit_code == 64
    assert "PORT must be a number" in ended.output


@pytest.mark.parametrize(
    "setting", ["METRICS_INTERVAL_IN_SECONDS=5 s", "METRICS_INTERVAL_IN_SECONDS=0.0", "LOG_LIMIT_IN_BYTES=16MB"]
)
def test_app_refuses_settings_that_would_stop_its_metrics(run: Callable[..., Ended], setting: str) -> None:
    """A malformed interval or log limit ends the app with exit code 64 and the variable's name."""
    ended = run("app-with-metrics", options=["--env", setting])
    assert ended.exit_code == 64
    assert f"{setting.partition('=')[0]} must be a number" in ended.output


def test_app_forgets_nothing_when_the_disk_is_full(run: Callable[..., Ended]) -> None:
    """On a full disk the counters keep their values, and the missing requests are counted when there is room."""
    full_soon = ["--tmpfs=/metrics:size=16k,mode=1777", "--entrypoint=sh"]
    ended = run("app-with-metrics", "-c", COUNT_ON_A_FULL_DISK, options=full_soon)
    results = [line for line in ended.output.splitlines() if line == "counted" or line.isdecimal()]
    assert results == ["counted", "1", "counted", "3"]


@pytest.mark.parametrize("seconds", ["0.01", "0.02", "0.03", "0.05"])
def test_app_ends_when_it_is_stopped_at_once(run: Callable[..., Ended], seconds: str) -> None:
    """A SIGTERM ends the app even if it arrives before nginx handles signals."""
    ended = run("app-with-metrics", "-c", STOPPED_AT_ONCE, "sh", seconds, options=["--entrypoint=sh"])
    assert ended.exit_code in {0, 143}


def test_app_names_the_directory_that_is_read_only(run: Callable[..., Ended]) -> None:
    """On a read-only file system without volumes the app exits with 73 and names the directory to mount."""
    ended = run("app-with-metrics", options=["--read-only"])
    assert ended.exit_code == 73
    assert "cannot write to /logs: mount a volume there" in ended.output


def test_agent_refuses_to_start_without_a_key(run: Callable[..., Ended]) -> None:
    """Without input.rsp the agent exits with 78 and names the path, because it could not register."""
    ended = run("management-agent")
    assert ended.exit_code == 78
    assert "/etc/management-agent/input.rsp" in ended.output


def test_agent_takes_no_key_from_the_environment(run: Callable[..., Ended]) -> None:
    """An install key in MGMT_AGENT_INSTALL_KEY is ignored."""
    assert run("management-agent", options=["--env", "MGMT_AGENT_INSTALL_KEY=s3cr3t-key"]).exit_code == 78


def test_agent_refuses_a_response_file_without_key(run: Callable[..., Ended], response_file: Path) -> None:
    """The error about an input.rsp without an install key names the missing entry and shows no other entry."""
    response_file.write_text("CredentialWalletPassword = s3cr3t\n")
    ended = run("management-agent", options=with_key(response_file))
    assert ended.exit_code == 78
    assert "has no ManagementAgentInstallKey" in ended.output
    assert "s3cr3t" not in ended.output


def test_agent_names_the_volume_that_is_missing(run: Callable[..., Ended], response_file: Path) -> None:
    """Without a volume for its state the agent exits with 73 and names the directory to mount."""
    ended = run("management-agent", options=with_key(response_file)[:1])
    assert ended.exit_code == 73
    assert "cannot write to /opt/oracle: mount a volume there" in ended.output


@pytest.mark.parametrize(
    ("image", "directory"),
    [
        ("app-with-metrics", "/logs"),
        ("grafana", "/var/lib/grafana"),
        ("management-agent", "/opt/oracle"),
        ("prometheus", "/prometheus"),
    ],
)
def test_a_volume_that_belongs_to_root_ends_the_start_with_one_line(
    run: Callable[..., Ended], response_file: Path, tmp_path: Path, image: str, directory: str
) -> None:
    """Where a volume is root's and closed for others, the only line names user, directory and remedy."""
    volume = tmp_path / "volume"
    volume.mkdir(mode=0o755)
    ended = run(image, options=[*with_key(response_file)[:1], f"--volume={volume}:{directory}", "--user=4711"])
    assert ended.exit_code == 73
    (line,) = ended.output.splitlines()
    assert f"cannot write to {directory}: mount a volume there or" in line
    assert line.endswith("run as root (run_as_user=0)")


def test_agent_ends_while_it_waits(run: Callable[..., Ended], response_file: Path) -> None:
    """A SIGTERM during the wait for the scrape source ends the container with exit code 0."""
    options = [*with_key(response_file), "--network=none", "--entrypoint=bash"]
    assert run("management-agent", "-c", STOPPED_AS_FIRST_PROCESS, options=options).exit_code == 0


def test_agent_keeps_the_exit_code_of_the_base(run: Callable[..., Ended], response_file: Path) -> None:
    """The container exits with the code of Oracle's entrypoint, and its output does not contain the key."""
    failing = response_file.parent / "failing"
    failing.write_text("#!/bin/sh\nexit 37\n")
    failing.chmod(0o755)
    entrypoint = "AGENT_ENTRYPOINT=/etc/management-agent/failing"
    ended = run("management-agent", options=[*with_key(response_file), "--env", entrypoint, "--env", DO_NOT_WAIT])
    assert ended.exit_code == 37
    assert "starting the agent anyway" in ended.output
    assert "s3cr3t-key" not in ended.output


@pytest.mark.parametrize(
    ("variable", "is_admin_made"),
    [
        ("NONE=", False),
        ("GF_SECURITY_ADMIN_PASSWORD=", False),
        ("GF_SECURITY_ADMIN_PASSWORD=long", True),
        ("GF_SECURITY_ADMIN_PASSWORD__FILE=/etc/hostname", True),
    ],
)
def test_grafana_has_no_default_password(run: Callable[..., Ended], variable: str, *, is_admin_made: bool) -> None:
    """Grafana creates the user admin only if a password is given."""
    ended = run("grafana", "-c", ENVIRONMENT, options=["--entrypoint=sh", "--env", variable])
    assert ended.exit_code == 0
    assert ("GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION=true" not in ended.output.splitlines()) is is_admin_made


@pytest.mark.parametrize("path", ["/absent", "/dev/null"])
def test_grafana_does_not_start_with_a_password_that_is_not_there(run: Callable[..., Ended], path: str) -> None:
    """Grafana exits with 78 if the password file is absent or empty, instead of using the password `admin`."""
    ended = run("grafana", options=["--env", f"GF_SECURITY_ADMIN_PASSWORD__FILE={path}"])
    assert ended.exit_code == 78
    assert f"no password in {path}" in ended.output


def test_no_image_runs_as_root(engine: Engine, images: Mapping[str, str]) -> None:
    """The default user of each of our images is a number other than 0."""
    own = {name: image for name, image in images.items() if name.startswith(OWN_IMAGES)}
    assert len(own) == len(BASES)
    users = {name: engine.api.inspect_image(image)["Config"]["User"] for name, image in own.items()}
    assert [name for name, user in users.items() if int(user.partition(":")[0]) == 0] == []
