"""The images of a pod: there already, or pulled with the secrets that its body gives."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import docker
from attrs import frozen
from docker.errors import APIError, ImageNotFound
from docker.utils import parse_repository_tag

from ocisidecar.engine.pause import ARCHITECTURES, IMAGE, image_archive
from ocisidecar.errors import PodFailed

_DEFAULT_REGISTRY = "docker.io"


@frozen(kw_only=True)
class LocalImage:
    """An image that the engine has.

    Attributes:
        id: its id.
        user: as whom its program runs, in the image's words; empty for root.
    """

    id: str
    user: str


def find(api: docker.APIClient, url: str) -> LocalImage | None:
    """Return the image if the engine has it."""
    try:
        found = api.inspect_image(url)
    except ImageNotFound:
        return None
    return LocalImage(id=found["Id"], user=(found.get("Config") or {}).get("User") or "")


def ensure(
    api: docker.APIClient, url: str, *, pull_secrets: Sequence[Mapping[str, Any]], container: str
) -> LocalImage:
    """Return the image, pulled if need be; blocks for as long as that takes.

    Args:
        api: the engine.
        url: as the body names it.
        pull_secrets: CreateImagePullSecretDetails; those in a vault are of no use here.
        container: who needs it.

    Raises:
        PodFailed: it is not there and cannot be pulled.
    """
    found = find(api, url)
    if found is None:
        refusal = _pull(api, url, credentials_for(url, pull_secrets))
        found = find(api, url)
        if found is None:
            raise PodFailed(
                f"Container {container}: the image {url} is not on the engine and could not be pulled: "
                f"{refusal or 'the registry gave no reason'}. Build or pull it, or name another image for it."
            )
    return found


def _pull(api: docker.APIClient, url: str, credentials: Mapping[str, str] | None) -> str | None:
    """Pull an image; returns what the engine said where it could not."""
    repository, tag = parse_repository_tag(url)
    try:
        for event in api.pull(
            repository, tag=tag or "latest", stream=True, decode=True, auth_config=dict(credentials or {}) or None
        ):
            if "error" in event:
                return str(event["error"])
    except APIError as refusal:
        return refusal.explanation or str(refusal)
    return None


def credentials_for(url: str, secrets: Sequence[Mapping[str, Any]]) -> Mapping[str, str] | None:
    """Return user name and password for an image's registry, from the first BASIC secret that is for it."""
    first, slash, _ = url.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    full = url if is_host else f"{_DEFAULT_REGISTRY}/{url}"
    for secret in secrets:
        if secret["secretType"] == "BASIC" and f"{full}/".startswith(f"{secret['registryEndpoint']}/"):
            return {name: base64.b64decode(secret[name]).decode() for name in ("username", "password")}
    return None


def ensure_pause(api: docker.APIClient) -> str:
    """Return the pause image, loaded if need be.

    Raises:
        PodFailed: the engine runs on processors that it is not made for.
    """
    if find(api, IMAGE) is None:
        architecture = api.version()["Arch"]
        if architecture not in ARCHITECTURES:
            raise PodFailed(
                f"The engine's processors are {architecture}; pods run on {' and '.join(ARCHITECTURES)}."
            )
        for event in api.load_image(image_archive(architecture)):
            if "error" in event:
                raise PodFailed(f"The engine refused the image {IMAGE}: {json.dumps(event['error'])}")
    return IMAGE
