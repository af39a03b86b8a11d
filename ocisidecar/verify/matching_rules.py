"""Whether a dynamic group admits a resource, by its matching rule.  Pure.

Source: Oracle, "Writing Matching Rules to Define Dynamic Groups".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_RULE = re.compile(r"\s*(?P<how>all|any)\s*\{(?P<clauses>[^{}]*)\}\s*", re.IGNORECASE)
_CLAUSE = re.compile(r"\s*(?P<name>[\w.-]+)\s*(?P<operator>!?=)\s*'(?P<value>[^']*)'\s*")


def unmet(rule: str, facts: Mapping[str, str]) -> str:
    """Return the part of a rule that keeps a resource out; empty if it is admitted, or if that is not known.

    Args:
        rule: of the group.  One that nests others, or that asks for something else than `facts`, is not judged.
        facts: name of a variable, such as `resource.type` or `tag.team.app.value`, → its value for the resource.
    """
    parsed = _RULE.fullmatch(rule)
    clauses = [_CLAUSE.fullmatch(one) for one in (parsed["clauses"] if parsed else rule).split(",")]
    if any(one is None or (one["name"] not in facts and not one["name"].startswith("tag.")) for one in clauses):
        return ""
    failing = [one for one in clauses if one is not None and not _holds(one, facts)]
    is_any = parsed is not None and parsed["how"].lower() == "any"
    if not failing or (is_any and len(failing) < len(clauses)):
        return ""
    return " and ".join(one.group().strip() for one in failing)


def tag_facts(defined_tags: object) -> dict[str, str]:
    """Return the variables of a resource's defined tags, which the service gives as namespace → tag → value."""
    namespaces = defined_tags if isinstance(defined_tags, Mapping) else {}
    return {
        f"tag.{namespace}.{name}.value": str(value)
        for namespace, tags in namespaces.items()
        if isinstance(tags, Mapping)
        for name, value in tags.items()
    }


def _holds(clause: re.Match[str], facts: Mapping[str, str]) -> bool:
    return (facts.get(clause["name"], "") == clause["value"]) == (clause["operator"] == "=")
