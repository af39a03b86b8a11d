"""The calling edge: what is retried and for how long, how fast requests go, and which errors come out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from attrs import evolve

from ocisidecar.cancel import Cancel
from ocisidecar.client.retry import (
    ACTION,
    CREATE,
    CREATE_AFTER_IAM,
    DELETE,
    READ,
    READ_NEW,
    RETRY_POLICIES,
    UPDATE,
    UPDATE_AFTER_IAM,
    WAITING_FOR_CREATE,
    WAITING_FOR_IAM,
    Intent,
    classify,
    error_class,
    is_capacity_shortage,
)
from ocisidecar.client.session import METRIC_INGESTION, Caller, Session
from ocisidecar.clock import VirtualClock
from ocisidecar.credentials import load_credentials
from ocisidecar.emulator import Emulator, Fault
from ocisidecar.errors import (
    Cancelled,
    ConfigError,
    Conflict,
    ConnectionLost,
    LimitExceeded,
    NotAuthenticated,
    NotAuthorizedOrNotFound,
    OutOfHostCapacity,
    ServiceCallError,
    ServiceUnavailable,
    Throttled,
)

NETWORK = "core.VirtualNetworkClient"
CAPACITY = "Out of host capacity."
BUSY = "instance ocid1.x is currently being modified, try again later"


@pytest.fixture
def make_emulator(clock: VirtualClock) -> Iterator[Callable[..., Emulator]]:
    """Starts emulators with other settings, on the test's clock."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Emulator(clock=clock, seed=1, **settings))


@pytest.fixture
def emulator(make_emulator: Callable[..., Emulator]) -> Emulator:
    return make_emulator()


@pytest.fixture
def make_session(clock: VirtualClock) -> Iterator[Callable[..., Session]]:
    """Makes sessions for an emulator; keywords change the credentials."""
    with ExitStack() as stack:

        def make(emulator: Emulator, endpoint: str | None = None, **changes: Any) -> Session:
            credentials = load_credentials(emulator.oci_config, environment={}, clock=clock)
            session = Session(evolve(credentials, **changes), clock, endpoint or emulator.endpoint)
            stack.callback(session.close)
            return session

        yield make


@pytest.fixture
def session(make_session: Callable[..., Session], emulator: Emulator) -> Session:
    return make_session(emulator)


@pytest.fixture
def caller(session: Session, clock: VirtualClock) -> Caller:
    return session.caller(Cancel(clock=clock), key="vcn/main")


@pytest.fixture
def vcn_details(emulator: Emulator) -> dict[str, Any]:
    return {"compartmentId": emulator.compartment_id, "cidrBlocks": ["10.0.0.0/16"], "displayName": "net"}


@pytest.fixture
def create_vcn(caller: Caller, vcn_details: dict[str, Any]) -> Callable[..., Any]:
    """Creates a VCN, always with one token."""
    return lambda intent=CREATE, has_written_iam=True: evolve(caller, has_written_iam=has_written_iam).call(
        NETWORK, "create_vcn", vcn_details, intent=intent, opc_retry_token="token-1"
    )


@pytest.fixture
def list_vcns(caller: Caller, emulator: Emulator) -> Callable[[], Any]:
    """Reads the VCNs once."""
    return lambda: caller.call(NETWORK, "list_vcns", emulator.compartment_id)


UNKNOWN_GROUP = (
    "The dynamic_group web specified in the policy statement does not exist under current compartment hierarchy."
)


