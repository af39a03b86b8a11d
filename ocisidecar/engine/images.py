"""Images of a pod: found on the engine, or pulled with the image pull secrets of the body."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import docker
from attrs import frozen
from docker.errors import APIError, ImageNotFound
from docker.utils import parse_repository_tag

from ocisidecar.engine.pause import ARCHITECTURES, EMPTYDIR_MODE, image_archive, image_name
from ocisidecar.errors import PodFailed

_DEFAULT_REGISTRY = "docker.io"


@frozen(kw_only=True)
class LocalImage:
    """An image on the engine.

    Attributes:
        id: its id.
        user: its `USER`; empty for root.
    """

    id: str
    user: str


def find(api: docker.APIClient, url: str) -> LocalImage | None:
    """Return the image, or None if it is not on the engine."""
    try:
        found = api.inspect_image(url)
    except ImageNotFound:
        return None
    return LocalImage(id=found["Id"], user=(found.get("Config") or {}).get("User") or "")


def ensure(
    api: docker.APIClient, url: str, *, pull_secrets: Sequence[Mapping[str, Any]], container: str
) -> LocalImage:
    """Return the image, pulled if it is not on the engine; blocks until the pull has finished.

    Args:
        api: the engine.
        url: of the image.
        pull_secrets: CreateImagePullSecretDetails; those of type VAULT are ignored.
        container: name of the container, for the error.

    Raises:
        PodFailed: it is not on the engine and cannot be pulled.
    """
    found = find(api, url)
    if found is None:
        reason = _pull(api, url, credentials_for(url, pull_secrets))
        found = find(api, url)
        if found is None:
            raise PodFailed(
                f"Container {container}: the image {url} is not on the engine and could not be pulled: "
                f"{reason or 'the registry gave no reason'}. Build or pull it, or name another image for it."
            )
    return found


def _pull(api: docker.APIClient, url: str, credentials: Mapping[str, str] | None) -> str | None:
    """Pull an image; returns the engine's message if that fails."""
    repository, tag = parse_repository_tag(url)
    try:
        for event in api.pull(
            repository, tag=tag or "latest", stream=True, decode=True, auth_config=dict(credentials or {}) or None
        ):
            if "error" in event:
                return str(event["error"])
    except APIError as error:
        return error.explanation or str(error)
    return None


def credentials_for(url: str, secrets: Sequence[Mapping[str, Any]]) -> Mapping[str, str] | None:
    """Return user name and password for an image's registry, from the first matching secret of type BASIC."""
    first, slash, _ = url.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    full_url = url if is_host else f"{_DEFAULT_REGISTRY}/{url}"
    for secret in secrets:
        if secret["secretType"] == "BASIC" and f"{full_url}/".startswith(f"{secret['registryEndpoint']}/"):
            return {name: base64.b64decode(secret[name]).decode() for name in ("username", "password")}
    return None


def ensure_pause(api: docker.APIClient, emptydir_mode: int = EMPTYDIR_MODE) -> str:
    """Return the pause image whose empty volumes have these permissions, loaded if it is not on the engine.

    Raises:
        PodFailed: the pause program does not exist for the engine's processors, or the engine rejects the image.
    """
    name = image_name(emptydir_mode)
    if find(api, name) is None:
        architecture = api.version()["Arch"]
        if architecture not in ARCHITECTURES:
            raise PodFailed(f"The engine's architecture is {architecture}; pods need {' or '.join(ARCHITECTURES)}.")
        for event in api.load_image(image_archive(architecture, emptydir_mode)):
            if "error" in event:
                raise PodFailed(f"The engine refused the image {name}: {json.dumps(event['error'])}")
    return name
