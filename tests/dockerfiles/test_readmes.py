"""The READMEs of the images: their Python blocks, and the variables that they explain."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

READMES = sorted((Path(__file__).parents[2] / "docker").glob("*/README.md"))
BLOCKS = [
    pytest.param(block, id=f"{path.parent.name}-{number}")
    for path in READMES
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block: str) -> None:
    """Each Python block runs without an error after `from ocisidecar import *`."""
    program = f"from ocisidecar import *\n{block}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_every_variable_of_the_image_is_explained(path: Path) -> None:
    """The README has every variable that the Dockerfile sets, except for those of Grafana and Python."""
    dockerfile = re.sub(r"\\\n\s*", " ", (path.parent / "Dockerfile").read_text())
    variables = re.findall(r"(?:^| )([A-Z_]+)=", " ".join(re.findall(r"^ENV (.*)", dockerfile, re.MULTILINE)))
    known = path.read_text()
    assert [name for name in variables if name not in known and not name.startswith(("GF_", "PYTHON"))] == []
