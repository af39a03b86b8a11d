"""The README's snippets with real containers."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parent.parent.parent / "README.md").read_text()


def test_python_snippets_run_with_real_containers(images, capsys):
    """Each Python block with an engine runs unchanged except for the images, which tests cannot pull."""
    spec, *with_engine = [
        source
        for source in re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
        if "web = (" in source or 'containers="docker"' in source or "Pod.run" in source
    ]
    assert len(with_engine) == 2
    replaced = {**images, "fra.ocir.io/acme/web:1.4": images["ocisidecar/app-with-metrics:0.1.0"]}
    names = {"replaced": replaced}
    exec(compile(spec, "README.md", "exec"), names)  # noqa: S102 the README is ours
    for source in with_engine:
        standing_in = source.replace('containers="docker"', 'containers="docker", images=replaced').replace(
            'images={"web": "web:dev"}', "images=replaced"
        )
        assert standing_in != source
        exec(compile(standing_in, "README.md", "exec"), names)  # noqa: S102
    said = capsys.readouterr().out
    assert "http://127.0.0.1:" in said
    assert "start worker process" in said
