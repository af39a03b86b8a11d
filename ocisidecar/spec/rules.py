"""Rules of Prometheus: series that it computes, and conditions that it watches.  Pure.

Source: Prometheus documentation, "Recording rules", "Alerting rules".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from attrs import field, frozen

from ocisidecar.spec.converters import text_map
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import at_least, length, matches, validated

LABEL_NAME: Final = matches(r"[a-zA-Z_][a-zA-Z0-9_]*", "a label name")
_GROUP: Final = "ocisidecar"


def _expression(value: str) -> str | None:
    return None if value.strip() else "must be an expression of PromQL, got none"


def _template(value: str) -> str | None:
    if value.count("{{") == value.count("}}"):
        return None
    return f"must close each {{{{ of its template, got {value!r}"


@frozen(repr=False)
class RecordingRule(ShortRepr):
    """A series that Prometheus computes at each evaluation and stores.

    Attributes:
        record: its name, by convention `level:metric:operations`.
        expr: in PromQL.
        labels: added to every sample.
    """

    record: str = field(metadata=validated(matches(r"[a-zA-Z_:][a-zA-Z0-9_:]*", "a metric name")))
    expr: str = field(metadata=validated(_expression))
    labels: Mapping[str, str] = field(
        factory=dict, kw_only=True, converter=text_map, metadata=validated(names=(LABEL_NAME,))
    )

    def render(self) -> dict[str, object]:
        """Return the rule as Prometheus reads it."""
        return _present(record=self.record, expr=self.expr, labels=dict(self.labels))


@frozen(repr=False)
class AlertingRule(ShortRepr):
    """A condition: each series that `expr` returns is an alert.

    An Alertmanager in the instance is told of them; without one they are seen in Prometheus only, as its metric
    `ALERTS`.  OCI's own alarms, which need no Prometheus, are `AlarmSpec`.

    Attributes:
        alert: its name.
        expr: in PromQL.
        for_in_seconds: how long it must hold before the alert fires.
        keep_firing_for_in_seconds: how long the alert goes on after the last time it held.
        labels: added to the alert, e.g. its severity.
        annotations: texts for people; `{{ $labels.instance }}` and `{{ $value }}` stand for what was found.
    """

    alert: str = field(metadata=validated(length(1, 255)))
    expr: str = field(metadata=validated(_expression))
    for_in_seconds: int = field(default=0, kw_only=True, metadata=validated(at_least(0, unit="s")))
    keep_firing_for_in_seconds: int = field(default=0, kw_only=True, metadata=validated(at_least(0, unit="s")))
    labels: Mapping[str, str] = field(
        factory=dict, kw_only=True, converter=text_map, metadata=validated(names=(LABEL_NAME,))
    )
    annotations: Mapping[str, str] = field(
        factory=dict, kw_only=True, converter=text_map, metadata=validated(each=(_template,), names=(LABEL_NAME,))
    )

    def render(self) -> dict[str, object]:
        """Return the rule as Prometheus reads it."""
        times = {"for": self.for_in_seconds, "keep_firing_for": self.keep_firing_for_in_seconds}
        return _present(
            alert=self.alert,
            expr=self.expr,
            **{name: f"{seconds}s" for name, seconds in times.items() if seconds},
            labels=dict(self.labels),
            annotations=dict(self.annotations),
        )


Rule: TypeAlias = RecordingRule | AlertingRule
"""What Prometheus evaluates in each interval."""


def rule_file(rules: Sequence[Rule]) -> bytes:
    """Return the file with these rules, which are evaluated in this order: JSON, which every YAML parser reads."""
    document = {"groups": [{"name": _GROUP, "rules": [rule.render() for rule in rules]}]}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _present(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value}
