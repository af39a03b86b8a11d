"""Client of a registry's HTTP API, for login and manifests, which the engine's API lacks.

Source: OCI Distribution Specification 1.1; the token flow is Docker's "Token Authentication Specification".
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit

from attrs import define, field, frozen

from ocisidecar.client.retry_after import retry_after_seconds
from ocisidecar.clock import Clock, SystemClock
from ocisidecar.errors import ImageError, LoginFailed
from ocisidecar.loopback import is_loopback
from ocisidecar.spec.secret_texts import masked

if TYPE_CHECKING:
    import requests
    import tenacity

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"

_ACCEPTED: Final = f"{DOCKER_MANIFEST}, {DOCKER_LIST}, {OCI_MANIFEST}, {OCI_INDEX}"
_TIMEOUT_SECONDS: Final = (10, 60)
_ATTEMPTS: Final = 5
_MAX_SECONDS: Final = 60.0
_MAX_BODY_BYTES: Final = 8 * 2**20
_FIRST_WAIT_SECONDS: Final = 0.5
_MAX_WAIT_SECONDS: Final = 8.0
_RETRYABLE: Final = frozenset({429, 500, 502, 503, 504})
_SHOWN_CHARACTERS: Final = 400
_DESCRIPTOR: Final[Mapping[str, type]] = {"mediaType": str, "digest": str, "size": int}
"""What each entry of a list of images has.  Source: OCI Image Specification, "OCI Content Descriptors"."""
_TOKEN: Final = re.compile(r"[!-~]+")
"""What a header can hold."""
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


@frozen(kw_only=True)
class Manifest:
    """A manifest or list of manifests, byte for byte."""

    media_type: str
    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest of the content."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    def descriptors(self, platform: str) -> list[dict[str, object]]:
        """Return its entry in a list; of a list, the entries for `platform`.

        Raises:
            ImageError: it is a list without the entries that one has.
        """
        if self.media_type in {DOCKER_LIST, OCI_INDEX}:
            return [one for one in self._listed() if _platform_of(one) == platform]
        system, _, architecture = platform.partition("/")
        return [
            {
                "mediaType": self.media_type,
                "size": len(self.content),
                "digest": self.digest,
                "platform": {"os": system, "architecture": architecture},
            }
        ]

    def _listed(self) -> list[dict[str, object]]:
        document = _document(self.content)
        entries = document.get("manifests") if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(map(_is_descriptor, entries)):
            raise ImageError(f"{self.digest} is malformed: its type is {self.media_type}, but it lists no images.")
        return entries


def _is_descriptor(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(name), kind) for name, kind in _DESCRIPTOR.items())


def _platform_of(descriptor: Mapping[str, Any]) -> str:
    platform = descriptor.get("platform")
    named = platform if isinstance(platform, dict) else {}
    return f"{named.get('os')}/{named.get('architecture')}"


def manifest_list(variants: Sequence[tuple[str, Manifest]]) -> Manifest:
    """Return a list of (platform, manifest) pairs; an OCI index if all are OCI manifests, else Docker's list."""
    descriptors = [one for platform, manifest in variants for one in manifest.descriptors(platform)]
    is_oci = all(one["mediaType"] == OCI_MANIFEST for one in descriptors)
    media_type = OCI_INDEX if is_oci else DOCKER_LIST
    content = {"schemaVersion": 2, "mediaType": media_type, "manifests": descriptors}
    return Manifest(media_type=media_type, content=json.dumps(content, indent=2).encode())


