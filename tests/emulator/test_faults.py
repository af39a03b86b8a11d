"""Injected faults: the calls that they hit, and their effects on the client."""

from __future__ import annotations

import json
import time

import oci
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.emulator import Emulator, Fault, Latencies
from ocisidecar.emulator.faults import FaultSchedule

LOST = (oci.exceptions.RequestException, oci.exceptions.ConnectTimeout)


@pytest.fixture
def details(compartment):
    return {"compartmentId": compartment, "cidrBlocks": ["10.0.0.0/16"]}


@given(st.integers(1, 6), st.one_of(st.none(), st.integers(0, 4)), st.integers(0, 12))
def test_nth_and_times_say_exactly_which_calls_are_hit(nth, times, calls):
    """Of all matching calls, those from the nth on are hit, `times` of them, and no others."""
    schedule = FaultSchedule(seed=0)
    schedule.add([Fault.reset("create_*", nth=nth, times=times)])
    hits = []
    for number in range(1, calls + 1):
        schedule.match_call("core", "get_vcn", {})
        if schedule.match_call("core", "create_vcn", {}):
            hits.append(number)
    last = calls if times is None else min(calls, nth + times - 1)
    assert hits == list(range(nth, last + 1))


@pytest.mark.parametrize(
    ("pattern", "is_hit"),
    [
        ("create_vcn", True),
        ("core.create_vcn", True),
        ("core.*", True),
        ("*", True),
        ("create_*", True),
        ("identity.*", False),
        ("create", False),
    ],
)
def test_patterns_name_operations_with_or_without_their_service(pattern, is_hit):
    """A pattern with a dot is compared with service and operation, one without with the operation."""
    assert Fault.reset(pattern).matches("core", "create_vcn", {}) is is_hit


def test_probability_is_drawn_from_the_seed():
    """Equal seeds hit the same calls, and about the given share of all calls is hit."""

    def hits(seed):
        schedule = FaultSchedule(seed=seed)
        schedule.add([Fault.reset("*", times=None, probability=0.3)])
        return [bool(schedule.match_call("core", "get_vcn", {})) for _ in range(1000)]

    assert hits(1) == hits(1) != hits(2)
    assert 200 < sum(hits(1)) < 400


def test_an_error_is_answered_with_its_text_and_retry_after(emulator, network, details, refusal):
    """Status, code, message and Retry-After are those of the fault; the call after it succeeds."""
    emulator.inject(Fault.error("create_vcn", "TooManyRequests", "slow down", retry_after=7))
    error = refusal(network.create_vcn, details)
    assert (error.status, error.code, error.message) == (429, "TooManyRequests", "slow down")
    assert error.headers["retry-after"] == "7"
    assert network.create_vcn(details).status == 200


def test_an_error_defaults_to_oci_s_words(emulator, network, compartment, refusal):
    """A fault with only a code gets the status and text of OCI for it."""
    emulator.inject(Fault.error("list_vcns", "IncorrectState"))
    error = refusal(network.list_vcns, compartment)
    assert (error.status, error.message) == (409, "Incorrect State")
    assert "retry-after" not in error.headers


def test_an_empty_error_has_no_body(emulator, network, compartment, refusal):
    """An empty error has its status but neither body nor code."""
    emulator.inject(Fault.empty_error("list_vcns"))
    error = refusal(network.list_vcns, compartment)
    assert (error.status, error.code) == (400, None)


def test_an_expired_token_is_401(emulator, network, compartment, refusal):
    """`expired_token` refuses any call with 401."""
    emulator.inject(Fault.expired_token(nth=2))
    network.list_vcns(compartment)
    assert refusal(network.list_vcns, compartment).code == "NotAuthenticated"


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_reset_loses_the_answer_before_or_after_it_happened(emulator, network, details, after_commit):
    """A reset gives the client no response, and the resource exists only with after_commit."""
    emulator.inject(Fault.reset("create_vcn", after_commit=after_commit))
    with pytest.raises(LOST):
        network.create_vcn(details, opc_retry_token="once")
    assert len(emulator.live().get("vcn", [])) == after_commit
    network.create_vcn(details, opc_retry_token="once")
    assert len(emulator.live()["vcn"]) == 1
    assert [request.status for request in emulator.requests] == [0, 200]


def test_a_lost_refusal_is_lost_too(emulator, network, compartment):
    """A lost response to a refused request creates no resource."""
    emulator.inject(Fault.reset("create_vcn", after_commit=True))
    with pytest.raises(LOST):
        network.create_vcn({"compartmentId": compartment, "cidrBlock": "nonsense"})
    assert emulator.live() == {}


def test_silence_lasts_until_the_client_gives_up(emulator, client, details):
    """A silent fault sends nothing until the client's own timeout, although the resource was created."""
    emulator.inject(Fault.timeout("create_vcn", after_commit=True))
    network = client("core.VirtualNetworkClient", timeout=(1, 0.2))
    began = time.monotonic()
    with pytest.raises(LOST):
        network.create_vcn(details)
    assert time.monotonic() - began >= 0.2
    assert len(emulator.live()["vcn"]) == 1


