"""Log groups and logs, the ingestion of entries, and searches."""

import json
from datetime import UTC, datetime, timedelta

import oci
import pytest
from cryptography.hazmat.primitives import serialization

from ocisidecar.emulator import Assumptions, Emulator, Fault, Latencies

INSTANCE = "ocid1.computecontainerinstance.oc1.phx.a"


@pytest.fixture
def logging(client):
    return client("logging.LoggingManagementClient")


@pytest.fixture
def made(logging):
    """Return the OCID of the created resource from the work request of an accepted request."""

    def identifier(response):
        return logging.get_work_request(response.headers["opc-work-request-id"]).data.resources[0].identifier

    return identifier


@pytest.fixture
def group_id(emulator, logging, made):
    return made(logging.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "web"}))


@pytest.fixture
def log_id(logging, made, group_id):
    return made(logging.create_log(group_id, {"displayName": "app", "logType": "CUSTOM"}))


class TestManagement:
    def test_a_create_is_accepted_without_a_body(self, emulator, logging):
        """A create gets 202 without a body; the new OCID is in the work request's resources only."""
        response = logging.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "web"})
        assert (response.status, response.data, "etag" in response.headers) == (202, None, False)
        request = logging.get_work_request(response.headers["opc-work-request-id"]).data
        (resource,) = request.resources
        assert (request.operation_type, request.status) == ("CREATE_LOG_GROUP", "SUCCEEDED")
        assert (resource.action_type, resource.entity_type) == ("CREATED", "loggroup")
        assert resource.entity_uri == f"/logGroups/{resource.identifier}"
        assert emulator.live() == {"log-group": [resource.identifier]}

    def test_the_sdks_composite_operations_and_paginators_work(self, emulator, client):
        """The SDK waits for the work request that a create names, and reads all pages of a list."""
        logging = client("logging.LoggingManagementClient")
        composite = oci.logging.LoggingManagementClientCompositeOperations(logging)
        home = emulator.compartment_id
        for name in ("a", "b", "c"):
            details = {"compartmentId": home, "displayName": name}
            waited = composite.create_log_group_and_wait_for_state(details, wait_for_states=["SUCCEEDED"])
            assert waited.data.operation_type == "CREATE_LOG_GROUP"
        groups = oci.pagination.list_call_get_all_results(logging.list_log_groups, home, limit=2).data
        assert {group.display_name for group in groups} == {"a", "b", "c"}

    def test_the_status_of_creates_can_be_200(self, clock):
        """logging_create_status sets the status of creates."""
        with Emulator(clock=clock, assumptions=Assumptions(logging_create_status=200)) as emulator:
            client = oci.logging.LoggingManagementClient(emulator.oci_config, service_endpoint=emulator.endpoint)
            details = {"compartmentId": emulator.compartment_id, "displayName": "web"}
            assert client.create_log_group(details).status == 200

    def test_a_slow_create_is_seen_in_its_work_request(self, clock):
        """Until the latency has passed the work is IN_PROGRESS and the group CREATING."""
        with Emulator(clock=clock, latencies=Latencies(logging=2.0)) as emulator:
            client = oci.logging.LoggingManagementClient(emulator.oci_config, service_endpoint=emulator.endpoint)
            details = {"compartmentId": emulator.compartment_id, "displayName": "web"}
            request_id = client.create_log_group(details).headers["opc-work-request-id"]

            def observed():
                request = client.get_work_request(request_id).data
                (group,) = client.list_log_groups(emulator.compartment_id).data
                return (
                    request.status,
                    request.percent_complete,
                    request.resources[0].action_type,
                    group.lifecycle_state,
                )

            assert observed() == ("IN_PROGRESS", 0.0, "IN_PROGRESS", "CREATING")
            clock.advance(2.0)
            assert observed() == ("SUCCEEDED", 100.0, "CREATED", "ACTIVE")

    def test_a_failed_create_leaves_a_failed_group_and_an_error(self, emulator, logging):
        """An injected failure ends the work request FAILED, with the error in its list."""
        emulator.inject(Fault.failed("create_log_group", code="InternalError", message="no disk", logs=["trying"]))
        response = logging.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "web"})
        request_id = response.headers["opc-work-request-id"]
        assert logging.get_work_request(request_id).data.status == "FAILED"
        assert [one.message for one in logging.list_work_request_errors(request_id).data] == ["no disk"]
        assert [one.message for one in logging.list_work_request_logs(request_id).data] == ["trying"]
        assert logging.list_log_groups(emulator.compartment_id).data[0].lifecycle_state == "FAILED"

    @pytest.mark.usefixtures("log_id")
    def test_names_are_unique_per_compartment_and_per_group(self, emulator, logging, group_id, refused):
        """A second group or log of one name is refused with the recorded texts."""
        details = {"compartmentId": emulator.compartment_id, "displayName": "web"}
        error = refused(409, "Conflict", logging.create_log_group, details)
        assert error.message == (
            "A log group in the compartment already uses this display name. Use a different name."
        )
        error = refused(409, "Conflict", logging.create_log, group_id, {"displayName": "app", "logType": "CUSTOM"})
        assert error.message == "A log in the log group already uses this display name. Use a different name."
        logging.create_log_group({"compartmentId": emulator.tenancy_id, "displayName": "web"})

    def test_renaming_to_a_taken_name_is_refused(self, emulator, logging, group_id, refused):
        """An update may keep the name but not take another group's."""
        logging.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "other"})
        logging.update_log_group(group_id, {"displayName": "web", "description": "same name"})
        refused(409, "Conflict", logging.update_log_group, group_id, {"displayName": "other"})
        assert logging.get_log_group(group_id).data.description == "same name"

    def test_a_retry_token_gives_the_same_work_request(self, emulator, logging):
        """A create that is repeated with its token gets the same work request and creates nothing."""
        details = {"compartmentId": emulator.compartment_id, "displayName": "web"}
        headers = [logging.create_log_group(details, opc_retry_token="t").headers for _ in range(2)]
        assert headers[0]["opc-work-request-id"] == headers[1]["opc-work-request-id"]
        assert len(emulator.live()["log-group"]) == 1

    def test_a_group_with_logs_is_kept(self, logging, group_id, log_id, emulator, refused):
        """A log group can be deleted only after its logs."""
        refused(409, "Conflict", logging.delete_log_group, group_id)
        logging.delete_log(group_id, log_id)
        logging.delete_log_group(group_id)
        assert emulator.live() == {}

    def test_a_log_needs_its_group(self, logging, log_id, group_id, refused):
        """Logs are created and found below their own group only."""
        missing = group_id[:-4] + "none"
        refused(
            404, "NotAuthorizedOrNotFound", logging.create_log, missing, {"displayName": "x", "logType": "CUSTOM"}
        )
        refused(404, "NotAuthorizedOrNotFound", logging.list_logs, missing)
        refused(404, "NotAuthorizedOrNotFound", logging.get_log, missing, log_id)

    @pytest.mark.parametrize(
        ("details", "code"),
        [
            ({"displayName": "x"}, "MissingParameter"),
            ({"displayName": "x", "logType": "OTHER"}, "InvalidParameter"),
            ({"displayName": "x", "logType": "SERVICE"}, "InvalidParameter"),
            ({"displayName": "x", "logType": "CUSTOM", "retentionDuration": 45}, "InvalidParameter"),
            ({"displayName": "x", "logType": "CUSTOM", "retentionDuration": 210}, "InvalidParameter"),
            ({"displayName": "x", "logType": "CUSTOM", "size": 1}, "CannotParseRequest"),
        ],
    )
    def test_a_wrong_log_is_refused(self, logging, group_id, details, code, refused):
        """A log with missing, unknown or out-of-range members gets 400."""
        refused(400, code, logging.create_log, group_id, details)

    def test_a_stale_etag_is_refused(self, logging, group_id, log_id, refused):
        """if-match protects updates and deletes of logs."""
        etag = logging.get_log(group_id, log_id).headers["etag"]
        logging.update_log(group_id, log_id, {"isEnabled": False}, if_match=etag)
        refused(412, "NoEtagMatch", logging.delete_log, group_id, log_id, if_match=etag)

    def test_logs_are_filtered_by_equality(self, logging, group_id, log_id):
        """A name and a type select logs of a group."""
        logging.create_log(group_id, {"displayName": "audit", "logType": "CUSTOM"})
        assert [log.id for log in logging.list_logs(group_id, display_name="app").data] == [log_id]
        assert len(logging.list_logs(group_id, log_type="CUSTOM").data) == 2
        assert logging.list_logs(group_id, log_type="SERVICE").data == []


