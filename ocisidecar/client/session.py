"""Calling OCI: the one place that knows the SDK and what its errors mean.

Answers come back in wire form (the SDK's own `skip_deserialization`): what a kind sends and what it reads are then
one vocabulary, an unknown state word or field cannot break the SDK's models, and a list of a thousand instances
costs a tenth of the time.

The SDK's retries and circuit breaker are switched off, because both know too little: its retries send a fresh
token per call and never wait out a lingering VNIC, and its breaker is shared by all clients of the process.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field, frozen

from ocisidecar.cancel import Cancel
from ocisidecar.client.rate_limit import Budget, Pace
from ocisidecar.client.retry import READ, Intent, Notify, Rule, error_class
from ocisidecar.clock import Clock
from ocisidecar.credentials import Credentials
from ocisidecar.errors import ConfigError, ConnectionLost, ServiceCallError
from ocisidecar.wire import Json

_LOG = logging.getLogger("ocisidecar.client.session")
_TIMEOUT_SECONDS = (10, 60)  # connect, read: the SDK's own defaults
_PAGE_LIMIT = 100
_PAGE_LIMITS: Mapping[str, int] = {"container_instances": 1000, "ons": 50}
"""Entries asked for per page, by service: what each is known to accept, since a larger number is refused.

Source: Container Instances API, ListContainerInstances (1 to 1000); for ons what public clients send (UNCONFIRMED).
"""

_CONNECTION = re.compile(r"^(<[^>]*>|\w+\([^)]*\)): ")
"""How urllib3 begins what it says of a connection: with an object, which tells a reader nothing."""

METRIC_INGESTION = "monitoring.MonitoringClient/telemetry-ingestion"
"""The client that posts metrics: at a host of its own, to which the SDK does not switch by itself.

Source: oci.monitoring.MonitoringClient.post_metric_data.
"""


@frozen
class Answer:
    """A 2xx answer: body in wire form (None when empty) and headers with lower-case names."""

    status: int
    data: Json
    headers: Mapping[str, str]

    @property
    def body(self) -> Mapping[str, Json]:
        """The body as an object; empty when there is none."""
        return self.data if isinstance(self.data, Mapping) else {}

    @property
    def text(self) -> str:
        """The body of an operation that answers with plain text; empty for any other."""
        return self.data if isinstance(self.data, str) else ""

    @property
    def etag(self) -> str | None:
        """The resource's version, to be sent back in if-match."""
        return self.headers.get("etag")

    @property
    def work_request_id(self) -> str:
        """OCID of the work request that carries the change out, or empty."""
        return self.headers.get("opc-work-request-id", "")