def test_a_truncated_response_raises(emulator, network, details):
    """A truncated response raises in the client although the resource was created."""
    emulator.inject(Fault.truncated("create_vcn"))
    with pytest.raises(LOST):
        network.create_vcn(details)
    assert len(emulator.live()["vcn"]) == 1


class TestMalformed:
    """Responses with the status of success and something else than the operation's response."""

    @pytest.fixture
    def send(self, emulator, raw, details):
        """Creates a VCN and lists them under one fault each; returns the two raw responses."""

        def send(**changes):
            emulator.inject(Fault.malformed("create_vcn", **changes), Fault.malformed("list_vcns", **changes))
            created = raw("POST", "/20160918/vcns", json.dumps(details).encode())
            listed = raw("GET", f"/20160918/vcns?compartmentId={details['compartmentId']}")
            return created, listed

        return send

    @pytest.mark.parametrize(
        ("text", "content_type"), [("{}", "application/json"), ("", "application/json"), ("<html>", "text/html")]
    )
    def test_a_text_takes_the_place_of_the_body(self, emulator, send, text, content_type):
        """Status and request id are those of success, the body is the text, and the operation ran."""
        for response in send(text=text, content_type=content_type):
            assert (response.status_code, response.text) == (200, text)
            assert response.headers["content-type"] == content_type
            assert response.headers["opc-request-id"]
        assert len(emulator.live()["vcn"]) == 1

    def test_a_cut_body_is_no_json(self, send):
        """Half of the body is sent as if it were all."""
        for response in send(cut=True):
            assert len(response.content) == int(response.headers["content-length"]) > 0
            with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
                response.json()

    def test_what_is_cut_stays_cut_whatever_else_is_changed(self, emulator, send):
        """A second fault that changes members leaves a body that the first one cut as it is."""
        emulator.inject(Fault.malformed("create_vcn", cut=True))
        created, _ = send(members={"id": None})
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            created.json()

    def test_members_are_changed_in_objects_and_in_entries(self, send):
        """Members are set and left out in the object, or in each object of the list."""
        created, listed = send(members={"lifecycleState": 7}, without=["id"])
        for entry in (created.json(), *listed.json()):
            assert entry["lifecycleState"] == 7
            assert "id" not in entry
            assert entry["cidrBlock"] == "10.0.0.0/16"

    def test_members_are_changed_in_lists_of_items(self, emulator, client, make_instance, compartment):
        """Entries in `items` are changed like those of arrays."""
        make_instance()
        emulator.inject(Fault.malformed("list_container_instances", members={"displayName": "other"}))
        listed = client("container_instances.ContainerInstanceClient").list_container_instances(compartment)
        assert [one.display_name for one in listed.data.items] == ["other"]

    def test_headers_are_changed(self, send):
        """A header is set, and one that is None is left out; the body stays."""
        created, listed = send(headers={"opc-next-page": "again", "opc-request-id": "x", "etag": None})
        assert (listed.headers["opc-next-page"], created.headers["opc-next-page"]) == ("again", "again")
        assert "etag" not in created.headers
        assert created.json()["id"]

    def test_nothing_happens_when_a_proxy_answers(self, emulator, send):
        """With after_commit=False the operation does not run."""
        for response in send(text="<html>Log in</html>", after_commit=False):
            assert (response.status_code, response.text) == (200, "<html>Log in</html>")
        assert emulator.live() == {}

    def test_errors_are_not_changed(self, emulator, network, refusal):
        """A refusal stays as it is."""
        emulator.inject(Fault.malformed("get_vcn", "{}"))
        assert refusal(network.get_vcn, "ocid1.vcn.oc1..none").code == "NotAuthorizedOrNotFound"

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({}, "needs a text, cut, members, without or headers"),
            ({"text": "{}", "cut": True}, "either a text, or cut"),
            ({"text": "{}", "without": ["id"]}, "either a text, or cut"),
            ({"cut": True, "after_commit": False}, "needs a text when"),
        ],
    )
    def test_contradictions_are_refused(self, changes, reason):
        """A fault that changes nothing, or the body in two ways, is a ValueError."""
        with pytest.raises(ValueError, match=reason):
            Fault.malformed("*", **changes)


def test_power_loss_is_two_faults(emulator, network, details):
    """One response is lost after commit, and all calls fail from then on, until the faults are cleared."""
    emulator.inject(
        Fault.reset("*", nth=2, after_commit=True),
        Fault.reset("*", nth=3, times=None),
    )
    network.create_vcn(details)
    for _ in range(3):
        with pytest.raises(LOST):
            network.create_vcn(details)
    assert len(emulator.live()["vcn"]) == 2
    emulator.clear_faults()
    assert network.create_vcn(details).status == 200