class TestWhatIsRetried:
    """The table of `classify`."""

    @pytest.mark.parametrize(
        ("status", "code", "message", "intent", "waits"),
        [
            (0, "", "reset", READ, "connection lost"),
            (0, "", "reset", CREATE, "connection lost"),
            (0, "", "reset", ACTION, None),
            (429, "TooManyRequests", "", ACTION, "throttled"),
            (500, "InternalError", "", READ, "unavailable"),
            (503, "", "", DELETE, "unavailable"),
            (500, "InternalError", "", ACTION, None),
            (501, "MethodNotImplemented", "", READ, None),
            (409, "IncorrectState", "", UPDATE, "busy"),
            (409, "ResourceLocked", "", ACTION, "busy"),
            (409, "Conflict", BUSY, UPDATE, "busy"),
            (409, "IncorrectState", "", READ, None),
            (409, "Conflict", "The Subnet references the VNIC", DELETE, "in use"),
            (409, "Conflict", "already uses this display name", CREATE, None),
            (409, "InvalidatedRetryToken", "", CREATE, None),
            (412, "PreconditionFailed", "still has vnics attached", DELETE, "in use"),
            (412, "NoEtagMatch", "", UPDATE, None),
            (404, "NotAuthorizedOrNotFound", "", CREATE_AFTER_IAM, WAITING_FOR_IAM),
            (400, "RelatedResourceNotAuthorizedOrNotFound", "", CREATE_AFTER_IAM, WAITING_FOR_IAM),
            (400, "InvalidParameter", UNKNOWN_GROUP, CREATE_AFTER_IAM, WAITING_FOR_IAM),
            (400, "InvalidParameter", "No permissions found", UPDATE_AFTER_IAM, WAITING_FOR_IAM),
            (404, "NotAuthorizedOrNotFound", "", CREATE, WAITING_FOR_CREATE),
            (404, "NotAuthorizedOrNotFound", "", READ_NEW, WAITING_FOR_CREATE),
            (404, "NotAuthorizedOrNotFound", "", READ, None),
            (404, "NotAuthorizedOrNotFound", "", DELETE, None),
            (400, "InvalidParameter", UNKNOWN_GROUP, CREATE, None),
            (409, "Conflict", "privateIp 10.0.0.5 is in use", CREATE, None),
            (409, "Conflict", "Token is in use for a different request", CREATE, None),
            (400, "InvalidParameter", "", CREATE_AFTER_IAM, None),
            (401, "NotAuthenticated", "", READ, None),
        ],
    )
    def test_follows_status_code_and_intent(
        self, status: int, code: str, message: str, intent: Intent, waits: str | None
    ) -> None:
        """A failure is retried only where waiting can help and a repetition does no harm."""
        cls = error_class(status, code, message)
        error = cls(operation="x", status=status, code=code, service_message=message)
        assert classify(error, intent) == waits

    def test_out_of_capacity_is_final_whatever_its_status(self) -> None:
        """Out of host capacity is not retried, whatever its status."""
        error = OutOfHostCapacity(operation="x", status=500, code="InternalError", service_message=CAPACITY)
        assert classify(error, CREATE) is None

    @pytest.mark.parametrize("text", ["Out of host capacity.", "OutOfCapacity", "500 out of HOST capacity"])
    def test_out_of_capacity_is_recognised_by_its_message(self, text: str) -> None:
        """Out of host capacity is recognised by its message under any status and code."""
        assert is_capacity_shortage(text)
        assert not is_capacity_shortage("Out of memory.")


