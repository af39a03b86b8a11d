"""metrics.awk of app-with-metrics, run by Debian's awk and by BusyBox' awk, which Alpine uses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

PROGRAM = Path(__file__).parents[2] / "docker" / "app-with-metrics" / "metrics.awk"
AWKS = [["awk"], ["busybox", "awk"]]
"""The implementations of Debian and of Alpine."""


def line(request: str = "GET / HTTP/1.1", *, status: int = 200, seconds: str = "0.003") -> str:
    """Return a line in the format of nginx' access log."""
    return f'10.0.0.1 - - [2026-01-01T00:00:00+00:00] "{request}" {status} 612 "-" "curl/8" {seconds}\n'


@pytest.fixture(scope="module", params=AWKS, ids=" ".join)
def awk(request: pytest.FixtureRequest) -> list[str]:
    """An awk, as a command."""
    command: list[str] = request.param
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return command


def count(awk: list[str], log: bytes, published: Path, *, offset: int = 0) -> int:
    """Add a piece of the log that begins at `offset` to the published metrics; return the next piece's offset."""
    variables = {"published": published, "inode": 7, "offset": offset, "available": len(log), "now": 1_700_000_000}
    settings = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    run = subprocess.run(
        [*awk, *settings, "-f", PROGRAM], input=log, stdout=subprocess.PIPE, env={"LC_ALL": "C"}, check=True
    )
    published.write_bytes(run.stdout)
    _, _, inode, read = published.read_text().splitlines()[0].split()
    assert inode == "7"
    assert run.stdout.endswith(b"\n# complete\n")
    return int(read)


def values(published: Path) -> dict[str, float]:
    """Return series → value."""
    lines = [text for text in published.read_text().splitlines() if not text.startswith("#")]
    return {name: float(value) for name, _, value in (text.rpartition(" ") for text in lines)}


LINES = st.builds(
    line,
    st.sampled_from(["GET / HTTP/1.1", "POST /form HTTP/1.1", "BREW /pot HTTP/1.1", r"\x16\x03", "", "GET /ü"]),
    status=st.sampled_from([200, 304, 404, 499, 503]),
    seconds=st.sampled_from(["0.000", "0.005", "0.006", "1.000", "12.345"]),
)


@settings(max_examples=25, deadline=None)
@given(lines=st.lists(LINES, max_size=20), cuts=st.lists(st.integers(0, 2000), max_size=4))
def test_pieces_count_like_the_whole(
    awk: list[str], tmp_path_factory: pytest.TempPathFactory, lines: list[str], cuts: list[int]
) -> None:
    """Wherever the log is cut, even within a line, the final counters are the same, and no counter falls."""
    log = "".join(lines).encode()
    directory = tmp_path_factory.mktemp("metrics")
    whole, pieces = directory / "whole", directory / "pieces"
    assert count(awk, log, whole) == len(log)
    read, before = 0, dict[str, float]()
    for end in [*sorted(min(cut, len(log)) for cut in cuts), len(log)]:
        read += count(awk, log[read:end], pieces, offset=read) - read
        now = values(pieces)
        assert all(now[name] >= value for name, value in before.items())
        before = now
    assert values(pieces) == values(whole)


def test_histogram_is_cumulative(awk: list[str], tmp_path: Path) -> None:
    """A bucket counts all requests whose duration is at most its bound."""
    count(
        awk, "".join(line(seconds=text) for text in ("0.005", "0.006", "0.7", "60.000")).encode(), tmp_path / "prom"
    )
    found = values(tmp_path / "prom")
    prefix = "app_request_duration_seconds"
    assert [found[f'{prefix}_bucket{{le="{bound}"}}'] for bound in ("0.005", "0.01", "0.5", "1", "10", "+Inf")] == [
        1,
        2,
        2,
        3,
        3,
        4,
    ]
    assert found[f"{prefix}_count"] == 4
    assert found[f"{prefix}_sum"] == pytest.approx(60.711)


def test_clients_make_no_series(awk: list[str], tmp_path: Path) -> None:
    """Unknown methods are counted as `other`, so that clients cannot create any number of series."""
    count(awk, "".join(line(f"M{number} / HTTP/1.1") for number in range(50)).encode(), tmp_path / "prom")
    requests = {name: value for name, value in values(tmp_path / "prom").items() if name.startswith("app_requests")}
    assert requests == {'app_requests_total{method="other",status="200"}': 50}