def test_a_stale_list_hides_what_is_young(emulator, clock, network, details, compartment):
    """Lists show a resource only when it is old enough; a GET shows it at once."""
    emulator.inject(Fault.stale_list(seconds=5, times=None))
    vcn = network.create_vcn(details).data
    assert network.list_vcns(compartment).data == []
    assert network.get_vcn(vcn.id).data.id == vcn.id
    clock.advance(5)
    assert [found.id for found in network.list_vcns(compartment).data] == [vcn.id]


def test_a_stuck_resource_stays_as_it_began(emulator, clock, network, instances, details, make_instance):
    """A stuck create and its work request never end; other resources are not affected."""
    emulator.inject(Fault.stuck("create_container_instance"))
    response = make_instance()
    clock.advance(10**6)
    request = instances.get_work_request(response.headers["opc-work-request-id"]).data
    assert instances.get_container_instance(response.data.id).data.lifecycle_state == "CREATING"
    assert (request.status, request.time_finished) == ("IN_PROGRESS", None)
    assert network.create_vcn(details).data.lifecycle_state == "AVAILABLE"


def test_a_failed_create_has_its_reason(emulator, instances, make_instance):
    """The create is accepted; then the instance is FAILED, and the work request has error and logs."""
    emulator.inject(Fault.failed(message="The image cannot be pulled.", code="ImagePull", logs=["pulling", "403"]))
    response = make_instance()
    assert (response.status, response.data.lifecycle_state) == (200, "CREATING")
    instance = instances.get_container_instance(response.data.id).data
    assert (instance.lifecycle_state, instance.lifecycle_details) == ("FAILED", "The image cannot be pulled.")
    request_id = response.headers["opc-work-request-id"]
    assert instances.get_work_request(request_id).data.status == "FAILED"
    [error] = instances.list_work_request_errors(request_id).data.items
    assert (error.code, error.message) == ("ImagePull", "The image cannot be pulled.")
    assert [entry.message for entry in instances.list_work_request_logs(request_id).data.items] == [
        "pulling",
        "403",
    ]
    assert emulator.live()["container-instance"] == [response.data.id]


def test_capacity_is_out_for_what_is_named_only(emulator, make_instance, domain, refusal):
    """A synchronous shortage refuses creates with 500 in one availability domain and not in the others."""
    emulator.inject(Fault.out_of_capacity(availability_domain="AD-1"))
    error = refusal(make_instance)
    assert (error.status, error.code, error.message) == (500, "InternalError", "Out of host capacity.")
    assert make_instance(availabilityDomain=domain.replace("AD-1", "AD-2")).status == 200
    assert refusal(make_instance).status == 500


def test_capacity_can_run_out_after_the_answer(emulator, instances, make_instance):
    """An asynchronous shortage of a shape ends the accepted create FAILED."""
    emulator.inject(Fault.out_of_capacity(shape="CI.Standard.A1.Flex", synchronous=False))
    failed = make_instance(shape="CI.Standard.A1.Flex").data
    made = make_instance(displayName="web-1").data
    assert instances.get_container_instance(failed.id).data.lifecycle_details == "Out of host capacity."
    assert instances.get_container_instance(made.id).data.lifecycle_state == "ACTIVE"


def test_faults_from_the_start_are_in_force_again_after_reset(make_emulator, client_of, refusal):
    """A reset restores the faults from the emulator's start, and removes the injected ones."""
    emulator = make_emulator(faults=[Fault.error("list_vcns", "InternalError")])
    network = client_of(emulator, "core.VirtualNetworkClient")
    for _ in range(2):
        assert refusal(network.list_vcns, emulator.compartment_id).status == 500
        emulator.inject(Fault.error("list_vcns", "InternalError", times=None))
        emulator.reset()


def test_a_limited_service_answers_429_until_time_passes(make_emulator, client_of, clock, refusal):
    """A service admits its requests per second and refuses the next one, without Retry-After."""
    emulator = make_emulator(requests_per_second=3)
    network, identity = (
        client_of(emulator, name) for name in ("core.VirtualNetworkClient", "identity.IdentityClient")
    )
    for _ in range(3):
        network.list_vcns(emulator.compartment_id)
    error = refusal(network.list_vcns, emulator.compartment_id)
    assert (error.status, error.code) == (429, "TooManyRequests")
    assert "retry-after" not in error.headers
    assert identity.list_regions().status == 200
    clock.advance(0.34)
    assert network.list_vcns(emulator.compartment_id).status == 200


def test_a_rate_below_one_is_refused():
    """A limit that admits nothing raises ValueError."""
    with pytest.raises(ValueError, match="requests_per_second"):
        Emulator(requests_per_second=0)


def test_latencies_and_faults_meet(make_emulator, client_of, clock):
    """A failed delete leaves the compartment's resources in place."""
    emulator = make_emulator(latencies=Latencies(network=2))
    network = client_of(emulator, "core.VirtualNetworkClient")
    emulator.inject(Fault.stuck("delete_vcn"))
    vcn = network.create_vcn({"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}).data
    clock.advance(2)
    network.delete_vcn(vcn.id)
    clock.advance(100)
    assert network.get_vcn(vcn.id).data.lifecycle_state == "TERMINATING"