@pytest.fixture
def push_as_container(emulator, client, clock, make_instance):
    """Push an entry to a log with the token of a container instance."""
    key = serialization.load_pem_private_key(emulator.oci_config["key_content"].encode(), None)
    token = emulator.issue_token(resource_id=make_instance().data.id, seconds=3600)
    ingestion = client("loggingingestion.LoggingClient", signer=oci.auth.signers.SecurityTokenSigner(token, key))
    moment = datetime.fromtimestamp(clock.time(), UTC)

    def push(log_id):
        batch = {"source": "s", "type": "t", "defaultlogentrytime": moment, "entries": [{"id": "1", "data": "x"}]}
        return ingestion.put_logs(log_id, {"specversion": "1.0", "logEntryBatches": [batch]})

    return push


def test_a_policy_for_one_log_group_permits_no_other(emulator, identity, logging, made, push_as_container, refused):
    """A policy for one log group lets a container push there, and nowhere else."""
    home, ids = emulator.compartment_id, {}
    for name in ("mine", "other"):
        group_id = made(logging.create_log_group({"compartmentId": home, "displayName": name}))
        ids[name] = (group_id, made(logging.create_log(group_id, {"displayName": "app", "logType": "CUSTOM"})))
    rule = f"ALL {{resource.type='computecontainerinstance', resource.compartment.id='{home}'}}"
    members = {"compartmentId": emulator.tenancy_id, "name": "web", "description": "web"}
    identity.create_dynamic_group({**members, "matchingRule": rule})
    where = f"where target.loggroup.id='{ids['mine'][0]}'"
    statement = f"Allow dynamic-group web to use log-content in compartment id {home} {where}"
    identity.create_policy({**members, "statements": [statement]})
    assert push_as_container(ids["mine"][1]).status == 200
    refused(404, "NotAuthorizedOrNotFound", push_as_container, ids["other"][1])