@define
class Session:
    """Signed calls to OCI with one retry policy.  Thread-safe: each thread gets clients of its own.

    Args:
        credentials: signer, region and tenancy.
        clock: where time comes from.
        endpoint: base URL for all services, in place of the region's; `{region}` and `{service}` in it are
            replaced by the region's name and the SDK's module name.
    """

    credentials: Credentials
    clock: Clock
    endpoint: str | None = None
    _local: threading.local = field(factory=threading.local, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _clients: list[Any] = field(factory=list, init=False)
    _paces: dict[str, Pace] = field(factory=dict, init=False)
    _budgets: dict[str, Budget] = field(factory=dict, init=False)
    _is_closed: bool = field(default=False, init=False)
    was_answered: bool = field(default=False, init=False)

    def caller(self, cancel: Cancel, *, key: str = "", notify: Notify | None = None) -> Caller:
        """Return what makes the calls for one resource.

        Raises:
            ConfigError: the session is closed.
        """
        self.check_open()
        return Caller(self, cancel, key, notify)

    def check_open(self) -> None:
        """Raise ConfigError when the session is closed."""
        if self._is_closed:
            raise ConfigError(
                "The connection is closed: its provisioner was, by close() or at the end of its `with` block. "
                "Do this before, or make a new one."
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

    def pace(self, service: str) -> Pace:
        """Return the rate keeper that all threads share for a service."""
        with self._lock:
            return self._paces.setdefault(service, Pace(self.clock))

    def budget(self, service: str) -> Budget:
        """Return the retry budget that all threads share for a service."""
        with self._lock:
            return self._budgets.setdefault(service, Budget())

    def _make_client(self, path: str, region: str) -> Any:
        import oci

        client, _, host = path.partition("/")
        module, _, name = client.rpartition(".")
        client_class = getattr(importlib.import_module(f"oci.{module}"), name)
        options: dict[str, Any] = {}
        if self.endpoint is not None:
            options["service_endpoint"] = _filled_in(self.endpoint, region, module)
        elif host:
            template = f"https://{host}.{{region}}.{{secondLevelDomain}}"
            options["service_endpoint"] = oci.regions.endpoint_for(
                module, region=region, service_endpoint_template=template
            )
        return client_class(
            {**self.credentials.client_config, "region": region},
            signer=self.credentials.signer,
            retry_strategy=oci.retry.NoneRetryStrategy(),
            circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
            timeout=_TIMEOUT_SECONDS,
            skip_deserialization=True,
            **options,
        )


def _filled_in(endpoint: str, region: str, service: str) -> str:
    try:
        return endpoint.format(region=region, service=service).rstrip("/")
    except (LookupError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"endpoint {endpoint!r} cannot be filled in: {{region}} and {{service}} are known, and nothing else."
        ) from error


@frozen
class Caller:
    """Calls for one resource, under one `Cancel`; retries are told to `notify`."""

    session: Session
    cancel: Cancel
    key: str = ""
    notify: Notify | None = None

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
    ) -> Answer:
        """Send one request and retry what passes, for as long as `PATIENCE` says.

        Args:
            client: SDK client, e.g. `core.VirtualNetworkClient`.
            operation: its method, e.g. `create_subnet`.
            *args: passed to the method.
            **options: passed to the method.
            intent: what the call means for retrying.
            region: where to send it; the session's own by default.

        Raises:
            ServiceCallError: the service refused, or no answer arrived, after the retries.
            Cancelled: before a request or during a wait for the next.
        """
        from tenacity import Retrying

        service = client.partition(".")[0]
        pace = self.session.pace(service)
        budget = self.session.budget(service)
        session = self.session
        rule = Rule(intent, self.clock, pace, budget, lambda: session.was_answered, self.notify, self.clock.time())

        def attempt() -> Answer:
            self.session.check_open()
            self.cancel.check()
            if wait := pace.reserve():
                self.sleep(wait)
            return self._send(client, operation, args, options, region)

        retrying = Retrying(
            retry=rule.should_retry,
            stop=rule.should_stop,
            wait=rule.seconds_to_wait,
            sleep=self.sleep,
            before_sleep=rule.tell,
            reraise=True,
        )
        try:
            answer = retrying(attempt)
        except ServiceCallError as error:
            raise error.after(retrying.statistics["attempt_number"]) from None
        budget.succeeded()
        pace.succeeded()
        return answer

    def pages(
        self, client: str, operation: str, *args: object, region: str | None = None, **options: object
    ) -> Iterator[Mapping[str, Json]]:
        """Yield the entries of a list operation, page by page; both bare arrays and `{items}` are understood."""
        query: dict[str, Any] = {**options, "limit": _PAGE_LIMITS.get(client.partition(".")[0], _PAGE_LIMIT)}
        while True:
            answer = self.call(client, operation, *args, region=region, **query)
            entries = answer.body.get("items") if isinstance(answer.data, Mapping) else answer.data
            if isinstance(entries, list):
                yield from (entry for entry in entries if isinstance(entry, Mapping))
            if not answer.headers.get("opc-next-page"):
                return
            query["page"] = answer.headers["opc-next-page"]

    def sleep(self, seconds: float) -> None:
        """Wait, and raise `Cancelled` at once when it is cancelled meanwhile."""
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
    ) -> Answer:
        import oci
        from oci._vendor import requests
        from urllib3.exceptions import HTTPError

        try:
            target = self.session.client(client, region or self.session.credentials.region)
            response = getattr(target, operation)(*args, **options)
        except oci.exceptions.ServiceError as error:
            self.session.was_answered = True
            raise self._refused(operation, error) from None
        except (requests.exceptions.RequestException, HTTPError) as error:
            raise self._lost(operation, _told(error)) from None
        except UnicodeDecodeError as error:
            raise self._lost(operation, f"the answer cannot be read: {error}") from None
        except _unsent() as error:
            raise ConfigError(f"{operation}: the SDK could not send it: {type(error).__name__}: {error}") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        _LOG.debug("%s %s %s %s", operation, self.key, response.status, headers.get("opc-request-id"))
        data = self._readable(operation, response.data)
        self.session.was_answered = True
        return Answer(response.status, data, headers)

    def _readable(self, operation: str, data: Any) -> Any:
        """Return a body in wire form; what the SDK leaves as a stream is text.

        Raises:
            ConnectionLost: the stream broke off, or the body is none that the operation can have: text that is no
                JSON, or in place of what was asked for null or a number.
        """
        from oci._vendor import requests

        if isinstance(data, requests.Response):
            try:
                return str(data.content.decode("utf-8", "replace"))
            except requests.exceptions.RequestException as error:
                raise self._lost(operation, f"{type(error).__name__}: {error}") from None
        expected: tuple[type, ...] = (dict, list, type(None))
        if operation.startswith(("get_", "list_")):
            expected = (str,) if operation == "get_namespace" else (dict, list)
        if not isinstance(data, expected):
            shown = data if isinstance(data, str) else json.dumps(data)
            raise self._lost(operation, f"the answer cannot be read: {shown[:80]!r}")
        return data

    def _refused(self, operation: str, error: Any) -> ServiceCallError:
        status, code, message = error.status, str(error.code or ""), str(error.message or "")
        if error.original_request is None and status < 429:
            # The signer's own request for a token: what it was answered says nothing about our resource.
            status, code, message = 401, "", f"The signer got no token: {status} {code}: {message}"
        return error_class(status, code, message)(
            operation=operation,
            key=self.key,
            status=status,
            code=code,
            service_message=message,
            opc_request_id=str(error.request_id or ""),
            retry_after_seconds=_seconds((error.headers or {}).get("retry-after")),
        )

    def _lost(self, operation: str, message: str) -> ServiceCallError:
        return ConnectionLost(operation=operation, key=self.key, service_message=message)


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and value.isdecimal() else None


def _told(error: Exception) -> str:
    """Return what happened, without the SDK's wrapping and the page of advice that it appends."""
    from urllib3.exceptions import MaxRetryError

    cause = next((one for one in error.args if isinstance(one, Exception)), error)
    said = cause.args[0] if cause.args else ""
    tried = cause.__context__
    if isinstance(tried, MaxRetryError):
        said = f"{tried.pool.host}:{tried.pool.port}: {_CONNECTION.sub('', str(tried.reason))}"
    return f"{type(cause).__name__}: {said}"


def _unsent() -> tuple[type[Exception], ...]:
    """Return what the SDK raises where it sends nothing: it refuses an argument, or its signer gets no token.

    Source: oci.auth.federation_client, oci.auth.certificate_retriever and oci.base_client; the breaker is that of
    token requests, which a signer made by the user may have.
    """
    import jwt
    from circuitbreaker import CircuitBreakerError
    from oci.auth.certificate_retriever import InvalidCertificateFromInstanceMetadataError
    from oci.exceptions import ClientError

    return (
        ClientError,
        ValueError,
        RuntimeError,
        jwt.PyJWTError,
        InvalidCertificateFromInstanceMetadataError,
        CircuitBreakerError,
    )
