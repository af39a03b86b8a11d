"""Spec files: any text is a spec or refused with `SpecError`; what is valid can be planned and dumped."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from ocisidecar.errors import PlanError, SpecError
from ocisidecar.plan.build import plan_apply
from ocisidecar.spec import DeploymentSpec
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.syntax import write_yaml
from ocisidecar.spec.validate.spec import validate
from ocisidecar.spec.validate.warnings import spec_warnings
from ocisidecar.state.observed import Snapshot
from tests.fuzz import mutations
from tests.fuzz.spec_documents import document
from tests.properties.test_noop import site_of

ENVIRONMENT: Mapping[str, str] = {
    "NAME": "web",
    "EMPTY": "",
    "NUMBER": "8080",
    "HALF": "\udcff",
    "ODD": "\x1b[0m\r\n${X}",
}
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{here}: &{here} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, here in zip("abcdefgh", "bcdefghi", strict=True)
)
HANDMADE = (
    "name: web\nimage_url: docker.io/acme/web:1.4\nports: [8080]\nsidecars: [prometheus, node_exporter]\n",
    "x-a: &a {ocpus: 1, memory_in_gbs: 4}\nname: web\ninstances:\n- name: web\n  image_url: a/b:1\n  <<: *a\n",
    "name: web\nimage_url: ${IMAGE:-a/b:1}\nreplicas: ${COUNT-2}\nenvironment_variables: {A: ${NAME:?set it}}\n",
    "name: web\nimage_url: a/b:1\nfreeform_tags: {a: |\n  b\n   c\n}\n",
    f"{BOMB}name: web\nimage_url: a/b:1\n",
    "a: &a\n  b: *a\n",
    "name: web\n<<: [{image_url: a/b:1}, {ports: 80}]\n? [a]\n: b\n? {a: b}\n: c\n",
    "!!python/object/apply:os.system ['true']\n",
    "--- {name: web, image_url: a/b:1}\n---\na: b\n...\n",
    "%YAML 1.1\n--- !!map {name: !!str web, image_url: !!binary YWI=, a: !!set {x, y}, b: !!timestamp 2024}\n",
    '{"name": "web", "image_url": "a/b:1", "ports": [80, {"port": 443}], "freeform_tags": {"a": "\\ud83d\\ude00"}}',
)


@cache
def _seeds() -> tuple[bytes, ...]:
    """Return texts of many forms, from which others are made."""
    chance = Random("the seeds of spec files")
    made = [write_yaml(_as_text(document(chance))) for _ in range(150)]
    return (*(one.encode() for one in HANDMADE), *(one.encode() for one in made if len(one) < 1500))


def _as_text(value: Any) -> Any:
    """Return a document that YAML can hold: without halves of surrogate pairs."""
    if isinstance(value, dict):
        return {_as_text(name): _as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _content(chance: Random) -> tuple[bytes, str]:
    """Return the content of a file, and the ending of its name."""
    kind = chance.random()
    if kind < 0.4:
        return mutations.change_bytes(chance, chance.choice(_seeds()), _seeds()), chance.choice([".yaml", ".json"])
    made = document(chance)
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        made = mutations.change_document(chance, made)
    if kind < 0.7:
        return write_yaml(_as_text(made)).encode(), ".yaml"
    return mutations.written_json(made), ".json"


def _load(chance: Random, directory: str) -> DeploymentSpec:
    content, ending = _content(chance)
    if chance.random() < 0.5:
        path = Path(directory) / f"spec{ending}"
        path.write_bytes(content)
        return load_spec(path, environment=ENVIRONMENT)
    return load_spec(content.decode("utf-8", "surrogateescape") + "\n", environment=ENVIRONMENT)


def _refusal(error: SpecError) -> str:
    assert error.problems
    str(error).encode()
    return "refused"


def attempt(chance: Random) -> str:
    """Load one input, and use what was loaded; return what came of it."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            spec = _load(chance, directory)
        except SpecError as error:
            return _refusal(error)
        repr(spec)
        if problems := validate(spec, accepts_symbolic_images=True):
            str(SpecError(problems)).encode()
            return "loaded, not valid"
        assert load_spec(dump_spec(spec), environment={}) == spec
        assert load_spec(dump_spec(spec, syntax="json"), environment={}) == spec
        spec_warnings(spec)
        try:
            plan = plan_apply(spec, site_of(spec), Snapshot(()))
        except (SpecError, PlanError):
            return "valid, not planned"
        str(plan).encode()
        return "planned"