class TestThrottling:
    """429, with and without a Retry-After."""

    def test_429_is_retried(self, emulator: Emulator, list_vcns: Callable[[], Any]) -> None:
        """A call succeeds after ten 429 in a row."""
        emulator.inject(Fault.error("list_vcns", "TooManyRequests", times=10))
        assert list_vcns().data == []
        assert [request.status for request in emulator.requests] == [429] * 10 + [200]

    @pytest.mark.parametrize(("asked", "waited"), [(7, 7.0), (500, 500.0), (0, 0.2)])
    def test_retry_after_is_honoured(
        self, session: Session, emulator: Emulator, clock: VirtualClock, asked: int, waited: float
    ) -> None:
        """Retry-After is waited in full, and at least the policy's first wait."""
        notified: list[tuple[str, int, float]] = []
        caller = session.caller(Cancel(clock=clock), notify=lambda *retry: notified.append(retry))
        emulator.inject(Fault.error("list_vcns", "TooManyRequests", retry_after=asked))
        caller.call(NETWORK, "list_vcns", emulator.compartment_id)
        assert notified == [("429 TooManyRequests (throttled, at most 200 attempts in 600 s)", 1, waited)]

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            (
                Fault.error("list_vcns", "InternalError"),
                "500 InternalError (unavailable, at most 8 attempts in 600 s)",
            ),
            (Fault.malformed("list_vcns", "{}"), "malformed response (at most 8 attempts in 600 s)"),
            (Fault.reset("list_vcns"), "no response (connection lost, at most 8 attempts in 600 s)"),
        ],
        ids=["fault", "malformed", "lost"],
    )
    def test_a_retry_is_told_with_what_happened_and_how_long_it_goes_on(
        self, session: Session, emulator: Emulator, clock: VirtualClock, fault: Fault, reason: str
    ) -> None:
        """The reason has the response in a few words, and the policy's limits."""
        notified: list[str] = []
        caller = session.caller(Cancel(clock=clock), notify=lambda reason, *_: notified.append(reason))
        caller.call(NETWORK, "list_vcns", emulator.compartment_id)
        emulator.inject(fault)
        caller.call(NETWORK, "list_vcns", emulator.compartment_id)
        assert notified == [reason]

    def test_a_retry_after_beyond_the_policy_is_final(
        self, emulator: Emulator, clock: VirtualClock, list_vcns: Callable[[], Any]
    ) -> None:
        """A Retry-After beyond the policy raises Throttled at once with the seconds to wait."""
        emulator.inject(Fault.error("list_vcns", "TooManyRequests", retry_after=3600, times=None))
        began = clock.time()
        with pytest.raises(Throttled, match="429 TooManyRequests, to be tried again after 3600 s"):
            list_vcns()
        assert (len(emulator.requests), clock.time()) == (1, began)

    def test_a_limit_on_requests_never_fails_a_call(
        self, make_emulator: Callable[..., Emulator], make_session: Callable[..., Session], clock: VirtualClock
    ) -> None:
        """A hundred calls under a limit of five a second all succeed, at three quarters of that rate or more."""
        limited = make_emulator(requests_per_second=5)
        caller = make_session(limited).caller(Cancel(clock=clock))
        began = clock.time()
        for _ in range(100):
            caller.call(NETWORK, "list_vcns", limited.compartment_id)
        assert 100 / (clock.time() - began) >= 0.75 * 5

    def test_one_throttled_service_does_not_slow_another(
        self, caller: Caller, emulator: Emulator, clock: VirtualClock, list_vcns: Callable[[], Any]
    ) -> None:
        """Each service has its own rate limit."""
        emulator.inject(Fault.error("list_vcns", "TooManyRequests"))
        list_vcns()
        began = clock.time()
        for _ in range(20):
            caller.call("identity.IdentityClient", "list_availability_domains", emulator.compartment_id)
        assert clock.time() == began


