"""Invalid responses, and exceptions of SDK and signers."""

from __future__ import annotations

import inspect
import io
import itertools
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import circuitbreaker
import jwt
import oci
import pytest
import responses
from oci._vendor import requests
from oci.auth.certificate_retriever import InvalidCertificateFromInstanceMetadataError
from urllib3.exceptions import ProtocolError

from ocisidecar.cancel import Cancel
from ocisidecar.client import session
from ocisidecar.client.retry import CREATE
from ocisidecar.client.session import Caller, Session
from ocisidecar.clock import VirtualClock
from ocisidecar.credentials import Credentials
from ocisidecar.emulator import Emulator
from ocisidecar.errors import (
    ConfigError,
    ConnectionLost,
    NotAuthenticated,
    OciSidecarError,
    ServiceCallError,
    ServiceUnavailable,
    Throttled,
)

ENDPOINT = "http://127.0.0.1:9"
VCN = f"{ENDPOINT}/20160918/vcns/x"
VCNS = f"{ENDPOINT}/20160918/vcns"
INSTANCES = f"{ENDPOINT}/20210415/containerInstances"
LOGS = f"{ENDPOINT}/20210415/containers/x/actions/retrieveLogs"
TENANCY = "ocid1.tenancy.oc1..a"
# Raised by parts of the SDK that the session does not use: composite operations, uploads, downloads.
UNREACHABLE = {
    "MultipartUploadError",
    "CompositeOperationError",
    "DownloadTerminated",
    "ResumableDownloadException",
    "DownloadFailedIncorrectDownloadSize",
    "ChecksumVerificationError",
}


def classes_of(module: Any) -> list[type[Exception]]:
    """Return the exceptions that a module defines or names."""
    found = (cls for _, cls in inspect.getmembers(module, inspect.isclass))
    return [cls for cls in found if issubclass(cls, Exception) and not issubclass(cls, Warning)]


def instance_of(cls: type[Exception]) -> Exception:
    """Return an exception of the class as the SDK might raise it."""
    if issubclass(cls, oci.exceptions.ServiceError):
        return cls(400, "InvalidParameter", {}, "wrong")
    if cls.__name__ == "JSONDecodeError":
        return cls("wrong", "", 0)
    if cls is circuitbreaker.CircuitBreakerError:
        return cls(circuitbreaker.CircuitBreaker())
    return cls("wrong")


RAISED = sorted(
    {
        *(cls for cls in classes_of(oci.exceptions) if cls.__name__ not in UNREACHABLE),
        *classes_of(requests.exceptions),
        jwt.DecodeError,
        jwt.ExpiredSignatureError,
        circuitbreaker.CircuitBreakerError,
        InvalidCertificateFromInstanceMetadataError,
        RuntimeError,
        ValueError,
    },
    key=lambda cls: f"{cls.__module__}.{cls.__name__}",
)


class Signer:
    """A signer that raises an exception instead of signing."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.is_asked = False

    @property
    def without_content_headers(self) -> Signer:
        return self

    def __call__(self, _request: object) -> object:
        self.is_asked = True
        raise self.error


class Renewing(oci.auth.signers.EphemeralResourcePrincipalSigner):
    """A principal's signer whose renewal fails after the service has refused its token."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, request: object, *_: object, **__: object) -> object:
        return request

    def refresh_security_token(self) -> None:
        raise self.error


@pytest.fixture
def caller_with(clock: VirtualClock) -> Callable[[object], Caller]:
    """A function that makes a caller for a signer."""

    def make(signer: object) -> Caller:
        user = "ocid1.user.oc1..a"
        config = {"tenancy": TENANCY, "region": "us-ashburn-1", "user": user, "key_file": "none"}
        config["fingerprint"] = ":".join(["00"] * 16)
        credentials = Credentials(signer, "us-ashburn-1", TENANCY, "test", client_config=config)
        return Session(credentials, clock, ENDPOINT).caller(Cancel(clock=clock), key="vcn/main")

    return make


