"""Calls to OCI: the only module that uses the SDK and maps its errors.

Responses are wire JSON (the SDK's own `skip_deserialization`): what a kind sends and what it reads then use the
same names, an unknown state or field cannot break the SDK's models, and a list of a thousand instances takes a
tenth of the time.

The SDK's retries and circuit breaker are switched off: its retries send a new token per call and do not wait for a
VNIC to be released, and its breaker is shared by all clients of the process.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import Factory, define, evolve, field, frozen

from ocisidecar.cancel import Cancel
from ocisidecar.client.rate_limit import RateLimiter, RetryBudget
from ocisidecar.client.response_shapes import problem_of
from ocisidecar.client.response_size import MAX_RESPONSE_BYTES, bound_responses
from ocisidecar.client.retry import READ, Intent, Notify, RetryController, error_class
from ocisidecar.client.retry_after import retry_after_seconds
from ocisidecar.client.sdk_errors import describe, unsent_errors
from ocisidecar.client.service_clock import ServiceClock
from ocisidecar.clock import Clock
from ocisidecar.credentials import Credentials
from ocisidecar.errors import ConfigError, ConnectionLost, ServiceCallError
from ocisidecar.loopback import is_loopback_url
from ocisidecar.wire import Json, objects

_LOG = logging.getLogger("ocisidecar.client.session")
_TIMEOUT_SECONDS = (10, 60)  # connect, read: the SDK's own defaults
_PAGE_LIMIT = 100
_REDIRECTED = (
    "the endpoint redirects to another address, which is not followed because the request may carry secrets: check "
    "endpoint, region and proxy."
)
_PAGE_LIMITS: Mapping[str, int] = {"container_instances": 1000, "ons": 50}
"""Page size by service, the largest known to be accepted.

Source: Container Instances API, ListContainerInstances (1 to 1000); for ons what public clients send (UNCONFIRMED).
"""

_WITHOUT_LIMIT = frozenset({"list_management_agent_install_keys"})
"""Lists whose page size cannot be chosen.  Source: the SDK."""

MAX_PAGES = 10_000
"""A list with more pages counts as one without an end."""

METRIC_INGESTION = "monitoring.MonitoringClient/telemetry-ingestion"
"""The client that posts metrics, which uses a separate host that the SDK does not choose by itself.

Source: oci.monitoring.MonitoringClient.post_metric_data.
"""


@frozen
class Response:
    """A 2xx response of the right shape: body in wire form (None when empty), headers with lower-case names."""

    status: int
    data: Json
    headers: Mapping[str, str]

    @property
    def body(self) -> Mapping[str, Json]:
        """The body as an object; empty if the response has no body."""
        return self.data if isinstance(self.data, Mapping) else {}

    @property
    def text(self) -> str:
        """The body of an operation that returns plain text; empty for others."""
        return self.data if isinstance(self.data, str) else ""

    @property
    def etag(self) -> str | None:
        """The resource's version, to be sent back in if-match."""
        return self.headers.get("etag")

    @property
    def work_request_id(self) -> str:
        """OCID of the work request that makes the change, or empty."""
        return self.headers.get("opc-work-request-id", "")


