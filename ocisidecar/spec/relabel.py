"""Relabelling: which of the scraped series are kept, and what their labels become.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from attrs import asdict, field, frozen

from ocisidecar.spec.converters import texts
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import Problem, at_least, validated
from ocisidecar.spec.validate.prometheus_config import relabel_faults
from ocisidecar.spec.validate.re2 import re2_problem


def regular_expression(value: str) -> str | None:
    """Demand a regular expression of Prometheus."""
    problem = re2_problem(value) if value else "is empty"
    return problem and f"must be a regular expression of Prometheus, got {value!r}: it {problem}"


@frozen(kw_only=True, repr=False)
class RelabelRule(ShortRepr):
    """One rule of Prometheus' `metric_relabel_configs`; what is None is left to Prometheus' default.

    Attributes:
        source_labels: their values, joined by `separator`, are what `regex` must match as a whole.
        action: what is done where it matches.
        target_label: what the action writes.
        modulus: of the action `hashmod`.

    Source: Prometheus documentation, "Configuration", relabel_config.
    """

    action: Literal[
        "replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase",
        "keepequal", "dropequal",
    ] = "replace"  # fmt: skip
    source_labels: tuple[str, ...] = field(default=(), converter=texts)
    regex: str | None = field(default=None, metadata=validated(regular_expression))
    target_label: str | None = None
    replacement: str | None = None
    separator: str | None = None
    modulus: int | None = field(default=None, metadata=validated(at_least(1)))

    def contradictions(self) -> list[Problem]:
        """Return what Prometheus would refuse, as pairs of field and message."""
        found = relabel_faults({**self.render(), "regex": None})
        return [(steps[-1] if steps else "action", message) for steps, message in found]

    def render(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        values = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def chosen_by_name(keep: Sequence[str], drop: Sequence[str]) -> list[dict[str, Any]]:
    """Return rules that keep only the metrics with these names, and drop those."""
    lists = (("keep", keep), ("drop", drop))
    return [
        {"source_labels": ["__name__"], "regex": "|".join(f"(?:{one})" for one in names), "action": action}
        for action, names in lists
        if names
    ]