class Broken(io.RawIOBase):
    """A body during which the connection breaks."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise ProtocolError("Connection broken")


@pytest.fixture
def caller(clock: VirtualClock) -> Caller:
    """A caller whose service `answers` imitates."""
    settings = Emulator().oci_config
    key = settings.pop("key_content")
    signer = oci.signer.Signer(
        settings["tenancy"], settings["user"], settings["fingerprint"], None, private_key_content=key
    )
    credentials = Credentials(
        signer, settings["region"], settings["tenancy"], "test", client_config={**settings, "key_file": "none"}
    )
    return Session(credentials, clock, ENDPOINT).caller(Cancel(clock=clock), key="vcn/main")


@pytest.fixture
def get_vcn(caller: Caller) -> Callable[[], Any]:
    """Reads a VCN."""
    return lambda: caller.call("core.VirtualNetworkClient", "get_vcn", "x")


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    """Responses for the SDK's HTTP library."""
    with responses.RequestsMock(target="oci._vendor.requests.adapters.HTTPAdapter.send") as mock:
        yield mock


class TestMalformedAnswers:
    """Bodies that are not JSON objects."""

    @pytest.mark.parametrize(
        "body",
        [b"", b"<html>Bad gateway</html>", b'"ok"', b'{"id": "ocid1.v', b"\xff\xfe{\x00}\x00", b"null", b"5"],
        ids=["empty", "html", "string", "truncated", "utf-16", "null", "number"],
    )
    def test_200_that_cannot_be_read_is_retried(
        self, answers: responses.RequestsMock, get_vcn: Callable[[], Any], body: bytes
    ) -> None:
        """A response that cannot be read once is requested again."""
        answers.add("GET", VCN, body=body)
        answers.add("GET", VCN, json={"id": "x", "lifecycleState": "AVAILABLE"})
        assert get_vcn().body == {"id": "x", "lifecycleState": "AVAILABLE"}

    def test_200_that_stays_unreadable_shows_its_beginning(
        self, answers: responses.RequestsMock, get_vcn: Callable[[], Any]
    ) -> None:
        """A response that can never be read raises ConnectionLost with its beginning."""
        answers.add("GET", VCN, body=b"<html>Log in to the guest network</html>")
        with pytest.raises(ConnectionLost, match="Log in to the guest network"):
            get_vcn()

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("null", "it is not a list: it is empty"),
            ("5", "it is not a list: it is 5"),
            ("{}", "it is not a list: an object of nothing"),
            ('{"items": []}', "it is not a list: an object of items"),
            (
                '[{"id": "x", "lifecycleState": "AVAILABLE"}, 7]',
                "in an entry of the list, there is no object: it is 7",
            ),
            ('[{"displayName": "x"}]', "in an entry of the list, `id` is not text: an object of displayName"),
            ('[{"id": 7}]', "`id` is not text"),
            ('[{"id": "x", "lifecycleState": 7}]', "`lifecycleState` is 7"),
            ('[{"id": "x"}]', "`lifecycleState` is None"),
            ('[{"id": "x", "lifecycleState": "AVAILABLE", "freeformTags": "a=b"}]', "`freeformTags` is 'a=b'"),
            ('[{"id": "x", "lifecycleState": "", "timeCreated": "yesterday"}]', "`timeCreated` is 'yesterday'"),
            ('[{"id": "x", "lifecycleState": "", "timeCreated": "2026-01-01T00:00:00"}]', "`timeCreated` is"),
            ('[{"id": "secret"', "it is no JSON: Expecting ',' delimiter at character 16 of 16"),
        ],
    )
    def test_a_malformed_list_is_not_an_empty_list(
        self, answers: responses.RequestsMock, caller: Caller, body: str, told: str
    ) -> None:
        """A list of another shape raises ConnectionLost, which says what is wrong and names the request."""
        answers.add("GET", VCNS, body=body, headers={"opc-request-id": "A/B/C"})
        with pytest.raises(ConnectionLost) as caught:
            list(caller.pages("core.VirtualNetworkClient", "list_vcns", TENANCY))
        text = str(caught.value)
        assert text.startswith("list_vcns for vcn/main: 200 after 4 attempts: the response is malformed: ")
        assert told in text
        assert "secret" not in text
        assert text.endswith("(opc-request-id A/B/C)")
        assert (caught.value.status, caught.value.opc_request_id) == (200, "A/B/C")

    @pytest.mark.parametrize("body", ["[]", "{}", '{"items": null}', '{"items": "x"}', '{"items": [null]}'])
    def test_a_list_without_items_is_not_an_empty_list(
        self, answers: responses.RequestsMock, caller: Caller, body: str
    ) -> None:
        """Services whose lists have `items` never answer with anything else."""
        answers.add("GET", INSTANCES, body=body)
        with pytest.raises(ConnectionLost, match="the response is malformed"):
            list(caller.pages("container_instances.ContainerInstanceClient", "list_container_instances", TENANCY))

    def test_pages_that_never_end_are_an_error(self, answers: responses.RequestsMock, caller: Caller) -> None:
        """A next page that was read before raises ConnectionLost."""
        answers.add(
            "GET", VCNS, json=[{"id": "x", "lifecycleState": "AVAILABLE"}], headers={"opc-next-page": "again"}
        )
        with pytest.raises(ConnectionLost, match="its next page was sent before"):
            list(caller.pages("core.VirtualNetworkClient", "list_vcns", TENANCY))

    def test_pages_without_number_are_an_error(
        self, answers: responses.RequestsMock, caller: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A list whose pages always have another one raises ConnectionLost after 10,000 of them; here after 10."""
        assert session.MAX_PAGES == 10_000
        monkeypatch.setattr(session, "MAX_PAGES", 10)
        numbers = itertools.count()
        answers.add_callback("GET", VCNS, lambda _: (200, {"opc-next-page": f"page-{next(numbers)}"}, "[]"))
        with pytest.raises(ConnectionLost, match="it has more than 10 pages"):
            list(caller.pages("core.VirtualNetworkClient", "list_vcns", TENANCY))
        assert next(numbers) == 11

    @pytest.mark.parametrize("body", ["", "{}", '{"id": null}', "[]", "<html>", '{"displayName": "x"}'])
    def test_a_create_without_id_has_an_unknown_outcome(
        self, answers: responses.RequestsMock, caller: Caller, body: str
    ) -> None:
        """It is sent again with the same token, as after a lost response."""
        answers.add("POST", VCNS, body=body)
        answers.add("POST", VCNS, json={"id": "x", "lifecycleState": "AVAILABLE"})
        answer = caller.call("core.VirtualNetworkClient", "create_vcn", {}, intent=CREATE, opc_retry_token="t")
        assert answer.body == {"id": "x", "lifecycleState": "AVAILABLE"}
        assert [one.request.headers["opc-retry-token"] for one in answers.calls] == ["t", "t"]

    def test_an_accepted_write_needs_no_body(self, answers: responses.RequestsMock, caller: Caller) -> None:
        """A work request is enough for a create without a body."""
        answers.add("POST", VCNS, status=202, headers={"opc-work-request-id": "w"})
        answer = caller.call("core.VirtualNetworkClient", "create_vcn", {}, intent=CREATE)
        assert (answer.body, answer.work_request_id) == ({}, "w")

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("{}", "it has no number of results"),
            ('{"summary": {"resultCount": 2}}', "of 2 results it shows none"),
            ('{"summary": {"resultCount": 1}, "results": ["x"]}', "a result is not an object"),
            ("[]", "it has no number of results: an array of 0"),
        ],
    )
    def test_a_malformed_search_finds_not_nothing(
        self, answers: responses.RequestsMock, caller: Caller, body: str, told: str
    ) -> None:
        """A log search without the number of its results, or without them, raises ConnectionLost."""
        answers.add("POST", f"{ENDPOINT}/20190909/search", body=body)
        with pytest.raises(ConnectionLost, match=told):
            caller.call("loggingsearch.LogSearchClient", "search_logs", {})

    @pytest.mark.parametrize(
        ("points", "told"),
        [("null", "`aggregatedDatapoints` is None"), ("[7]", "no time"), ('[{"timestamp": "soon"}]', "no time")],
    )
    def test_malformed_metrics_are_not_no_metrics(
        self, answers: responses.RequestsMock, caller: Caller, points: str, told: str
    ) -> None:
        """A stream without datapoints, or with one that has no time, raises ConnectionLost."""
        body = f'[{{"name": "Load", "aggregatedDatapoints": {points}}}]'
        answers.add("POST", f"{ENDPOINT}/20180401/metrics/actions/summarizeMetricsData", body=body)
        with pytest.raises(ConnectionLost, match=told):
            caller.call("monitoring.MonitoringClient", "summarize_metrics_data", TENANCY, {})

    @pytest.mark.parametrize("body", ["", "{}", '"two words"', "<html>"])
    def test_a_malformed_namespace_is_refused(
        self, answers: responses.RequestsMock, caller: Caller, body: str
    ) -> None:
        """A namespace is one word."""
        answers.add("GET", f"{ENDPOINT}/n", body=body)
        with pytest.raises(ConnectionLost, match="it is not a namespace"):
            caller.call("object_storage.ObjectStorageClient", "get_namespace")

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            (b"", "(no text)"),
            (b"<html>Bad request</html>", "Bad request"),
            (b'"wrong"', "wrong"),
            (b"null", "(no text)"),
            (b'["wrong"]', "wrong"),
            (b'{"code": null, "message": null}', "(no text)"),
            (b'{"code": {"a": 1}, "message": ["wrong"]}', "wrong"),
        ],
        ids=["empty", "html", "string", "null", "list", "nulls", "nested"],
    )
    def test_400_quotes_its_body(
        self, answers: responses.RequestsMock, get_vcn: Callable[[], Any], body: bytes, told: str
    ) -> None:
        """A 400 without an OCI error body is final, and its message quotes the body."""
        answers.add("GET", VCN, status=400, body=body)
        with pytest.raises(ServiceCallError) as caught:
            get_vcn()
        assert (caught.value.status, caught.value.attempts) == (400, 1)
        assert told in str(caught.value)

    def test_an_error_that_is_not_utf_8_is_a_lost_connection(
        self, answers: responses.RequestsMock, get_vcn: Callable[[], Any]
    ) -> None:
        """An error response that is not UTF-8 raises ConnectionLost, because the SDK hides its status."""
        answers.add("GET", VCN, status=400, body=b"\xff\xfe")
        with pytest.raises(ConnectionLost, match="cannot be read"):
            get_vcn()

    def test_a_stream_of_text_is_read_whatever_its_encoding(
        self, answers: responses.RequestsMock, caller: Caller
    ) -> None:
        """A text that is not UTF-8 is read with replacement characters."""
        answers.add("POST", LOGS, body=b"caf\xe9 is open")
        answer = caller.call("container_instances.ContainerInstanceClient", "retrieve_logs", "x")
        assert answer.text == "caf\ufffd is open"

    def test_a_stream_that_breaks_is_retried(self, answers: responses.RequestsMock, caller: Caller) -> None:
        """A stream of text that breaks is requested again."""
        answers.add("POST", LOGS, body=io.BufferedReader(Broken()))
        answers.add("POST", LOGS, body=b"ready")
        answer = caller.call("container_instances.ContainerInstanceClient", "retrieve_logs", "x")
        assert answer.text == "ready"

    @pytest.mark.parametrize("value", ["²", "soon", "-1", "1.5", "Wed, 99 Oct 2026 07:28:00 GMT"])
    def test_a_retry_after_that_is_not_a_number_is_ignored(
        self, answers: responses.RequestsMock, get_vcn: Callable[[], Any], value: str
    ) -> None:
        """A Retry-After that is not a number is replaced by the policy's wait."""
        answers.add("GET", VCN, status=429, headers={"retry-after": value})
        answers.add("GET", VCN, json={"id": "x", "lifecycleState": "AVAILABLE"})
        assert get_vcn().status == 200

    def test_a_retry_after_may_be_a_date(
        self, answers: responses.RequestsMock, get_vcn: Callable[[], Any], clock: VirtualClock
    ) -> None:
        """A gateway that names a date gets no request before."""
        began = clock.time()
        date = formatdate(began + 30, usegmt=True)
        answers.add("GET", VCN, status=429, headers={"retry-after": date})
        answers.add("GET", VCN, json={"id": "x", "lifecycleState": "AVAILABLE"})
        get_vcn()
        assert 29 <= clock.time() - began <= 31

    def test_a_redirect_is_not_followed(self, answers: responses.RequestsMock, get_vcn: Callable[[], Any]) -> None:
        """A redirect raises ConfigError after one request."""
        answers.add("GET", VCN, status=302, headers={"location": VCN})
        with pytest.raises(ConfigError, match="get_vcn: the endpoint redirects"):
            get_vcn()
        assert len(answers.calls) == 1

    def test_a_connection_error_is_one_line(
        self, answers: responses.RequestsMock, get_vcn: Callable[[], Any]
    ) -> None:
        """A connection error is quoted without the SDK's page of advice."""
        answers.add("GET", VCN, body=requests.exceptions.ReadTimeout("Read timed out. (read timeout=60)"))
        with pytest.raises(ConnectionLost) as caught:
            get_vcn()
        assert caught.value.service_message == "ReadTimeout: Read timed out. (read timeout=60)"


class TestWhatTheSdkRaises:
    """Exceptions below a call become errors of this package."""

    @pytest.mark.parametrize("cls", RAISED, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
    def test_while_signing_becomes_an_error_of_ours(
        self, caller_with: Callable[[object], Caller], cls: type[Exception]
    ) -> None:
        """Whatever the SDK, its HTTP library or a signer raises, the caller sees an OciSidecarError."""
        signer = Signer(instance_of(cls))
        with pytest.raises(OciSidecarError):
            caller_with(signer).call("core.VirtualNetworkClient", "get_vcn", "x")
        assert signer.is_asked

    @pytest.mark.parametrize("cls", RAISED, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
    def test_while_renewing_a_token_becomes_an_error_of_ours(
        self, caller_with: Callable[[object], Caller], answers: responses.RequestsMock, cls: type[Exception]
    ) -> None:
        """Exceptions while a principal's signer renews its token become an OciSidecarError."""
        answers.add("GET", VCN, status=401, json={"code": "NotAuthenticated", "message": "expired"})
        with pytest.raises(OciSidecarError):
            caller_with(Renewing(instance_of(cls))).call("core.VirtualNetworkClient", "get_vcn", "x")

    def test_the_list_of_what_cannot_reach_us_is_of_this_sdk(self) -> None:
        """The exceptions that cannot be raised here exist in this SDK."""
        assert {cls.__name__ for cls in classes_of(oci.exceptions)} >= UNREACHABLE

    def test_a_config_error_of_the_signer_comes_through(self, caller_with: Callable[[object], Caller]) -> None:
        """A ConfigError of the signer is raised unchanged."""
        error = ConfigError("run `oci session authenticate`")
        with pytest.raises(ConfigError) as caught:
            caller_with(Signer(error)).call("core.VirtualNetworkClient", "get_vcn", "x")
        assert caught.value is error

    def test_a_404_of_the_token_service_does_not_mean_that_the_resource_is_gone(
        self, caller_with: Callable[[object], Caller]
    ) -> None:
        """A 404 of the token service raises NotAuthenticated with that response, not NotAuthorizedOrNotFound."""
        error = oci.exceptions.ServiceError(404, "NotAuthorizedOrNotFound", {}, "no such certificate")
        with pytest.raises(NotAuthenticated, match="got no token: 404 NotAuthorizedOrNotFound: no such"):
            caller_with(Signer(error)).call("core.VirtualNetworkClient", "get_vcn", "x")

    @pytest.mark.parametrize(("status", "expected"), [(429, Throttled), (503, ServiceUnavailable)])
    def test_an_outage_of_the_token_service_is_retried(
        self, caller_with: Callable[[object], Caller], status: int, expected: type[ServiceCallError]
    ) -> None:
        """429 and 5xx of the token service are retried."""
        error = oci.exceptions.ServiceError(status, "", {}, "later")
        with pytest.raises(expected) as caught:
            caller_with(Signer(error)).call("core.VirtualNetworkClient", "get_vcn", "x")
        assert caught.value.attempts > 1

    def test_an_argument_that_the_sdk_refuses_names_the_operation(
        self, caller_with: Callable[[object], Caller]
    ) -> None:
        """An argument that the SDK refuses raises ConfigError with the operation."""
        with pytest.raises(ConfigError, match="get_vcn: the SDK could not send it"):
            caller_with(Signer(ValueError())).call("core.VirtualNetworkClient", "get_vcn", "x", colour="red")
