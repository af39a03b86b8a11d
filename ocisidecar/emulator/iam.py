"""Parsers of IAM's two languages: matching rules of dynamic groups, and policy statements.

Source: Oracle, "Writing Matching Rules to Define Dynamic Groups" and "Policy Syntax"; the tests of Oracle's
Terraform provider use instance.compartment_id.  UNCONFIRMED: that it matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from attrs import frozen

from ocisidecar.emulator.token_parser import TokenParser

VERBS: Final = ("inspect", "read", "use", "manage")

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'[^']*')|(?P<pattern>/[^/\s']*/)|(?P<mark>!=|[={},()])|(?P<word>[^\s'={},()!]+))"
)
_RULE_ATTRIBUTE = re.compile(
    r"(?:instance|resource)(?:\.compartment)?\.id|instance\.compartment_id|resource\.type|tag\.[\w-]+\.[\w-]+\.value"
)


@frozen
class Comparison:
    """`attribute = 'value'`; a value between slashes is a pattern with `*`."""

    attribute: str
    is_equal: bool
    value: str

    def holds(self, variables: Mapping[str, str]) -> bool:
        """Return whether the variables satisfy the comparison; an unknown variable never does."""
        if self.attribute not in variables:
            return False
        actual = variables[self.attribute]
        if self.value.startswith("/"):
            return fnmatchcase(actual, self.value.strip("/")) is self.is_equal
        return (actual == self.value) is self.is_equal

    def attributes(self) -> set[str]:
        """Return the attributes that are compared."""
        return {self.attribute}


@frozen
class Combination:
    """ALL or ANY of several conditions."""

    is_all: bool
    parts: tuple[Condition, ...]

    def holds(self, variables: Mapping[str, str]) -> bool:
        """Return whether the variables satisfy the condition."""
        return (all if self.is_all else any)(part.holds(variables) for part in self.parts)

    def attributes(self) -> set[str]:
        """Return the attributes that the parts compare."""
        return set().union(*(part.attributes() for part in self.parts))


Condition = Comparison | Combination


@frozen(kw_only=True)
class PolicyStatement:
    """One policy statement.

    Args:
        subject_kind: group, dynamic-group, service, any-user or any-group.
        subjects: names or OCIDs; a domain's name before a slash is dropped.
        verb: one of VERBS, or empty when permissions are listed.
        resource_type: what the verb is about, or the listed permissions.
        compartment: an OCID, a path of names with colons, or empty for the tenancy.
        condition: behind `where`.
    """

    subject_kind: str
    subjects: tuple[str, ...]
    verb: str
    resource_type: str
    compartment: str
    condition: Condition | None


class _Parser(TokenParser):
    """A parser of matching rules and policy statements."""

    def condition(self) -> Condition:
        if self.peek().lower() not in {"all", "any"}:
            return self.comparison()
        is_all = self.take().lower() == "all"
        self.take("{")
        parts = [self.condition()]
        while self.skip(","):
            parts.append(self.condition())
        self.take("}")
        return Combination(is_all, tuple(parts))

    def comparison(self) -> Comparison:
        attribute = self.take()
        is_equal = self.take("=", "!=") == "="
        value = self.take()
        if value[0] not in "'/":
            raise ValueError(f"the value {value} needs quotes")
        return Comparison(attribute, is_equal, value.strip("'"))


def parse_matching_rule(text: str) -> Condition:
    """Return the condition of a matching rule; ValueError when the text is not one."""
    parser = _Parser.of(text, _TOKEN)
    rule = parser.condition()
    parser.finish()
    for attribute in rule.attributes():
        if not _RULE_ATTRIBUTE.fullmatch(attribute):
            raise ValueError(f"unknown attribute {attribute}")
    return rule


def parse_statement(text: str) -> PolicyStatement:
    """Return the policy statement; ValueError when the text is not one.  Resource types are not checked."""
    parser = _Parser.of(text, _TOKEN)
    parser.take("allow")
    kind, subjects = _subjects(parser)
    parser.take("to")
    verb, resource_type = _permissions(parser)
    parser.take("in")
    compartment = ""
    if parser.take("tenancy", "compartment").lower() == "compartment":
        parser.skip("id")
        compartment = parser.take().strip("'")
    condition = parser.condition() if parser.skip("where") else None
    parser.finish()
    return PolicyStatement(
        subject_kind=kind,
        subjects=subjects,
        verb=verb,
        resource_type=resource_type,
        compartment=compartment,
        condition=condition,
    )


def _subjects(parser: _Parser) -> tuple[str, tuple[str, ...]]:
    kind = parser.take("group", "dynamic-group", "service", "any-user", "any-group").lower()
    if kind.startswith("any-"):
        return kind, ()
    names = []
    while True:
        parser.skip("id")
        name = parser.take()
        if parser.skip("/"):
            name = parser.take()
        names.append(name.strip("'").rpartition("/")[2])
        if not parser.skip(","):
            return kind, tuple(names)


def _permissions(parser: _Parser) -> tuple[str, str]:
    if not parser.skip("{"):
        return parser.take(*VERBS).lower(), parser.take().lower()
    permissions = [parser.take()]
    while parser.skip(","):
        permissions.append(parser.take())
    parser.take("}")
    return "", " ".join(permissions)
