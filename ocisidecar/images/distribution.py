"""A registry's own HTTP protocol, as far as login and manifests: the engine's API offers neither.

Source: OCI Distribution Specification 1.1; the token flow is Docker's "Token Authentication Specification".
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from attrs import define, field, frozen

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.errors import ImageError, LoginFailed

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
_LONGEST_SECONDS: Final = 60.0
_FIRST_WAIT_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 8.0
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


@frozen(kw_only=True)
class Manifest:
    """What a registry keeps under a tag or digest, byte for byte."""

    media_type: str
    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest under which it can always be had."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    def descriptors(self, platform: str) -> list[dict[str, object]]:
        """Return how a list refers to it; a list refers to its entries for `platform` instead."""
        if self.media_type in {DOCKER_LIST, OCI_INDEX}:
            return [one for one in json.loads(self.content)["manifests"] if _platform_of(one) == platform]
        system, _, architecture = platform.partition("/")
        return [
            {
                "mediaType": self.media_type,
                "size": len(self.content),
                "digest": self.digest,
                "platform": {"os": system, "architecture": architecture},
            }
        ]


def _platform_of(descriptor: Mapping[str, Any]) -> str:
    platform = descriptor.get("platform", {})
    return f"{platform.get('os')}/{platform.get('architecture')}"


def manifest_list(variants: Sequence[tuple[str, Manifest]]) -> Manifest:
    """Return the list of one image's variants, given as platform and manifest; in OCI's form where all are."""
    descriptors = [one for platform, manifest in variants for one in manifest.descriptors(platform)]
    is_oci = all(one["mediaType"] == OCI_MANIFEST for one in descriptors)
    media_type = OCI_INDEX if is_oci else DOCKER_LIST
    content = {"schemaVersion": 2, "mediaType": media_type, "manifests": descriptors}
    return Manifest(media_type=media_type, content=json.dumps(content, indent=2).encode())


@define
class Distribution:
    """One registry, for one user.  Not thread-safe; close it after use.

    Args:
        host: of the registry, with a port where it is not 443; on this machine's loopback it is spoken to by HTTP,
            as engines do.
        username: for the registry.
        password: for the registry.
        clock: waits between attempts.
    """

    host: str
    username: str
    password: str = field(repr=False)
    clock: Clock = field(factory=SystemClock)
    _http: requests.Session = field(init=False, repr=False)

    @_http.default
    def _new_session(self) -> requests.Session:
        import requests

        return requests.Session()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(self) -> None:
        """Ask whether user and password are right.

        Raises:
            LoginFailed: they are not.
            ImageError: the registry cannot be asked.
        """
        self._call("GET", "", scope="")

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return what the registry keeps under a tag or digest.

        Raises:
            LoginFailed: this user may not.
            ImageError: it is not there, or the registry cannot be asked.
        """
        path = f"{repository}/manifests/{reference}"
        answer = self._call("GET", path, scope=f"repository:{repository}:pull", headers={"Accept": _ACCEPTED})
        media_type = answer.headers["Content-Type"].partition(";")[0]
        return Manifest(media_type=media_type, content=answer.content)

    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None:
        """Keep a manifest under a tag; what it refers to must be there.

        Raises:
            LoginFailed: this user may not.
            ImageError: the registry refuses it, or cannot be asked.
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
        answer = self._send(method, url, authorization=None, headers=headers, body=body)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            authorization = self._authorize(answer.headers.get("WWW-Authenticate", ""), scope)
            answer = self._send(method, url, authorization=authorization, headers=headers, body=body)
        return self._succeeded(answer, f"{method} {url}")

    def _authorize(self, challenge: str, scope: str) -> str:
        """Answer a challenge: with user and password, or with a token that the place it names gives for them."""
        basic = b64encode(f"{self.username}:{self.password}".encode()).decode()
        if not challenge.lower().startswith("bearer "):
            return f"Basic {basic}"
        named = dict(_PARAMETER.findall(challenge))
        realm = named.get("realm", "")
        if urlsplit(realm).scheme != "https" and not is_loopback(urlsplit(realm).netloc):
            raise ImageError(f"{self.host} wants the password sent to {realm!r}, without encryption: not sent.")
        wanted = {"service": named.get("service", ""), "scope": scope}
        url = f"{realm}?{urlencode({name: value for name, value in wanted.items() if value})}"
        answer = self._succeeded(self._send("GET", url, authorization=f"Basic {basic}"), f"GET {url}")
        token = _token(answer)
        if not token:
            raise ImageError(f"GET {url}: the response contains no token.")
        return f"Bearer {token}"

    def _succeeded(self, answer: requests.Response, tried: str) -> requests.Response:
        said = f"{tried} as {self.username!r}: {answer.status_code} {_words(answer)}"
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise LoginFailed(
                f"{said}.  Check user name (in OCIR `<namespace>/<user>`) and password (in OCIR an auth token of "
                "this user), and that a policy lets the user manage repos."
            )
        if not answer.ok:
            raise ImageError(f"{said}.")
        return answer

    def _send(
        self,
        method: str,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> requests.Response:
        """Send, and send again while the failure is one that passes."""
        import requests

        given = {**(headers or {}), **({} if authorization is None else {"Authorization": authorization})}

        def attempt() -> requests.Response:
            # An `auth` of its own, even without effect, keeps requests from taking one out of ~/.netrc.
            return self._http.request(
                method, url, headers=given, data=body, timeout=_TIMEOUT_SECONDS, auth=lambda request: request
            )

        passing = (requests.exceptions.ConnectionError, requests.exceptions.Timeout)
        repeat = repeating(
            self.clock,
            is_passing=lambda error: isinstance(error, passing),
            is_unfinished=lambda answer: answer.status_code in _PASSING,
        )
        try:
            answer: requests.Response = repeat(attempt)
        except requests.exceptions.RequestException as error:
            raise ImageError(f"{method} {url}: no answer: {_cause(error)}.  Check host, network, proxy.") from error
        return answer


def repeating(
    clock: Clock,
    *,
    is_passing: Callable[[BaseException], bool],
    is_unfinished: Callable[[Any], bool] = lambda _: False,
) -> tenacity.Retrying:
    """Return what calls again while the error or the result asks for it: five times, and not after a minute."""
    import tenacity

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_passing) | tenacity.retry_if_result(is_unfinished),
        stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_after_delay(_LONGEST_SECONDS),
        wait=tenacity.wait_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS),
        sleep=clock.sleep,
        retry_error_callback=_last_outcome,
    )


def is_loopback(host: str) -> bool:
    """Return whether a host, with or without a port, is this machine's own."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _token(answer: requests.Response) -> str:
    try:
        given = answer.json()
    except ValueError:
        return ""
    return str(given.get("token") or given.get("access_token") or "") if isinstance(given, dict) else ""


def _cause(error: Exception) -> str:
    """Return what happened, without the wrapping of the layers that it came through."""
    inner = error.args[0] if error.args else error
    return str(getattr(inner, "reason", inner))


def _last_outcome(state: Any) -> Any:
    return state.outcome.result()


def _scheme(host: str) -> str:
    return "http" if is_loopback(host) else "https"


def _words(answer: requests.Response) -> str:
    try:
        errors = answer.json()["errors"]
        return "; ".join(f"{one['code']}: {one['message']}" for one in errors)
    except (ValueError, LookupError, TypeError):
        return " ".join(answer.text.split())[:200] or "(no text)"
