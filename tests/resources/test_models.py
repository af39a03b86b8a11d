"""Bodies match the SDK's models in field names, nesting and types, for every valid spec."""

from __future__ import annotations

import importlib
import re

import pytest
from hypothesis import HealthCheck, given, settings

from ocisidecar.plan.build import desire
from ocisidecar.resources.agent_data_sources import data_source
from ocisidecar.resources.instance_request import VNIC_MUTABLE
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.identity import Identity
from ocisidecar.state.tags import TAG_FIELDS
from ocisidecar.wire import resolve
from tests.strategies import deployments

NOT_SENT = {
    "network-security-group": {"securityRules"},
    "vcn": {"defaultSecurityRules"},
    "management-agent": {"instance", "dataSourceList"},
}
"""Fields of our bodies that are not sent, or by requests of their own: rules of groups and data sources."""
IN_SEPARATE_REQUESTS = {"vnics", "containers"}
"""Fields of a container instance that are updated and read by separate requests."""
WITHOUT_TAGS = {"management-agent-install-key"}
"""Kinds that take no tags."""
PATH = {"log": {"logGroupId"}}
"""Fields that are in the path of the request."""
SUMMARIES = {
    **dict.fromkeys(("alarm", "log", "log-group", "container-repository", "container-instance"), "{}Summary"),
    "subscription": "SubscriptionSummary",
    "topic": "NotificationTopicSummary",
}
"""Models of lists that differ from the model of a GET."""
PLAIN = {"str": str, "int": int, "float": (int, float), "bool": bool, "datetime": str}


def model(kind, pattern):
    """Return a model of the kind's service by a name like `Create{}Details`."""
    models = importlib.import_module(f"oci.{kind.client.partition('.')[0]}.models")
    noun = "".join(word.title() for word in kind.noun.split("_"))
    return getattr(models, pattern.format(noun)), models


def faults(value, declared, models, where="body"):
    """Yield where a wire value differs from its declared type (`list[X]`, `dict(str, X)`, model, plain)."""
    if value is None or declared == "object":
        return
    listed = re.fullmatch(r"list\[(.*)\]", declared)
    mapped = re.fullmatch(r"dict\(str, (.*)\)", declared)
    if not isinstance(value, list if listed else dict if mapped else object):
        yield f"{where} is no {declared}: {value!r}"
    elif listed:
        for position, entry in enumerate(value):
            yield from faults(entry, listed[1], models, f"{where}[{position}]")
    elif mapped:
        for name, entry in value.items():
            yield from faults(entry, mapped[1], models, f"{where}.{name}")
    elif declared in PLAIN:
        is_plain = isinstance(value, PLAIN[declared]) and (declared == "bool" or not isinstance(value, bool))
        yield from () if is_plain else (f"{where} is no {declared}: {value!r}",)
    else:
        yield from fields(value, declared, models, where)


def fields(value, declared, models, where):
    """Yield the faults of an object, whose discriminator may name a subtype."""
    found = getattr(models, declared)
    if hasattr(found, "get_subtype"):
        attributes = found().attribute_map
        found = getattr(models, found.get_subtype(value))
        yield from () if set(attributes.values()) & value.keys() else (f"{where} has no discriminator",)
    example = found()
    names = {wire: name for name, wire in example.attribute_map.items()}
    for wire, entry in value.items():
        if wire not in names:
            yield f"{where}.{wire} is unknown to {found.__name__}"
        else:
            yield from faults(entry, example.swagger_types[names[wire]], models, f"{where}.{wire}")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(spec=deployments())
def test_every_body_is_one_of_the_sdks(spec):
    """Every body has only fields, nesting and types of the SDK's create model."""
    identity = Identity("ocid1.tenancy", "eu-frankfurt-1", "ocid1.compartment", spec.name)
    site = Site(identity, "eu-frankfurt-1", ("Uocm:FRA-AD-1",), "ocid1.service", "all-fra", "fra.ocir.io/acme")
    for key, made in desire(spec, site).items():
        if made.comes_by_itself:
            continue
        details, models = model(KINDS[key.kind], "Create{}Details")
        left_out = NOT_SENT.get(key.kind, set()) | PATH.get(key.kind, set())
        body = {name: value for name, value in made.body.items() if name not in left_out}
        wire = resolve(body, lambda ref: f"ocid1.{ref.key.kind}")
        assert list(faults(wire, details.__name__, models)) == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(spec=deployments())
def test_rules_are_those_of_the_sdk(spec):
    """The rules of a security group have only fields of the SDK's model for added rules."""
    identity = Identity("ocid1.tenancy", "eu-frankfurt-1", "ocid1.compartment", spec.name)
    for key, made in desire(spec, Site(identity, "eu-frankfurt-1", image_prefix="fra.ocir.io/acme")).items():
        if key.kind == "network-security-group":
            models = importlib.import_module("oci.core.models")
            wire = resolve({"securityRules": made.body["securityRules"]}, lambda ref: f"ocid1.{ref.key.kind}")
            assert list(faults(wire, "AddNetworkSecurityGroupSecurityRulesDetails", models)) == []


def test_data_sources_are_those_of_the_sdk():
    """A data source has only fields of the SDK's models for making one, and those that change for changing one."""
    models = importlib.import_module("oci.management_agent.models")
    wanted = data_source("http://127.0.0.1:9090/metrics", "shop", "ocid1.compartment", "web-0")
    assert list(faults({**wanted, "name": "a"}, "CreateDataSourceDetails", models)) == []
    changed = {name: value for name, value in wanted.items() if name not in {"namespace", "compartmentId"}}
    assert list(faults(changed, "UpdateDataSourceDetails", models)) == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_what_counts_as_changeable_can_be_changed(kind):
    """Every field that is changed in place is in the SDK's update model."""
    details, _ = model(kind, "Update{}Details" if kind.name != "topic" else "TopicAttributesDetails")
    changeable = set(details().attribute_map.values())
    parts = IN_SEPARATE_REQUESTS if kind.name == "container-instance" else set()
    elsewhere = NOT_SENT.get(kind.name, set()) | parts
    tags = set() if kind.name in WITHOUT_TAGS else set(TAG_FIELDS)
    assert (kind.mutable | kind.hidden | tags) - elsewhere <= changeable


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_what_counts_as_shown_is_shown(kind):
    """Every field that is compared live is in the SDK's summary model, and none that is compared by hash is."""
    summary, _ = model(kind, SUMMARIES.get(kind.name, "{}"))
    names = set(summary().attribute_map.values())
    assert kind.mutable - NOT_SENT.get(kind.name, set()) <= names
    assert not kind.hidden & names - IN_SEPARATE_REQUESTS


def test_changeable_fields_of_a_vnic_are_those_of_the_sdk():
    """Every field of a VNIC that is changed in place is in the SDK's update model."""
    details = importlib.import_module("oci.core.models").UpdateVnicDetails
    assert set(details().attribute_map.values()) >= VNIC_MUTABLE
