"""Lists: every item once for any page size, in the requested order."""

from __future__ import annotations

import itertools

import oci
import pytest


@pytest.fixture
def names(emulator, network):
    """Seven VCNs, created a second apart, whose names do not sort like their ages."""
    made = ["d", "a", "g", "b", "f", "c", "e"]
    for name in made:
        emulator.clock.advance(1)
        network.create_vcn(
            {"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16", "displayName": name}
        )
    return made


def pages(network, compartment, **options):
    """Yield the names on each page."""
    response = network.list_vcns(compartment, **options)
    while True:
        yield [vcn.display_name for vcn in response.data]
        if not response.has_next_page:
            return
        response = network.list_vcns(compartment, page=response.next_page, **options)


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
@pytest.mark.parametrize("order", ["ASC", "DESC", None])
@pytest.mark.parametrize("by", ["TIMECREATED", "DISPLAYNAME", None])
def test_pages_put_together_are_the_list(network, compartment, names, limit, order, by):
    """For any page size and order each item comes once; no page but the last is short."""
    options = {"sort_by": by, "sort_order": order}
    options = {name: value for name, value in options.items() if value is not None}
    parts = list(pages(network, compartment, limit=limit, **options))
    assert all(len(part) == limit for part in parts[:-1])
    expected = sorted(names) if by == "DISPLAYNAME" else names
    is_descending = order == "DESC" or (order is None and by != "DISPLAYNAME")
    assert list(itertools.chain(*parts)) == (expected[::-1] if is_descending else expected)


@pytest.mark.usefixtures("names")
def test_items_that_go_or_come_between_pages_hide_no_others(network, compartment):
    """Deleting what was seen and creating behind it leaves the rest of the list as it was."""
    first = network.list_vcns(compartment, limit=3, sort_by="DISPLAYNAME")
    for vcn in first.data:
        network.delete_vcn(vcn.id)
    network.create_vcn({"compartmentId": compartment, "cidrBlock": "10.0.0.0/16", "displayName": "aa"})
    rest = network.list_vcns(compartment, page=first.next_page, sort_by="DISPLAYNAME").data
    assert [vcn.display_name for vcn in rest] == ["d", "e", "f", "g"]


def test_the_sdk_s_paginator_collects_all(network, compartment, names):
    """The SDK's paginator collects all pages."""
    quiet = {"retry_strategy": oci.retry.NoneRetryStrategy()}
    found = oci.pagination.list_call_get_all_results(network.list_vcns, compartment, limit=2, **quiet)
    assert len(found.data) == len(names)


@pytest.mark.usefixtures("names")
def test_core_tokens_are_long(network, compartment):
    """Page tokens of core exceed a thousand characters, as recorded: clients must not assume less."""
    assert len(network.list_vcns(compartment, limit=1).next_page) > 1000


def test_unknown_orders_are_refused(emulator, raw):
    """Unknown words for sortBy and sortOrder get 400; the SDK itself would refuse to send them."""
    for query in ("sortBy=COLOUR", "sortOrder=UP"):
        answer = raw("GET", f"/20160918/vcns?compartmentId={emulator.compartment_id}&{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 1001}, {"page": "nonsense"}, {"page": "W10="}])
def test_impossible_pages_are_refused(network, compartment, refusal, wrong):
    """A limit outside 1 to 1000 and an invalid page token get 400 InvalidParameter."""
    error = refusal(network.list_vcns, compartment, **wrong)
    assert (error.status, error.code) == (400, "InvalidParameter")


def test_filters_select_by_equality(network, compartment, names):
    """A filter admits equal values only, never parts of them."""
    assert [vcn.display_name for vcn in network.list_vcns(compartment, display_name="a").data] == ["a"]
    assert network.list_vcns(compartment, display_name="").data == []
    assert network.list_vcns(compartment, lifecycle_state="TERMINATED").data == []
    assert len(network.list_vcns(compartment, lifecycle_state="AVAILABLE").data) == len(names)


def test_a_list_of_an_unknown_compartment_is_refused(network, refusal):
    """A list of an unknown compartment gets 404."""
    error = refusal(network.list_vcns, "ocid1.compartment.oc1..nowhere")
    assert (error.status, error.code) == (404, "NotAuthorizedOrNotFound")


def test_notifications_pages_are_short(client, emulator, refused):
    """Topics come fifty at a time; asking for more is refused."""
    topics = client("ons.NotificationControlPlaneClient")
    refused(400, "InvalidParameter", topics.list_topics, emulator.compartment_id, limit=51)
    assert topics.list_topics(emulator.compartment_id, limit=50).data == []