class TestEntries:
    @pytest.fixture
    def push(self, client, clock, log_id):
        ingestion = client("loggingingestion.LoggingClient")

        def push(*data, log=log_id, age=0.0, source="web"):
            moment = datetime.fromtimestamp(clock.time() - age, UTC)
            entries = [{"id": f"{age}-{number}", "data": text} for number, text in enumerate(data)]
            batch = {"source": source, "type": "app", "defaultlogentrytime": moment, "entries": entries}
            return ingestion.put_logs(log, {"specversion": "1.0", "logEntryBatches": [batch]})

        return push

    @pytest.fixture
    def search(self, client, clock):
        client = client("loggingsearch.LogSearchClient")

        def search(query, *, minutes=10.0, **options):
            now = datetime.fromtimestamp(clock.time(), UTC)
            details = {
                "timeStart": now - timedelta(minutes=minutes),
                "timeEnd": now + timedelta(minutes=1),
                "searchQuery": query,
                "isReturnFieldInfo": True,
            }
            return client.search_logs(details, **options)

        return search

    def test_an_accepted_push_answers_200_without_body(self, push):
        """put_logs gets 200 without a body, as recorded from the real service."""
        response = push("hello")
        assert (response.status, response.data) == (200, None)

    def test_an_unknown_log_is_named_first(self, push, refused):
        """The refusal has the code "404" and begins with the OCID, as recorded."""
        error = refused(404, "404", push, "hello", log="ocid1.log.oc1.phx.unknown")
        assert error.message == "ocid1.log.oc1.phx.unknown logId not found"

    @pytest.mark.parametrize("scope", ["{c}", "{c}/{g}", "{c}/web", "{c}/{g}/{l}", "{c}/web/app"])
    def test_entries_are_found_in_every_scope_that_holds_them(
        self, emulator, push, search, scope, group_id, log_id
    ):
        """Compartment, group and log select by OCID or by name."""
        push("hello")
        stream = scope.format(c=emulator.compartment_id, g=group_id, l=log_id)
        assert len(search(f'search "{stream}"').data.results) == 1

    def test_another_scope_does_not_show_them(self, emulator, push, search):
        """A search in another log group finds nothing."""
        push("hello")
        assert search(f'search "{emulator.compartment_id}/other"').data.results == []

    def test_an_entry_comes_back_with_its_origin(self, emulator, push, search, group_id, log_id):
        """JSON data become fields, other text the field message; entries contain log and group."""
        push(json.dumps({"level": "INFO"}), "plain text")
        found = search(f'search "{emulator.compartment_id}" | sort by id').data
        contents = [result.data["logContent"] for result in found.results]
        assert [one["data"] for one in contents] == [{"level": "INFO"}, {"message": "plain text"}]
        assert (contents[0]["oracle"]["logid"], contents[0]["oracle"]["loggroupid"]) == (log_id, group_id)
        assert (contents[0]["source"], contents[0]["type"]) == ("web", "app")
        assert found.summary.result_count == 2
        assert ("logContent.data.level", "STRING") in [(one.field_name, one.field_type) for one in found.fields]

    def test_only_the_time_range_is_searched_newest_first(self, emulator, push, search):
        """A search finds no entries from before timeStart, and shows the newest first."""
        push("old", age=3600)
        push("a", age=60)
        push("b", age=30)
        results = search(f'search "{emulator.compartment_id}"').data.results
        assert [one.data["logContent"]["data"]["message"] for one in results] == ["b", "a"]

    def test_results_come_in_pages(self, emulator, push, search):
        """A limit cuts the results, and the next page has the rest."""
        push("a", "b", "c")
        query = f'search "{emulator.compartment_id}"'
        first = search(query, limit=2)
        second = search(query, limit=2, page=first.headers["opc-next-page"])
        ids = {one.data["logContent"]["id"] for page in (first, second) for one in page.data.results}
        assert len(ids) == 3
        assert "opc-next-page" not in second.headers

    @pytest.mark.parametrize("query", ["", "find me", 'search "{c}" | where'])
    def test_a_query_that_makes_no_sense_is_refused(self, emulator, search, query, refused):
        """An invalid query gets 400 with the query in the message."""
        refused(400, "InvalidParameter", search, query.format(c=emulator.compartment_id) or "x")

    @pytest.mark.parametrize(
        "condition", ["source = '{i}'", "not (level = 'INFO' or source = '{i}')", "source != '{i}'"]
    )
    def test_a_whole_ocid_as_source_is_refused(self, emulator, search, condition, refused):
        """A comparison of `source` with a whole OCID gets 400, wherever it stands in the query."""
        query = f'search "{emulator.compartment_id}" | where {condition.format(i=INSTANCE)}'
        refused(400, "InvalidParameter", search, query)

    def test_a_pattern_finds_the_entries_of_an_ocid(self, emulator, push, search):
        """A comparison of `source` with `*<OCID>` finds the entries of this source."""
        push("hello", source=INSTANCE)
        push("other")
        query = f"search \"{emulator.compartment_id}\" | where source = '*{INSTANCE}'"
        assert len(search(query).data.results) == 1

    def test_whole_ocids_can_be_accepted_as_source(self, make_emulator, client_of, clock):
        """With `accepts_exact_source` a comparison with a whole OCID is answered."""
        emulator = make_emulator(assumptions=Assumptions(accepts_exact_source=True))
        now = datetime.fromtimestamp(clock.time(), UTC)
        details = {
            "timeStart": now - timedelta(minutes=1),
            "timeEnd": now,
            "searchQuery": f"search \"{emulator.compartment_id}\" | where source = '{INSTANCE}'",
        }
        assert client_of(emulator, "loggingsearch.LogSearchClient").search_logs(details).data.results == []

    def test_a_range_of_more_than_14_days_is_refused(self, emulator, search, refused):
        """A search over more than 14 days gets 400."""
        refused(400, "InvalidParameter", search, f'search "{emulator.compartment_id}"', minutes=15 * 24 * 60)

    def test_an_entry_of_a_mebibyte_is_refused_and_nothing_is_kept(self, emulator, push, search, refused):
        """An entry of 1 MB is refused, and no other entry of its call is stored."""
        refused(400, "InvalidParameter", push, "small", "x" * 1024 * 1024)
        assert search(f'search "{emulator.compartment_id}"').data.results == []

    def test_a_call_of_more_than_ten_mebibytes_is_refused(self, push, refused):
        """Entries that together exceed the size of a call get 413."""
        refused(413, "RequestEntityTooLarge", push, *["x" * 1000 * 1000] * 11)

    def test_a_call_without_entries_is_refused(self, push, refused):
        """A call without entries gets 400."""
        refused(400, "InvalidParameter", push)

    def test_an_invalid_time_is_refused(self, emulator, client, log_id, refused):
        """Times of entries and searches that are not RFC 3339 get 400."""
        entry = {"id": "1", "data": "x", "time": "noon"}
        batch = {"source": "s", "type": "t", "defaultlogentrytime": "2026-01-01T00:00:00Z", "entries": [entry]}
        ingestion, search = client("loggingingestion.LoggingClient"), client("loggingsearch.LogSearchClient")
        body = {"specversion": "1.0", "logEntryBatches": [batch]}
        refused(400, "CannotParseRequest", ingestion.put_logs, log_id, body)
        body = {
            "timeStart": "noon",
            "timeEnd": "2026-01-01T00:00:00Z",
            "searchQuery": f'search "{emulator.compartment_id}"',
        }
        refused(400, "CannotParseRequest", search.search_logs, body)

    def test_entries_go_with_their_log(self, emulator, logging, push, search, group_id, log_id):
        """Entries of a deleted log are not found."""
        push("hello")
        logging.delete_log(group_id, log_id)
        assert search(f'search "{emulator.compartment_id}"').data.results == []