@define
class RegistryClient:
    """A registry, as one user.  Not thread-safe; close it after use.

    Args:
        host: of the registry, with a port where it is not 443; on loopback the protocol is HTTP, as with
            engines.
        username: for the registry.
        password: for the registry.
        clock: waits between attempts.
    """

    host: str
    username: str
    password: str = field(repr=False)
    clock: Clock = field(factory=SystemClock)
    _tokens: set[str] = field(factory=set, init=False, repr=False)
    _http: requests.Session = field(init=False, repr=False)

    @_http.default
    def _new_session(self) -> requests.Session:
        import requests

        session = requests.Session()
        session.trust_env = not is_loopback(self.host)  # loopback traffic goes through no proxy
        # Although redirects are not followed, requests would parse their targets, and raise what it raises then.
        session.get_redirect_target = lambda _: None  # type: ignore[method-assign, assignment]
        return session

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(self) -> None:
        """Check user name and password.

        Raises:
            LoginFailed: they are wrong.
            ImageError: the registry does not respond.
        """
        self._call("GET", "", scope="")

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return the manifest under a tag or digest.

        Raises:
            LoginFailed: the user may not read it.
            ImageError: it does not exist, or the registry does not respond.
        """
        path = f"{repository}/manifests/{reference}"
        response = self._call("GET", path, scope=f"repository:{repository}:pull", headers={"Accept": _ACCEPTED})
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        return Manifest(media_type=media_type, content=response.content)

    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None:
        """Store a manifest under a tag; what it refers to must exist.

        Raises:
            LoginFailed: the user may not write it.
            ImageError: the registry refuses it, or does not respond.
        """
        self._call(
            "PUT",
            f"{repository}/manifests/{tag}",
            scope=f"repository:{repository}:pull,push",
            headers={"Content-Type": manifest.media_type},
            body=manifest.content,
        )

    def _call(
        self, method: str, path: str, *, scope: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> requests.Response:
        url = f"{_scheme(self.host)}://{self.host}/v2/{path}"
        response = self._send(method, url, authorization=None, headers=headers, body=body)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            authorization = self._authorize(response.headers.get("WWW-Authenticate", ""), scope)
            response = self._send(method, url, authorization=authorization, headers=headers, body=body)
        return self._checked(response, f"{method} {url}")

    @property
    def _basic(self) -> str:
        return b64encode(f"{self.username}:{self.password}".encode()).decode()

    def without_secrets(self, text: str) -> str:
        """Return a registry's words without our password and tokens, which some registries echo."""
        own = {self._basic, self.password, quote(self.password, safe=""), *self._tokens} - {""}
        for secret in sorted(own, key=len, reverse=True):
            text = text.replace(secret, "…")
        return masked(text)

    def _authorize(self, challenge: str, scope: str) -> str:
        """Return the header for a challenge: user and password, or a token that its realm issues for them."""
        basic = self._basic
        if not challenge.lower().startswith("bearer "):
            return f"Basic {basic}"
        parameters = dict(_PARAMETER.findall(challenge))
        realm = parameters.get("realm", "")
        parts = _realm_parts(realm)
        is_near = parts.scheme == "http" and is_loopback(parts.netloc) and is_loopback(self.host)
        if parts.scheme != "https" and not is_near:
            shown = self.without_secrets(repr(realm))
            raise ImageError(f"{self.host} requests the password at {shown}, which is not encrypted: not sent.")
        query = {"service": parameters.get("service", ""), "scope": scope}
        more = urlencode({name: value for name, value in query.items() if value})
        url = urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, more))), fragment=""))
        request = self.without_secrets(f"GET {url}")
        response = self._checked(self._send("GET", url, authorization=f"Basic {basic}"), request)
        token = _token(response)
        if not token:
            raise ImageError(f"{request}: the response contains no token.")
        self._tokens.add(token)
        return f"Bearer {token}"

    def _checked(self, response: requests.Response, request: str) -> requests.Response:
        said = self.without_secrets(_error_text(response))[:_SHOWN_CHARACTERS]
        failure = f"{request} as {self.username!r}: {response.status_code} {said}"
        if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise LoginFailed(
                f"{failure}.  Check user name (in OCIR `<namespace>/<user>`) and password (in OCIR an auth token "
                "of this user), and that a policy lets the user manage repos."
            )
        if HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST:
            to = self.without_secrets(repr(response.headers.get("Location", "")))
            raise ImageError(f"{request}: redirected to {to}, which is not followed: name the registry itself.")
        if not response.ok:
            raise ImageError(f"{failure}.")
        return response

    def _send(
        self,
        method: str,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> requests.Response:
        """Send a request, and retry it on failures that are likely to pass."""
        import requests

        options: dict[str, Any] = {"timeout": _TIMEOUT_SECONDS, "allow_redirects": False, "stream": True}
        sent = {**(headers or {}), **({} if authorization is None else {"Authorization": authorization})}

        def attempt() -> requests.Response:
            # Any `auth`, even one without effect, keeps requests from using credentials of ~/.netrc.  Redirects are
            # not followed: their target would get body and credentials, and registries redirect blobs only.
            return _read(
                self._http.request(method, url, headers=sent, data=body, auth=lambda request: request, **options)
            )

        retryable = (requests.exceptions.ConnectionError, requests.exceptions.Timeout)
        retry = retrying(
            self.clock,
            is_retryable=lambda error: isinstance(error, retryable),
            is_retryable_response=lambda response: response.status_code in _RETRYABLE,
        )
        try:
            response: requests.Response = retry(attempt)
        except requests.exceptions.RequestException as error:
            why = f"no response: {_cause(error)}.  Check host, network and proxy."
            raise ImageError(self.without_secrets(f"{method} {url}: {why}")) from None  # which may hold secrets
        return response


def retrying(
    clock: Clock,
    *,
    is_retryable: Callable[[BaseException], bool],
    is_retryable_response: Callable[[Any], bool] = lambda _: False,
) -> tenacity.Retrying:
    """Return a tenacity retrier: at most five attempts within a minute."""
    import tenacity

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_retryable) | tenacity.retry_if_result(is_retryable_response),
        stop=partial(_is_over, clock, clock.time()),
        wait=partial(_seconds_to_wait, clock),
        sleep=clock.sleep,
        retry_error_callback=_last_outcome,
    )


