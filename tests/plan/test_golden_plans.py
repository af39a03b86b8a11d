"""Plans as files: `spec`, what was `before`, `drift` since then → `steps`.  Adding a case is adding a file.

`before` is a spec that was applied, or null; each entry of `drift` changes what is live of one key: `gone`, a
`state`, or fields of the `body`.  `pytest --update-golden` writes the steps.
"""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from ocisidecar.plan.build import desire, plan_apply
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.spec.files import load_spec
from ocisidecar.state.observed import Snapshot
from tests.conftest import GOLDEN
from tests.plan_values import IDENTITY, key, live

SITE = Site(IDENTITY, "eu-frankfurt-1", ("Uocm:FRA-AD-1",), "ocid1.service.all", "all-fra-services")
FILES = sorted((GOLDEN / "plan").glob("*.json"))


def drifted(lives, drift):
    """Return the live resources with the case's drift applied."""
    for change in drift:
        named = key(change["key"])
        (one,) = [live for live in lives if live.key == named]
        lives = [live for live in lives if live is not one]
        if not change.get("gone"):
            body = {**one.body, **change.get("body", {})}
            if state := change.get("state"):
                one = evolve(one, state=state, phase=KINDS[named.kind].phase(state))
            lives.append(evolve(one, body=body))
    return Snapshot(tuple(lives))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_plan_equals_its_golden_file(golden, path):
    """The same spec and the same live resources give the same steps, reasons and operations as the golden file."""
    case = json.loads(path.read_text(encoding="utf-8"))
    before = load_spec(json.dumps(case["before"])) if case["before"] else None
    lives = [live(one) for one in desire(before, SITE).values()] if before else []
    plan = plan_apply(load_spec(json.dumps(case["spec"])), SITE, drifted(lives, case["drift"]))
    shown = json.loads(plan.to_json())
    document = {**case, "steps": shown["steps"], "operations": shown["operations"]}
    golden(f"plan/{path.name}", json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def test_there_are_golden_plans():
    """The directory of golden plans is not empty."""
    assert len(FILES) >= 10