@define
class Session:
    """Signed calls to OCI under one set of retry policies.  Thread-safe: each thread has its own clients.

    Args:
        credentials: signer, region and tenancy.
        clock: the source of time.
        endpoint: base URL for all services, instead of the region's; `{region}` and `{service}` in it are
            replaced by the region's name and the SDK's module name.
        max_response_bytes: a larger body is an error, as if no response had arrived.
    """

    credentials: Credentials
    clock: Clock
    endpoint: str | None = None
    max_response_bytes: int = MAX_RESPONSE_BYTES
    _local: threading.local = field(factory=threading.local, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _clients: list[Any] = field(factory=list, init=False)
    _rate_limiters: dict[str, RateLimiter] = field(factory=dict, init=False)
    _retry_budgets: dict[str, RetryBudget] = field(factory=dict, init=False)
    _is_closed: bool = field(default=False, init=False)
    has_responded: bool = field(default=False, init=False)
    service_clock: ServiceClock = Factory(lambda self: ServiceClock(self.clock), takes_self=True)

    def caller(
        self, cancel: Cancel, *, key: str = "", notify: Notify | None = None, has_written_iam: bool = False
    ) -> Caller:
        """Return a caller for one resource.

        Raises:
            ConfigError: the session is closed.
        """
        self.check_open()
        return Caller(self, cancel, key, notify, has_written_iam)

    def check_open(self) -> None:
        """Raise ConfigError when the session is closed."""
        if self._is_closed:
            raise ConfigError(
                "The connection is closed, since its provisioner was, by close() or at the end of a `with` block. "
                "Call this before that, or use a new provisioner."
            )

    def close(self) -> None:
        """Close the connections for good; a request in flight finishes, and no other is sent."""
        with self._lock:
            self._is_closed = True
            clients, self._clients = self._clients, []
            self._local = threading.local()
        for client in clients:
            client.base_client.session.close()

    def client(self, path: str, region: str) -> Any:
        """Return this thread's client for `path`, e.g. `core.VirtualNetworkClient`.

        A path may end in `/` and the first part of a host that takes the place of the client's own.
        """
        clients: dict[tuple[str, str], Any] = self._local.__dict__.setdefault("clients", {})
        if (path, region) not in clients:
            clients[path, region] = client = self._make_client(path, region)
            with self._lock:
                self._clients.append(client)
        return clients[path, region]

    def rate_limiter(self, service: str) -> RateLimiter:
        """Return the rate limiter that all threads share for a service."""
        with self._lock:
            return self._rate_limiters.setdefault(service, RateLimiter(self.clock))

    def retry_budget(self, service: str) -> RetryBudget:
        """Return the retry budget that all threads share for a service."""
        with self._lock:
            return self._retry_budgets.setdefault(service, RetryBudget())

    def _make_client(self, path: str, region: str) -> Any:
        import oci

        client, _, host = path.partition("/")
        module, _, name = client.rpartition(".")
        client_class = getattr(importlib.import_module(f"oci.{module}"), name)
        options: dict[str, Any] = {}
        if self.endpoint is not None:
            options["service_endpoint"] = _expand(self.endpoint, region, module)
        elif host:
            template = f"https://{host}.{{region}}.{{secondLevelDomain}}"
            options["service_endpoint"] = oci.regions.endpoint_for(
                module, region=region, service_endpoint_template=template
            )
        made = client_class(
            {**self.credentials.client_config, "region": region},
            signer=self.credentials.signer,
            retry_strategy=oci.retry.NoneRetryStrategy(),
            circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
            timeout=_TIMEOUT_SECONDS,
            skip_deserialization=True,
            **options,
        )
        bound_responses(made.base_client.session, self.max_response_bytes)
        # A redirect would get the signed request with its body, also at another host or without encryption.
        made.base_client.session.max_redirects = 0
        # Loopback traffic goes through no proxy.
        made.base_client.session.trust_env = not is_loopback_url(made.base_client.endpoint)
        return made


def _expand(endpoint: str, region: str, service: str) -> str:
    try:
        return endpoint.format(region=region, service=service).rstrip("/")
    except (LookupError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"endpoint {endpoint!r} cannot be used: its only placeholders may be {{region}} and {{service}}."
        ) from error


@frozen
class Caller:
    """Calls for one resource, under one `Cancel`; `notify` is called before each retry.

    `has_written_iam` says that what refers to IAM may be refused because IAM has not taken effect yet, and
    `follows_create` that what was just created may not be known everywhere yet.
    """

    session: Session
    cancel: Cancel
    key: str = ""
    notify: Notify | None = None
    has_written_iam: bool = False
    follows_create: bool = False

    @property
    def clock(self) -> Clock:
        """The session's clock."""
        return self.session.clock

    def call(
        self,
        client: str,
        operation: str,
        *args: object,
        intent: Intent = READ,
        region: str | None = None,
        **options: object,
    ) -> Response:
        """Send one request, and retry it for as long as `RETRY_POLICIES` allows.

        Args:
            client: SDK client, e.g. `core.VirtualNetworkClient`.
            operation: its method, e.g. `create_subnet`.
            *args: passed to the method.
            **options: passed to the method.
            intent: determines which errors are retried.
            region: where to send it; the session's own by default.

        Raises:
            ServiceCallError: the service refused, or no response arrived, after the retries.
            Cancelled: before a request or during a wait for the next.
        """
        from tenacity import Retrying

        intent = self._in_context(intent)
        session, service = self.session, client.partition(".")[0]
        limiter, budget = session.rate_limiter(service), session.retry_budget(service)
        controller = RetryController(
            intent, self.clock, limiter, budget, lambda: session.has_responded, self.notify, self.clock.time()
        )

        def attempt() -> Response:
            session.check_open()
            self.cancel.check()
            if wait := limiter.reserve():
                self.sleep(wait)
            return self._send(client, operation, args, options, region)

        retrying = Retrying(
            retry=controller.should_retry,
            stop=controller.should_stop,
            wait=controller.seconds_to_wait,
            sleep=self.sleep,
            before_sleep=controller.notify_retry,
            reraise=True,
        )
        try:
            response = retrying(attempt)
        except ServiceCallError as error:
            raise error.after(retrying.statistics["attempt_number"]) from None
        budget.record_success()
        limiter.record_success()
        return response

    def _in_context(self, intent: Intent) -> Intent:
        """Return the intent with what this run has done before the call."""
        follows_iam = intent.follows_iam_write and self.has_written_iam
        follows_create = intent.follows_create and self.follows_create
        return evolve(intent, follows_iam_write=follows_iam, follows_create=follows_create)

    def pages(
        self, client: str, operation: str, *args: object, region: str | None = None, **options: object
    ) -> Iterator[Mapping[str, Json]]:
        """Yield the entries of a list operation, page by page; both bare arrays and `{items}` are understood."""
        pages: set[str] = set()
        query: dict[str, Any] = {**options}
        if operation not in _WITHOUT_LIMIT:
            query["limit"] = _PAGE_LIMITS.get(client.partition(".")[0], _PAGE_LIMIT)
        while True:
            response = self.call(client, operation, *args, region=region, **query)
            yield from objects(response.body.get("items") if isinstance(response.data, Mapping) else response.data)
            page = response.headers.get("opc-next-page")
            if not page:
                return
            if page in pages or len(pages) >= MAX_PAGES:
                is_known = page in pages
                problem = "its next page was sent before" if is_known else f"it has more than {MAX_PAGES} pages"
                raise self._malformed(operation, response.status, response.headers, problem)
            pages.add(page)
            query["page"] = page

    def sleep(self, seconds: float) -> None:
        """Wait, and raise `Cancelled` at once when cancelled meanwhile."""
        self.cancel.check()
        left = self.cancel.seconds_left
        self.clock.sleep(seconds if left is None else min(seconds, left), self.cancel.event)
        self.cancel.check()

    def _send(
        self,
        client: str,
        operation: str,
        args: tuple[object, ...],
        options: Mapping[str, object],
        region: str | None,
    ) -> Response:
        import oci
        from oci._vendor import requests
        from urllib3.exceptions import HTTPError

        try:
            target = self.session.client(client, region or self.session.credentials.region)
            response = getattr(target, operation)(*args, **options)
        except oci.exceptions.ServiceError as error:
            self.session.has_responded = True
            raise self._service_error(operation, error) from None
        except (requests.exceptions.RequestException, HTTPError) as error:
            # The SDK wraps the errors of its HTTP library.
            if any(isinstance(one, requests.exceptions.TooManyRedirects) for one in (error, *error.args)):
                raise ConfigError(f"{operation}: {_REDIRECTED}") from None
            raise ConnectionLost(operation=operation, key=self.key, service_message=describe(error)) from None
        except UnicodeDecodeError as error:
            message = f"the response cannot be read: {error}"
            raise ConnectionLost(operation=operation, key=self.key, service_message=message) from None
        except unsent_errors() as error:
            raise ConfigError(f"{operation}: the SDK could not send it: {type(error).__name__}: {error}") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.session.service_clock.note(headers.get("date", ""))
        _LOG.debug("%s %s %s %s", operation, self.key, response.status, headers.get("opc-request-id"))
        data = self._text_of(operation, response.data)
        if problem := problem_of(client, operation, data, headers):
            raise self._malformed(operation, response.status, headers, problem)
        self.session.has_responded = True
        return Response(response.status, data, headers)

    def _text_of(self, operation: str, data: Any) -> Any:
        """Return the text of what the SDK leaves as a stream, and other bodies as they are.

        Raises:
            ConnectionLost: the stream ended early.
        """
        from oci._vendor import requests

        if not isinstance(data, requests.Response):
            return data or None if isinstance(data, str) else data
        try:
            return str(data.content.decode("utf-8", "replace"))
        except requests.exceptions.RequestException as error:
            message = f"{type(error).__name__}: {error}"
            raise ConnectionLost(operation=operation, key=self.key, service_message=message) from None

    def _malformed(self, operation: str, status: int, headers: Mapping[str, str], problem: str) -> ServiceCallError:
        return ConnectionLost(
            operation=operation,
            key=self.key,
            status=status,
            service_message=f"the response is malformed: {problem}",
            opc_request_id=headers.get("opc-request-id", ""),
        )

    def _service_error(self, operation: str, error: Any) -> ServiceCallError:
        status, code, message = error.status, str(error.code or ""), str(error.message or "")
        if error.original_request is None and status < 429:
            # This is the response to the signer's own request for a token, not to ours.
            status, code, message = 401, "", f"The signer got no token: {status} {code}: {message}"
        return error_class(status, code, message)(
            operation=operation,
            key=self.key,
            status=status,
            code=code,
            service_message=message,
            opc_request_id=str(error.request_id or ""),
            retry_after_seconds=retry_after_seconds((error.headers or {}).get("retry-after", ""), self.clock),
            served=str((error.headers or {}).get("date") or ""),
        )
