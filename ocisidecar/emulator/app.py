"""Request handling: what all operations of all services have in common, from signature to response headers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from attrs import frozen
from werkzeug import Request, Response

from ocisidecar.emulator import agent_channel
from ocisidecar.emulator.access import authorise
from ocisidecar.emulator.agent_registry import catch_up
from ocisidecar.emulator.declarations import Call, Operation, Result, Service
from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.faults import Effect, LoseResponse, Refuse
from ocisidecar.emulator.malformed import Malform, malform
from ocisidecar.emulator.regions import REGIONS
from ocisidecar.emulator.router import Match, Router
from ocisidecar.emulator.signature import Principal
from ocisidecar.emulator.state import Cloud
from ocisidecar.emulator.throttle import Throttle
from ocisidecar.emulator.tokens import MAX_LENGTH, RememberedCreate, digest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_CLIENT_REQUEST_ID: Final = 98
MAX_UNAUTHENTICATED: Final = 1000
"""Requests that no key signed and that are recorded; later ones are forgotten, since anybody can send them."""

ANONYMOUS: Final = Principal(id="", tenancy_id="")
"""Whoever visits a URL with a token in its query, such as the one that confirms a subscription."""


@frozen(kw_only=True)
class RecordedRequest:
    """One request that reached the emulator, in the order of arrival.

    Args:
        method: HTTP method.
        path: as sent, without the query.
        query: the query parameters.
        service: the emulator's name of the service, empty when no operation matched.
        operation: the SDK method's name, empty when no operation matched.
        region: the region whose endpoint received the request.
        status: of the response; 0 when the client got none.
        is_write: whether the operation changes anything.
        time: seconds since the epoch on the emulator's clock.
    """

    method: str
    path: str
    query: Mapping[str, str]
    service: str
    operation: str
    region: str
    status: int
    is_write: bool
    time: float


class App:
    """The WSGI application.  Thread-safe: operations run one at a time, under the cloud's lock."""

    def __init__(self, cloud: Cloud, services: Sequence[Service], throttle: Throttle) -> None:
        self.cloud = cloud
        self._router = Router(services)
        self._throttle = throttle
        self._requests: list[RecordedRequest] = []
        self._unauthenticated = 0
        self._lock = threading.Lock()

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """The requests since the start or the last `clear_requests`, in order of arrival."""
        with self._lock:
            return tuple(self._requests)

    def clear_requests(self) -> None:
        """Drop the recorded requests."""
        with self._lock:
            self._requests.clear()
            self._unauthenticated = 0

    def respond(self, request: Request) -> tuple[Response, LoseResponse | None]:
        """Return the response and, when an injected fault says so, how it gets lost on its way."""
        match: Match | None = None
        loss: LoseResponse | None = None
        try:
            path = _raw_path(request)
            if path.startswith(agent_channel.PREFIX):
                response = agent_channel.respond(self.cloud, request)
                self._record(request, None, response.status_code)
                return response, None
            match = self._router.find(request.method, path)
            # Uploads need no signed body; all of them are operations that the emulator does not have.
            principal = ANONYMOUS
            if not _takes_token(request, match):
                principal = self._verify(request, may_stream=match is None)
            if match is None:
                raise self._router.refusal(request.method, path)
            response, loss = self._perform(request, match, principal)
        except ServiceError as error:
            response = _error_response(error)
        except _ResponseLost as lost:
            response, loss = Response(status=500), lost.loss
        self._finish(response, request, match)
        self._record(request, match, 0 if loss is not None else response.status_code)
        return response, loss

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond as a WSGI application; a lost response raises ConnectionResetError."""
        response, loss = self.respond(Request(environ))
        if loss is not None:
            raise ConnectionResetError(f"an injected fault: {loss.manner}")
        return response(environ, start_response)

    def _verify(self, request: Request, *, may_stream: bool) -> Principal:
        target = request.environ.get("RAW_URI") or request.full_path.rstrip("?")
        principal = self.cloud.keys.verify(
            request.method, target, request.headers, request.get_data(), may_stream=may_stream
        )
        if "," in request.headers.get("content-type", ""):
            # Two Content-Type headers: OCI's front end answers 400 without a body.
            raise _EmptyError(400)
        return principal

    def _perform(
        self, request: Request, match: Match, principal: Principal
    ) -> tuple[Response, LoseResponse | None]:
        """Run the operation; returns the response and the injected loss of it, if any."""
        operation, cloud = match.operation, self.cloud
        body = _read_body(request, operation)
        effects = cloud.faults.match_call(operation.service.name, operation.name, body)
        losses = [effect for effect in effects if isinstance(effect, LoseResponse)]
        if (other := _response_instead(effects)) is not None:
            return other, None
        with cloud.lock:
            now = cloud.clock.time()
            catch_up(cloud, now)
            self._throttle.admit(operation.service.name, now)
            call = Call(
                cloud=cloud,
                operation=operation,
                region=match.region,
                principal=principal,
                path=match.path,
                query=request.args,
                headers=request.headers,
                body=body,
                now=now,
                effects=effects,
                alternatives=match.alternatives,
            )
            try:
                if principal is not ANONYMOUS:
                    authorise(call)
                result = _run_once(call)
            except ServiceError:
                if losses:
                    raise _ResponseLost(losses[0]) from None
                raise
        response = _success_response(operation, result)
        for effect in effects:
            if isinstance(effect, Malform):
                malform(response, effect)
        return response, losses[0] if losses else None

    def _finish(self, response: Response, request: Request, match: Match | None) -> None:
        client_id = request.headers.get("opc-request-id", "")[:MAX_CLIENT_REQUEST_ID]
        ids = self.cloud.ids
        response.headers["opc-request-id"] = f"{client_id}/{ids.request_part()}/{ids.request_part()}"
        response.headers["x-content-type-options"] = "nosniff"
        if match is not None:
            response.headers.update(match.operation.service.headers)

    def _record(self, request: Request, match: Match | None, status: int) -> None:
        operation = match.operation if match is not None else None
        recorded = RecordedRequest(
            method=request.method,
            path=request.path,
            query=request.args.to_dict(),
            service=operation.service.name if operation is not None else "",
            operation=operation.name if operation is not None else "",
            region=match.region if match is not None else "",
            status=status,
            is_write=operation.is_write if operation is not None else request.method != "GET",
            time=self.cloud.clock.time(),
        )
        with self._lock:
            self._unauthenticated += status == HTTPStatus.UNAUTHORIZED
            if status != HTTPStatus.UNAUTHORIZED or self._unauthenticated <= MAX_UNAUTHENTICATED:
                self._requests.append(recorded)


class _ResponseLost(Exception):
    """An injected fault loses the response."""

    def __init__(self, loss: LoseResponse) -> None:
        super().__init__()
        self.loss = loss


class _EmptyError(ServiceError):
    """An error response without a body."""

    def __init__(self, status: int) -> None:
        super().__init__("", "", status=status)


def _takes_token(request: Request, match: Match | None) -> bool:
    """Return whether the request is unsigned and needs no signature."""
    return match is not None and not match.operation.is_signed and "authorization" not in request.headers


def _raw_path(request: Request) -> str:
    """Return the path as sent: a slash in a parameter is still encoded."""
    target: str = request.environ.get("RAW_URI", "")
    return target.partition("?")[0] if target.startswith("/") else quote(request.path)


def _response_instead(effects: Sequence[Effect]) -> Response | None:
    """Return what is sent without running the operation, if an effect says so; raises its error or loss."""
    for effect in effects:
        if isinstance(effect, LoseResponse) and not effect.is_committed:
            raise _ResponseLost(effect)
    for effect in effects:
        if isinstance(effect, Refuse):
            raise _injected_error(effect)
    for effect in effects:
        if isinstance(effect, Malform) and not effect.is_committed:
            return malform(Response(), effect)
    return None


def _injected_error(effect: Refuse) -> ServiceError:
    if not effect.has_body:
        return _EmptyError(effect.status)
    headers = {} if effect.retry_after is None else {"retry-after": str(effect.retry_after)}
    return ServiceError(effect.code, effect.message, status=effect.status, headers=headers)


def _read_body(request: Request, operation: Operation) -> Any:
    """Return the validated JSON body; ServiceError 400 when the operation does not accept it."""
    for name in operation.query:
        if not request.args.get(name):
            raise ServiceError("MissingParameter", f"Missing parameter: {name}")
    if operation.details is None:
        return {}
    try:
        value = json.loads(request.get_data() or b"null")
    except ValueError as exc:
        raise ServiceError("CannotParseRequest") from exc
    return operation.details.validate(value)


def _run_once(call: Call) -> Result:
    """Run the operation, or return the first result when its retry token was used before."""
    service = call.operation.service
    if service.is_global and call.operation.is_write:
        _require_home_region(call)
    token = call.headers.get("opc-retry-token") if call.operation.is_create else None
    if token is None:
        return call.operation.handler(call)
    if not 1 <= len(token) <= MAX_LENGTH:
        raise invalid(f"opc-retry-token must have 1 to {MAX_LENGTH} characters")
    key = (service.name, call.operation.name, call.region, call.principal.id, token)
    payload = digest([call.body, dict(call.path)])
    remembered = call.cloud.tokens.recall(key, call.now)
    if remembered is None:
        result = call.operation.handler(call)
        resource = (result.record.kind, result.record.id) if result.record is not None else None
        call.cloud.tokens.remember(key, RememberedCreate(payload, result, resource, call.now))
        return result
    if remembered.payload != payload:
        raise _token_in_use(call, token)
    if remembered.resource is not None and not call.cloud.is_live(*remembered.resource, call.now):
        raise ServiceError("InvalidatedRetryToken")
    original: Result = remembered.result
    return original


def _token_in_use(call: Call, token: str) -> ServiceError:
    code = call.cloud.assumptions.retry_token_mismatch
    owner = f"{call.principal.tenancy_id}|{call.principal.id}~{call.body.get('compartmentId')}~{token}"
    message = f"Token is currently in use for a different request: {owner}" if code == "Conflict" else None
    return ServiceError(code, message, status=409)


def _require_home_region(call: Call) -> None:
    home = REGIONS[call.cloud.home_region]
    if call.region != home.name:
        raise ServiceError(
            "NotAllowed",
            f"Please go to your home region {home.key} to execute CREATE, UPDATE and DELETE operations.",
        )


def _success_response(operation: Operation, result: Result) -> Response:
    status = operation.status if result.status is None else result.status
    response = Response(status=status, headers=dict(result.headers))
    if isinstance(result.body, bytes):
        response.set_data(result.body)
    elif result.body is not None:
        response.set_data(json.dumps(result.body, separators=(",", ":")).encode())
        response.headers["content-type"] = "application/json"
    elif "content-type" not in result.headers:
        del response.headers["content-type"]
    return response


def _error_response(error: ServiceError) -> Response:
    response = Response(status=error.status, headers=error.headers)
    if isinstance(error, _EmptyError):
        del response.headers["content-type"]
    else:
        response.set_data(json.dumps({"code": error.code, "message": error.message}).encode())
        response.headers["content-type"] = "application/json"
    return response
