"""Fixtures of the promises, which are kept in a cloud that takes its time."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Latencies


@pytest.fixture
def latencies() -> Latencies:
    """Everything takes as long as in the real service."""
    return Latencies.realistic(1)
