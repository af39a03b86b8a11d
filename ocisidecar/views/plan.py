"""The page of a plan: a diff of the resources, with reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from attrs import evolve

from ocisidecar.plan.plan import Action, Change, Plan, Step
from ocisidecar.resources.capabilities import Startable
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import Desired
from ocisidecar.views.cost import cost_line, money, prices_of
from ocisidecar.views.page import Detail, Page, Row, Section, Tone, count_of, purpose_of, sections_by_kind
from ocisidecar.wire import Key

_SIGNS: Final[Mapping[Action, tuple[str, Tone]]] = {
    Action.CREATE: ("+", Tone.GOOD),
    Action.UPDATE: ("~", Tone.CHANGE),
    Action.REPLACE: ("±", Tone.CHANGE),
    Action.START: ("▶", Tone.GOOD),
    Action.STOP: ("■", Tone.BAD),
    Action.RESTART: ("↻", Tone.CHANGE),
    Action.ADOPT: ("←", Tone.GOOD),
    Action.WAIT: ("…", Tone.CHANGE),
    Action.PRUNE: ("×", Tone.CHANGE),
    Action.DELETE: ("-", Tone.BAD),
    Action.NOOP: ("=", Tone.CALM),
}
_COUNTED: Final[Mapping[Action, str]] = {
    Action.CREATE: "to create",
    Action.ADOPT: "to adopt",
    Action.UPDATE: "to update",
    Action.START: "to start",
    Action.STOP: "to stop",
    Action.RESTART: "to restart",
    Action.REPLACE: "to replace",
    Action.WAIT: "to wait for",
    Action.PRUNE: "to prune",
    Action.DELETE: "to delete",
    Action.NOOP: "unchanged",
}
_ALWAYS_COUNTED: Final = frozenset({Action.CREATE, Action.REPLACE, Action.DELETE})
_KEPT: Final = "kept"
"""The field of the change that has the reason why a destroy keeps a resource."""


def plan_page(plan: Plan) -> Page:
    """Return the page of a plan; it contains no environment values, config file contents or secrets."""
    shown = [step for step in plan.steps if step.is_write or _is_kept(step)]
    if not plan.changes:
        return Page(sections=_sections(shown, plan), notes=plan.warnings, summary=_nothing_to_do(plan))
    region = plan.identity.region
    return Page(
        title=f"Plan to destroy {plan.name} in {region}"
        if plan.is_destroy
        else f"Plan for {plan.name} in {region}",
        sections=_sections(shown, plan),
        notes=plan.warnings,
        remarks=tuple(_cost(plan)),
        summary=f"{plan.name}: {_counts(plan)}.  Digest {plan.digest}.",
        tone=Tone.CHANGE,
    )


def _sections(steps: Sequence[Step], plan: Plan) -> tuple[Section, ...]:
    rows = [(step.key, _row(step, plan.desired.get(step.key))) for step in steps]
    return sections_by_kind(_gathered(rows))


def _nothing_to_do(plan: Plan) -> str:
    if plan.is_destroy:
        kept = len(plan.steps)
        return f"{plan.name}: nothing to delete, {kept} kept." if kept else f"{plan.name} does not exist."
    cost = plan.cost()
    price = f", {money(cost.currency, cost.per_month)} a month" if cost.rows and cost.is_complete else ""
    return f"No changes; {plan.name} is up to date ({count_of(len(plan.steps), 'resource')}{price})."


def _cost(plan: Plan) -> Iterator[str]:
    """Yield what the deployment costs, if anything of it costs by the hour."""
    cost = plan.cost()
    if cost.rows:
        yield f"Cost: {cost_line(cost)}; by {prices_of(cost)}, and use without a budget comes on top."


def _counts(plan: Plan) -> str:
    kept = sum(_is_kept(step) for step in plan.steps)
    numbers = {action: plan.counts.get(action.value, 0) for action in _COUNTED}
    numbers[Action.NOOP] -= kept
    needed = frozenset({Action.DELETE}) if plan.is_destroy else _ALWAYS_COUNTED
    words = [f"{number} {_COUNTED[action]}" for action, number in numbers.items() if number or action in needed]
    return ", ".join([*words, f"{kept} kept"] if kept else words)


def _is_kept(step: Step) -> bool:
    return any(change.field == _KEPT for change in step.changes)


def _row(step: Step, want: Desired | None) -> Row:
    sign, tone = _SIGNS[step.action]
    purpose = purpose_of(step.key.kind)
    if step.action is Action.CREATE:
        details = (*(_detail(change) for change in step.changes if step.going), *_facts(step.key, want))
    elif step.action is Action.DELETE:
        details = ()
    else:
        details = (*map(_detail, step.changes), *_manner(step))
    return Row(sign=sign, subject=str(step.key), text=purpose, tone=tone, details=details)


def _facts(key: Key, want: Desired | None) -> tuple[Detail, ...]:
    """Return the facts about a new resource, which contain no secret."""
    kind = KINDS.get(key.kind)
    return () if kind is None or want is None else tuple(Detail(*fact) for fact in kind.facts(want.body))


def _detail(change: Change) -> Detail:
    if change.before or change.after:
        return Detail(change.field, f"{change.before or '–'} → {change.after or '–'}")
    return Detail(change.field, change.reason)


def _manner(step: Step) -> Iterator[Detail]:
    if step.action is Action.REPLACE and (step.has_downtime or isinstance(KINDS[step.key.kind], Startable)):
        verb = "stopped" if step.keeps_old else "deleted"
        end = "all new ones are" if step.keeps_old else "the new one is"
        yield Detail(
            "downtime",
            f"yes: the old one is {verb} before the new one is created"
            if step.has_downtime
            else f"none: the old one is deleted once {end} healthy; the address changes",
        )
    if step.keeps_old:
        stays = "stays stopped until all new ones work" if step.has_downtime else "stays until all new ones work"
        back = "it is started again" if step.has_downtime else "they are deleted"
        yield Detail("on failure", f"rolled back: the old one {stays}; if one does not, {back}")
    elif step.no_way_back:
        yield Detail("on failure", f"cannot be rolled back: {step.no_way_back}")


def _gathered(rows: Iterable[tuple[Key, Row]]) -> Iterator[tuple[Key, Row]]:
    """Yield one row for replicas with equal rows, such as `container-instance/web-0 … web-49`."""

    def likeness(keyed: tuple[Key, Row]) -> tuple[str, str, Row]:
        key, row = keyed
        return key.kind, key.name.rstrip("0123456789"), evolve(row, subject="")

    for _, alike in groupby(rows, likeness):
        replicas = sorted(alike, key=lambda keyed: (len(keyed[0].name), keyed[0].name))
        key, row = replicas[0]
        if len(replicas) > 1:
            last = replicas[-1][0].name
            row = evolve(row, subject=f"{key} … {last}", text=f"{len(replicas)} ×: {row.text}")
        yield key, row
