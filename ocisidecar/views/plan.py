"""The page of a plan: a diff of the resources, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from attrs import evolve

from ocisidecar.plan.plan import Action, Change, Plan, Step
from ocisidecar.state.desired import Desired
from ocisidecar.views.page import Detail, Page, Row, Section, Tone, count_of, sections_by_kind, words_for
from ocisidecar.wire import Body, Key

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
"""The field of the change with which a destroy says why it keeps something."""


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
    return f"No changes; {plan.name} is up to date ({count_of(len(plan.steps), 'resource')})."


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
    purpose = words_for(step.key.kind).purpose
    if step.action is Action.CREATE:
        details = tuple(_facts(step.key, want)) if want is not None else ()
    elif step.action is Action.DELETE:
        details = ()
    else:
        details = (*map(_detail, step.changes), *_manner(step))
    return Row(sign=sign, subject=str(step.key), text=purpose, tone=tone, details=details)


def _detail(change: Change) -> Detail:
    if change.before or change.after:
        return Detail(change.field, f"{change.before or '–'} → {change.after or '–'}")
    return Detail(change.field, change.reason)


def _manner(step: Step) -> Iterator[Detail]:
    if step.action is not Action.REPLACE:
        return
    if step.has_downtime:
        yield Detail("downtime", "yes: the old one is deleted before the new one is created")
    else:
        yield Detail("downtime", "none: the old one is deleted once the new one is healthy; the address changes")


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


# -- what a new resource will be like --------------------------------------------------------------------------


def _facts(key: Key, want: Desired) -> Iterator[Detail]:
    describe = _FACTS.get(key.kind)
    if describe is not None:
        yield from describe(want.body)


def _address_range(body: Mapping[str, Body]) -> Iterator[Detail]:
    yield Detail("addresses", ", ".join(_texts(body.get("cidrBlocks"))) or str(body.get("cidrBlock")))


def _open_ports(body: Mapping[str, Body]) -> Iterator[Detail]:
    rules = [rule for rule in _objects(body.get("securityRules")) if rule.get("direction") == "INGRESS"]
    yield Detail("opens", ", ".join(str(rule.get("description")) for rule in rules) or "nothing")


def _permissions(body: Mapping[str, Body]) -> Iterator[Detail]:
    for statement in _texts(body.get("statements")):
        _, _, permission = statement.partition(" to ")
        verb_and_type, _, rest = permission.partition(" in compartment ")
        _, _, condition = rest.partition(" where ")
        yield Detail("allows", f"{verb_and_type} where {condition}" if condition else verb_and_type)
    yield Detail("because", str(body.get("description")))


def _watched(body: Mapping[str, Body]) -> Iterator[Detail]:
    yield Detail(str(body.get("severity")).lower(), str(body.get("query")))


def _containers(body: Mapping[str, Body]) -> Iterator[Detail]:
    config = body.get("shapeConfig")
    size = config if isinstance(config, Mapping) else {}
    amounts = (_amount(size.get("ocpus"), "OCPU"), _amount(size.get("memoryInGBs"), "GB"))
    yield Detail("shape", ", ".join(filter(None, (str(body.get("shape")), *amounts))))
    for container in _objects(body.get("containers")):
        yield Detail(str(container.get("displayName")), str(container.get("imageUrl")))


def _amount(value: Body, unit: str) -> str:
    return f"{value:g} {unit}" if isinstance(value, int | float) else ""


_FACTS: Final[Mapping[str, Callable[[Mapping[str, Body]], Iterator[Detail]]]] = {
    "vcn": _address_range,
    "subnet": _address_range,
    "network-security-group": _open_ports,
    "policy": _permissions,
    "alarm": _watched,
    "container-instance": _containers,
}
"""Kind → what its create request says that a reader wants to know, and may."""


def _objects(value: Body) -> list[Mapping[str, Body]]:
    entries = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _texts(value: Body) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, Sequence) and not isinstance(value, str) else []