class TestFaultsOfTheService:
    """5xx, and responses that do not arrive."""

    def test_5xx_is_retried(self, emulator: Emulator, list_vcns: Callable[[], Any]) -> None:
        """A call succeeds after three 5xx in a row."""
        emulator.inject(Fault.error("list_vcns", "InternalError", times=3))
        assert list_vcns().status == 200

    def test_an_endpoint_that_never_responded_fails_soon(
        self, emulator: Emulator, clock: VirtualClock, make_session: Callable[..., Session]
    ) -> None:
        """An endpoint that never responded fails within seconds, with its name in the error."""
        caller, began = make_session(emulator, "http://127.0.0.1:1").caller(Cancel(clock=clock)), clock.time()
        with pytest.raises(
            ConnectionLost, match=r"after 4 attempts: ConnectionError: 127\.0\.0\.1:1: .*refused\. Check .*endpoint"
        ) as caught:
            caller.call(NETWORK, "list_vcns", emulator.compartment_id)
        assert clock.time() - began < 5.0
        assert caught.value.attempts == RETRY_POLICIES["unreachable"].max_attempts

    @pytest.mark.parametrize("status", [200, 404])
    def test_a_service_that_has_responded_is_retried_longer(
        self, emulator: Emulator, caller: Caller, list_vcns: Callable[[], Any], status: int
    ) -> None:
        """After any response, even a refusal, a lost connection is retried under the longer policy."""
        emulator.inject(Fault.error("list_services", "NotAuthorizedOrNotFound", times=int(status == 404)))
        with suppress(NotAuthorizedOrNotFound):
            caller.call(NETWORK, "list_services")
        emulator.inject(Fault.reset("list_vcns", times=None))
        with pytest.raises(ConnectionLost) as caught:
            list_vcns()
        assert caught.value.attempts == RETRY_POLICIES["connection lost"].max_attempts

    def test_an_outage_ends_in_an_error_with_the_attempts(
        self, emulator: Emulator, list_vcns: Callable[[], Any]
    ) -> None:
        """After eight attempts the error holds their number and the key."""
        emulator.inject(Fault.error("list_vcns", "ServiceUnavailable", status=503, times=None))
        with pytest.raises(ServiceUnavailable) as caught:
            list_vcns()
        assert (caught.value.attempts, caught.value.key) == (8, "vcn/main")
        assert caught.value.opc_request_id
        assert len(emulator.requests) == 8

    @pytest.mark.parametrize(
        "fault",
        [
            Fault.reset("create_vcn"),
            Fault.reset("create_vcn", after_commit=True),
            Fault.truncated("create_vcn"),
        ],
        ids=["before", "after", "truncated"],
    )
    def test_a_lost_response_creates_nothing_twice(
        self, emulator: Emulator, create_vcn: Callable[..., Any], fault: Fault
    ) -> None:
        """A create is repeated with the same token after a lost response, and one VCN exists."""
        emulator.inject(fault)
        made = create_vcn().body["id"]
        assert list(emulator.live()["vcn"]) == [made]

    def test_an_action_without_a_response_is_not_retried(
        self, emulator: Emulator, create_vcn: Callable[..., Any]
    ) -> None:
        """An action without a token raises ConnectionLost after one request."""
        emulator.inject(Fault.reset("create_vcn", after_commit=True))
        with pytest.raises(ConnectionLost) as caught:
            create_vcn(intent=ACTION)
        assert (caught.value.attempts, caught.value.status) == (1, 0)

    def test_a_truncated_list_is_read_again(
        self, emulator: Emulator, create_vcn: Callable[..., Any], list_vcns: Callable[[], Any]
    ) -> None:
        """A truncated list is requested again."""
        create_vcn()
        emulator.inject(Fault.truncated("list_vcns"))
        assert len(list_vcns().data) == 1

    def test_out_of_capacity_is_not_retried(self, emulator: Emulator, create_vcn: Callable[..., Any]) -> None:
        """OutOfHostCapacity is raised after one request."""
        emulator.inject(Fault.error("create_vcn", "InternalError", CAPACITY, times=None))
        with pytest.raises(OutOfHostCapacity):
            create_vcn()
        assert len(emulator.requests) == 1

    def test_a_retry_budget_limits_the_retries_of_a_failing_service(
        self, emulator: Emulator, list_vcns: Callable[[], Any], caller: Caller
    ) -> None:
        """Of fifty calls to a failing service only the first are retried; others have their own budgets."""
        emulator.inject(Fault.error("list_vcns", "InternalError", times=None))
        for _ in range(50):
            with pytest.raises(ServiceUnavailable):
                list_vcns()
        assert len(emulator.requests) == 50 + 100
        emulator.inject(Fault.error("list_availability_domains", "InternalError", times=3))
        caller.call("identity.IdentityClient", "list_availability_domains", emulator.compartment_id)


