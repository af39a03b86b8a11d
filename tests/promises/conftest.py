"""Fixtures of the promises, which are kept in a cloud that takes its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocisidecar.emulator import Latencies


@pytest.fixture
def latencies() -> Latencies:
    """Everything takes as long as in the real service."""
    return Latencies.realistic(1)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Measure no coverage here: it takes a third of the time, and the other tests reach the same lines."""
    if item.path.is_relative_to(Path(__file__).parent):
        item.add_marker(pytest.mark.no_cover)
