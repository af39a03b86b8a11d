"""Parsers of IAM's languages, compared with an independent parser."""

from __future__ import annotations

import contextlib

import oci_lexer_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.emulator.iam import parse_matching_rule, parse_statement

RULES = [
    "ALL {resource.type='computecontainerinstance', resource.compartment.id='ocid1.compartment.oc1..a'}",
    "Any {resource.id = 'a', ALL {resource.type != 'x', tag.ops.role.value='web'}}",
    "instance.compartment.id = 'ocid1.compartment.oc1..a'",
    "ANY {instance.id='a', instance.id='b'}",
    "instance.compartment_id='ocid1.compartment.oc1..a'",
]
WRONG_RULES = [
    "",
    "ALL {}",
    "ALL {resource.type='a'",
    "ALL {resource.type='a' resource.id='b'}",
    "ALL {resource.type=a}",
    "resource.type = 'a' and",
    "ALL {resource.colour='red'}",
    "resource.type ~ 'a'",
]
STATEMENTS = [
    "Allow dynamic-group web to use metrics in compartment id ocid1.compartment.oc1..a",
    "Allow dynamic-group id ocid1.dynamicgroup.oc1..a to use log-content in tenancy",
    "allow group Admins to manage all-resources in tenancy",
    "Allow any-user to read repos in compartment a:b where target.repo.name = 'x'",
    "Allow dynamic-group 'Default'/'web' to read secret-bundles in compartment a",
    "Allow group a, b to {METRIC_WRITE, METRIC_READ} in compartment a where ANY {request.user.id='x', a.b != /y*/}",
    "Allow service logging to use x in tenancy",
]
WRONG_STATEMENTS = [
    "",
    "Allow",
    "Permit group a to use b in tenancy",
    "Allow group a to eat b in tenancy",
    "Allow group a to use b",
    "Allow group a to use b in moon",
    "Allow group a to use b in tenancy where",
    "Allow group a to use b in tenancy; drop",
]


@pytest.mark.parametrize("rule", RULES)
def test_rules_that_others_read_are_read(rule):
    """The emulator accepts what oci-lexer-parser accepts."""
    oci_lexer_parser.parse_dynamic_group_matching_rule(rule)
    assert parse_matching_rule(rule).attributes()


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_wrong_rules_raise(rule):
    """A matching rule with a missing comma, quote or brace or an unknown attribute raises ValueError."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_matching_rule(rule)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statements_that_others_read_are_read(statement):
    """The emulator accepts what oci-lexer-parser accepts."""
    oci_lexer_parser.parse_policy_statement(statement)
    assert parse_statement(statement).subject_kind


@pytest.mark.parametrize("statement", WRONG_STATEMENTS)
def test_wrong_statements_raise(statement):
    """A statement with a misplaced word or an unknown verb raises ValueError."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_statement(statement)


def test_a_statement_is_taken_apart():
    """A parsed statement has subject, verb, resource type, compartment and condition as separate fields."""
    read = parse_statement(
        "Allow dynamic-group 'Default'/'web', id ocid1.dynamicgroup.oc1..a to use metrics in compartment id c "
        "where target.metrics.namespace = 'web'"
    )
    assert (read.subject_kind, read.subjects) == ("dynamic-group", ("web", "ocid1.dynamicgroup.oc1..a"))
    assert (read.verb, read.resource_type, read.compartment) == ("use", "metrics", "c")
    assert read.condition.holds({"target.metrics.namespace": "web"})
    assert not read.condition.holds({"target.metrics.namespace": "other"})
    assert not read.condition.holds({})


FACTS = st.dictionaries(st.sampled_from(["resource.id", "resource.type"]), st.sampled_from(["a", "b"]))


@given(FACTS)
def test_all_and_any_are_dual(variables):
    """ALL of conditions holds when none of them fails, ANY when one holds."""
    parts = ["resource.id = 'a'", "resource.type != 'b'"]
    each = [parse_matching_rule(part).holds(variables) for part in parts]
    assert parse_matching_rule(f"ALL {{{', '.join(parts)}}}").holds(variables) == all(each)
    assert parse_matching_rule(f"ANY {{{', '.join(parts)}}}").holds(variables) == any(each)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    """The parsers raise no other exception than ValueError for any text."""
    for read in (parse_matching_rule, parse_statement):
        with contextlib.suppress(ValueError):
            assert read(text)