class TestBusyResources:
    """409, 412 and IAM writes that have not propagated yet."""

    def test_a_busy_resource_is_retried(self, emulator: Emulator, create_vcn: Callable[..., Any]) -> None:
        """A write that gets 409 IncorrectState is retried until it succeeds."""
        emulator.inject(Fault.error("create_vcn", "IncorrectState", times=5))
        assert create_vcn().status == 200

    @pytest.mark.parametrize(("status", "code"), [(409, "Conflict"), (412, "PreconditionFailed")])
    def test_a_delete_is_retried_until_nothing_refers_to_the_resource(
        self, emulator: Emulator, caller: Caller, create_vcn: Callable[..., Any], status: int, code: str
    ) -> None:
        """A delete that gets 409 or 412 is retried until the VNIC is released."""
        made = create_vcn().body["id"]
        emulator.inject(Fault.error("delete_vcn", code, status=status, times=4))
        caller.call(NETWORK, "delete_vcn", made, intent=DELETE)
        assert emulator.live() == {}

    def test_a_lasting_reference_is_an_error(
        self, emulator: Emulator, caller: Caller, clock: VirtualClock, create_vcn: Callable[..., Any]
    ) -> None:
        """A 409 that lasts is raised after 10 s with the service's message."""
        made, began = create_vcn().body["id"], clock.time()
        emulator.inject(Fault.error("delete_vcn", "Conflict", "it is referenced", times=None))
        with pytest.raises(Conflict, match="it is referenced"):
            caller.call(NETWORK, "delete_vcn", made, intent=DELETE)
        last_wait = RETRY_POLICIES["in use"].max_wait_seconds + RETRY_POLICIES["in use"].first_wait_seconds
        assert 10.0 <= clock.time() - began <= 10.0 + last_wait

    def test_a_call_after_an_iam_write_is_retried_until_it_has_propagated(
        self, emulator: Emulator, create_vcn: Callable[..., Any]
    ) -> None:
        """NotAuthorizedOrNotFound is retried for calls that follow an IAM write."""
        emulator.inject(Fault.error("create_vcn", "NotAuthorizedOrNotFound", times=4))
        assert create_vcn(intent=CREATE_AFTER_IAM).status == 200

    def test_it_is_not_retried_where_iam_was_not_written(
        self, emulator: Emulator, create_vcn: Callable[..., Any]
    ) -> None:
        """The same call is refused after one request where the caller has not written IAM."""
        emulator.inject(Fault.error("create_vcn", "NotAuthorizedOrNotFound", times=None))
        with pytest.raises(NotAuthorizedOrNotFound):
            create_vcn(intent=CREATE_AFTER_IAM, has_written_iam=False)
        assert len(emulator.requests) == 1

    def test_a_missing_permission_is_not_retried(self, emulator: Emulator, create_vcn: Callable[..., Any]) -> None:
        """NotAuthorizedOrNotFound is raised after one request for other calls."""
        emulator.inject(Fault.error("create_vcn", "NotAuthorizedOrNotFound", times=None))
        with pytest.raises(NotAuthorizedOrNotFound):
            create_vcn()
        assert len(emulator.requests) == 1


class TestPatience:
    """How long each class of errors is retried."""

    @pytest.mark.parametrize(
        ("word", "code", "intent"),
        [
            ("throttled", "TooManyRequests", CREATE),
            ("unavailable", "InternalError", CREATE),
            ("busy", "IncorrectState", CREATE),
            (WAITING_FOR_IAM, "NotAuthorizedOrNotFound", CREATE_AFTER_IAM),
        ],
    )
    def test_is_bounded_in_attempts_and_seconds(
        self,
        emulator: Emulator,
        clock: VirtualClock,
        create_vcn: Callable[..., Any],
        word: str,
        code: str,
        intent: Intent,
    ) -> None:
        """A lasting failure is raised within the attempts and seconds of its policy."""
        emulator.inject(Fault.error("create_vcn", code, times=None))
        policy, began = RETRY_POLICIES[word], clock.time()
        with pytest.raises(ServiceCallError) as caught:
            create_vcn(intent=intent)
        assert 1 < caught.value.attempts <= policy.max_attempts
        assert caught.value.attempts == len(emulator.requests)
        assert clock.time() - began <= policy.max_seconds + 2 * policy.max_wait_seconds