def _is_over(clock: Clock, began: float, state: tenacity.RetryCallState) -> bool:
    return state.attempt_number >= _ATTEMPTS or clock.time() + _seconds_to_wait(clock, state) > began + _MAX_SECONDS


def _seconds_to_wait(clock: Clock, state: tenacity.RetryCallState) -> float:
    """Return the wait that the registry asks for, and at least that of the attempt."""
    own: float = min(_FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1), _MAX_WAIT_SECONDS)
    response = None if state.outcome is None or state.outcome.failed else state.outcome.result()
    asked = retry_after_seconds(str(getattr(response, "headers", {}).get("Retry-After", "")), clock)
    return max(own, asked or 0.0)


def _realm_parts(realm: str) -> SplitResult:
    try:
        return urlsplit(realm)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _read(response: requests.Response) -> requests.Response:
    """Read a response's body, at most `_MAX_BODY_BYTES` of it.

    Raises:
        ImageError: it is longer.
    """
    content = b""
    for chunk in response.iter_content(1 << 16):
        content += chunk
        if len(content) > _MAX_BODY_BYTES:
            response.close()
            raise ImageError(f"the response of {response.url} is longer than {_MAX_BODY_BYTES // 2**20} MB.")
    response._content = content  # noqa: SLF001 where requests itself keeps it
    return response


def _document(content: bytes) -> Any:
    """Return what a body holds as JSON; None where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _token(response: requests.Response) -> str:
    """Return the token in a response; empty where there is none that a header can hold."""
    body = _document(response.content)
    token = (body.get("token") or body.get("access_token")) if isinstance(body, dict) else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""


def _cause(error: Exception) -> str:
    """Return the innermost cause of a connection error."""
    inner = error.args[0] if error.args else error
    return str(getattr(inner, "reason", inner))


def _last_outcome(state: Any) -> Any:
    return state.outcome.result()


def _scheme(host: str) -> str:
    return "http" if is_loopback(host) else "https"


def _error_text(response: requests.Response) -> str:
    try:
        errors = _document(response.content)["errors"]
        return "; ".join(f"{one['code']}: {one['message']}" for one in errors)
    except (LookupError, TypeError):
        return " ".join(response.content.decode("utf-8", "replace").split()) or "(no text)"
