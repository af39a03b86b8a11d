"""Settings of the sample of fuzzing."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Measure no coverage here: it takes a third of the time, and the other tests reach the same lines."""
    if item.path.is_relative_to(Path(__file__).parent):
        item.add_marker(pytest.mark.no_cover)
