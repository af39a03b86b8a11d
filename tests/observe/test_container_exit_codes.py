"""Meanings of exit codes."""

from __future__ import annotations

import pytest

from ocisidecar.observe.container_exit_codes import meaning


@pytest.mark.parametrize(
    ("exit_code", "meant"),
    [(0, "without an error"), (127, "does not exist"), (137, "SIGKILL"), (42, "program's own")],
)
def test_a_code_has_a_meaning(exit_code, meant):
    """A code with a conventional meaning has that, and any other is called the program's own."""
    assert meant in meaning(exit_code)
