"""Resource search: its query language, and what it finds."""

from __future__ import annotations

import oci
import pytest

from ocisidecar.emulator.search_query import parse_query


@pytest.fixture
def search(client):
    """Returns the display names that a query finds, in order."""
    resources = client("resource_search.ResourceSearchClient")

    def search(query, **options):
        details = oci.resource_search.models.StructuredSearchDetails(query=query)
        return [one.display_name for one in resources.search_resources(details, **options).data.items]

    return search


@pytest.fixture
def vcns(network, compartment):
    """Two VCNs, web with a tag and db without."""
    for name, tags in (("web", {"team": "blue"}), ("db", {})):
        details = {"compartmentId": compartment, "cidrBlock": "10.0.0.0/16", "displayName": name}
        network.create_vcn({**details, "freeformTags": tags})


@pytest.mark.usefixtures("vcns")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("query vcn resources", ["db", "web"]),
        ("QUERY Vcn, Subnet resources sorted by displayName asc", ["db", "web"]),
        ("query vcn resources sorted by timeCreated desc", ["db", "web"]),
        ("query subnet resources", []),
        ("query instance, autonomousdatabase, database, pluggabledatabase, mysqldbsystem resources", []),
        ("query group resources where name = 'Administrators'", ["Administrators"]),
        ("query user resources where inactiveStatus = 0", ["operator"]),
        ("query vcn resources where displayName = 'WEB'", ["web"]),
        ("query vcn resources where displayName == 'WEB'", []),
        ('query vcn resources where lifeCycleState != "TERMINATED" && displayName =~ "e"', ["web"]),
        ("query all resources where (freeformTags.key = 'team' && freeformTags.value = 'blue')", ["web"]),
        ("query vcn resources where freeformTags.key != 'team'", ["db"]),
        ("query vcn resources return allAdditionalFields where displayName = 'a' || displayName = 'db'", ["db"]),
        ("query vcn resources where timeCreated > '2000-01-01T00:00:00Z' and displayName != 'web'", ["db"]),
    ],
)
def test_a_query_finds_by_type_and_condition(search, query, found):
    """Types, comparisons of fields and tags, and, or, parentheses and order are understood."""
    assert search(query) == found


@pytest.mark.usefixtures("vcns")
def test_a_text_is_found_in_names_and_tags(client):
    """A free text search finds resources of all types that have the text in a field or tag."""
    resources = client("resource_search.ResourceSearchClient")
    details = oci.resource_search.models.FreeTextSearchDetails(text="BLUE")
    assert [one.display_name for one in resources.search_resources(details).data.items] == ["web"]


def test_results_name_compartment_and_state(client, compartment, vcn):
    """A result has type, OCID, compartment, state and time of the resource."""
    resources = client("resource_search.ResourceSearchClient")
    details = oci.resource_search.models.StructuredSearchDetails(
        query=f"query all resources where identifier = '{vcn.id}'"
    )
    (one,) = resources.search_resources(details).data.items
    assert (one.resource_type, one.compartment_id, one.lifecycle_state) == ("Vcn", compartment, "AVAILABLE")
    assert one.time_created == vcn.time_created


@pytest.mark.usefixtures("vcns")
def test_a_region_finds_its_own(client):
    """A search in another region finds nothing of the home region."""
    elsewhere = client("resource_search.ResourceSearchClient", path="/us-ashburn-1/query")
    details = oci.resource_search.models.StructuredSearchDetails(query="query vcn resources")
    assert elsewhere.search_resources(details).data.items == []


@pytest.mark.parametrize(
    "text",
    ["", "query", "find vcn resources", "query vcn", "query vcn resources where",
     "query vcn resources where a ~ 'b'", "query vcn resources where (a = 'b'",
     "query vcn resources where a = 'b' c",
     "query vcn resources sorted a"],
)  # fmt: skip
def test_what_is_not_a_query_raises(text):
    """A text with a missing or misplaced word raises ValueError."""
    with pytest.raises(ValueError, match=r"expected|cannot read|unknown"):
        parse_query(text)


def test_a_wrong_query_is_refused(search, refusal):
    """A query that cannot be read, and one for an unknown type or tenancy, are refused."""
    assert refusal(search, "find vcn resources").code == "InvalidParameter"
    assert "moon" in refusal(search, "query moon resources").message
    assert refusal(search, "query vcn resources", tenant_id="ocid1.tenancy.oc1..x").status == 404


def test_types_are_listed(client, refusal):
    """The listed types can be read by their names in any case; others are 404."""
    resources = client("resource_search.ResourceSearchClient")
    names = [one.name for one in resources.list_resource_types().data]
    assert "Vcn" in names
    assert resources.get_resource_type("VCN").data.name == "Vcn"
    assert refusal(resources.get_resource_type, "moon").status == 404
