"""What exit codes mean."""

from __future__ import annotations

import pytest

from ocisidecar.observe.container_exit_codes import meaning


@pytest.mark.parametrize(
    ("exit_code", "said"), [(0, "ended by itself"), (127, "does not exist"), (137, "SIGKILL"), (42, "own code")]
)
def test_a_code_is_put_into_words(exit_code, said):
    """Convention where there is one, else the program's own affair."""
    assert said in meaning(exit_code)