class TestCancelling:
    """The checkpoints of a call."""

    def test_before_a_request_nothing_is_sent(self, session: Session, emulator: Emulator) -> None:
        """A call that begins after the cancel makes no request."""
        cancel = Cancel()
        cancel.set("enough")
        with pytest.raises(Cancelled, match="enough"):
            session.caller(cancel).call(NETWORK, "list_vcns", emulator.compartment_id)
        assert emulator.requests == ()

    def test_in_a_retry_sleep_no_further_request_is_sent(self, session: Session, emulator: Emulator) -> None:
        """A cancel between two attempts ends the call with one request made."""
        cancel = Cancel()
        caller = session.caller(cancel, notify=lambda *_: cancel.set("enough"))
        emulator.inject(Fault.error("list_vcns", "TooManyRequests", times=None))
        with pytest.raises(Cancelled, match="enough"):
            caller.call(NETWORK, "list_vcns", emulator.compartment_id)
        assert len(emulator.requests) == 1

    def test_a_deadline_cuts_a_sleep_short(self, session: Session, emulator: Emulator, clock: VirtualClock) -> None:
        """A call with five seconds left ends after five seconds, whatever Retry-After says."""
        emulator.inject(Fault.error("list_vcns", "TooManyRequests", retry_after=30, times=None))
        began = clock.time()
        with pytest.raises(Cancelled, match="deadline of 5 s"):
            session.caller(Cancel(5.0, clock=clock)).call(NETWORK, "list_vcns", emulator.compartment_id)
        assert clock.time() - began == pytest.approx(5.0)

    def test_a_deadline_in_the_queue_of_a_throttled_service_ends_the_wait(
        self, session: Session, emulator: Emulator, clock: VirtualClock
    ) -> None:
        """A deadline ends the wait for a slot of the rate limiter."""
        limiter = session.rate_limiter("core")
        limiter.record_throttling()
        for _ in range(100):
            limiter.reserve()
        began = clock.time()
        with pytest.raises(Cancelled, match="deadline"):
            session.caller(Cancel(5.0, clock=clock)).call(NETWORK, "list_vcns", emulator.compartment_id)
        assert clock.time() - began == pytest.approx(5.0)
        assert emulator.requests == ()


class TestClients:
    """Which client sends a call, and where."""

    def test_one_per_thread_service_and_region(self, session: Session) -> None:
        """Clients are reused within a thread and never shared between two."""
        mine = session.client(NETWORK, "eu-frankfurt-1")
        assert session.client(NETWORK, "eu-frankfurt-1") is mine
        assert session.client(NETWORK, "us-ashburn-1") is not mine
        others: list[Any] = []
        thread = threading.Thread(target=lambda: others.append(session.client(NETWORK, "eu-frankfurt-1")))
        thread.start()
        thread.join()
        assert others[0] is not mine

    def test_a_closed_session_sends_nothing(
        self, session: Session, emulator: Emulator, list_vcns: Callable[[], Any]
    ) -> None:
        """After close() a call raises ConfigError and sends nothing, and no new caller can be had."""
        session.close()
        session.close()
        with pytest.raises(ConfigError, match=r"closed.*use a new provisioner"):
            list_vcns()
        with pytest.raises(ConfigError, match=r"closed.*use a new provisioner"):
            session.caller(Cancel())
        assert emulator.requests == ()

    def test_an_endpoint_may_name_region_and_service(
        self, emulator: Emulator, make_session: Callable[..., Session]
    ) -> None:
        """Each call goes to the endpoint of its region."""
        caller = make_session(emulator, emulator.endpoint + "/{region}").caller(Cancel())
        caller.call(NETWORK, "list_vcns", emulator.compartment_id)
        caller.call(NETWORK, "list_vcns", emulator.compartment_id, region="us-phoenix-1")
        assert [request.region for request in emulator.requests] == [emulator.oci_config["region"], "us-phoenix-1"]

    def test_without_an_endpoint_the_region_has_its_own(self, session: Session) -> None:
        """Without an endpoint, calls go to the region's own."""
        session.endpoint = None
        endpoint = session.client(NETWORK, "eu-frankfurt-1").base_client.endpoint
        assert endpoint.startswith("https://iaas.eu-frankfurt-1.")

    def test_metrics_are_posted_to_a_separate_host(self, session: Session, emulator: Emulator) -> None:
        """Metrics are posted to the ingestion host of the region, and to the endpoint where one is set."""
        clients = ("monitoring.MonitoringClient", METRIC_INGESTION)
        cloud = evolve(session, endpoint=None)
        hosts = [cloud.client(path, "eu-frankfurt-1").base_client.endpoint for path in clients]
        assert hosts == [
            "https://telemetry.eu-frankfurt-1.oraclecloud.com/20180401",
            "https://telemetry-ingestion.eu-frankfurt-1.oraclecloud.com/20180401",
        ]
        mine = {session.client(path, "eu-frankfurt-1").base_client.endpoint for path in clients}
        assert mine == {f"{emulator.endpoint}/20180401"}

    @pytest.mark.parametrize("tail", ["/{zone}", "/{0}", "/{", "/{region.x}"])
    def test_an_endpoint_that_cannot_be_filled_in_is_a_config_error(
        self, emulator: Emulator, make_session: Callable[..., Session], tail: str
    ) -> None:
        """An endpoint with an unknown placeholder raises ConfigError with the known ones."""
        caller = make_session(emulator, emulator.endpoint + tail).caller(Cancel())
        with pytest.raises(ConfigError, match=r"\{region\} and \{service\}"):
            caller.call(NETWORK, "list_vcns", emulator.compartment_id)

    def test_pages_are_followed_to_the_end(
        self, caller: Caller, emulator: Emulator, vcn_details: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A list that is a bare array is read to its last page."""
        monkeypatch.setattr("ocisidecar.client.session._PAGE_LIMIT", 2)
        for number in range(5):
            caller.call(NETWORK, "create_vcn", {**vcn_details, "displayName": f"net{number}"}, intent=CREATE)
        shown = [vcn["displayName"] for vcn in caller.pages(NETWORK, "list_vcns", emulator.compartment_id)]
        assert sorted(shown) == ["net0", "net1", "net2", "net3", "net4"]

    def test_pages_with_items_are_understood(self, caller: Caller, emulator: Emulator) -> None:
        """A list in an object with `items` is read to its last page."""
        shapes = caller.pages(
            "container_instances.ContainerInstanceClient", "list_container_instance_shapes", emulator.compartment_id
        )
        assert "CI.Standard.E4.Flex" in {shape["name"] for shape in shapes}

    def test_plain_text_is_returned_where_text_is_expected(self, caller: Caller) -> None:
        """get_namespace returns a JSON string, which `text` holds."""
        answer = caller.call("object_storage.ObjectStorageClient", "get_namespace")
        assert answer.text
        assert answer.body == {}

    def test_a_response_holds_etag_and_work_request(self, create_vcn: Callable[..., Any]) -> None:
        """A response holds the etag, and empty strings without work request and text."""
        answer = create_vcn()
        assert answer.etag
        assert (answer.work_request_id, answer.text) == ("", "")

    def test_lasting_429_raises_throttled(self, emulator: Emulator, list_vcns: Callable[[], Any]) -> None:
        """429 that lasts raises Throttled with its advice."""
        emulator.inject(Fault.error("list_vcns", "TooManyRequests", times=None))
        with pytest.raises(Throttled, match="max_workers"):
            list_vcns()

    @pytest.mark.parametrize("code", ["LimitExceeded", "QuotaExceeded"])
    def test_a_service_limit_is_not_retried(
        self, emulator: Emulator, create_vcn: Callable[..., Any], code: str
    ) -> None:
        """LimitExceeded is raised after one request."""
        emulator.inject(Fault.error("create_vcn", code, status=400))
        with pytest.raises(LimitExceeded, match="Limits page"):
            create_vcn()

    def test_a_wrong_key_is_not_retried(self, emulator: Emulator, list_vcns: Callable[[], Any]) -> None:
        """401 with an API key raises NotAuthenticated after one request."""
        emulator.inject(Fault.expired_token(times=None))
        with pytest.raises(NotAuthenticated, match="fingerprint"):
            list_vcns()
        assert len(emulator.requests) == 1
