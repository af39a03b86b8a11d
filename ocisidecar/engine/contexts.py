"""The engine that the `docker` command would use: DOCKER_HOST, a context, or the usual socket.

Source: docker/cli, "cli/command/cli.go" (resolveContextName) and "cli/context/store", whose directories are named
by the SHA-256 of the context's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_DEFAULT: Final = "default"


class ContextUnusable(Exception):
    """A context is named and cannot be used; the message says why."""


def engine_url(environment: Mapping[str, str], default_url: str) -> tuple[str, str]:
    """Return the engine's address, and where it was found.

    Raises:
        ContextUnusable: the current context is not there, or names no engine that can be reached so.
    """
    if environment.get("DOCKER_HOST"):
        return environment["DOCKER_HOST"], "DOCKER_HOST"
    home = environment.get("HOME") or str(Path.home())
    directory = Path(environment.get("DOCKER_CONFIG") or Path(home, ".docker"))
    name = environment.get("DOCKER_CONTEXT") or _read(directory / "config.json").get("currentContext")
    if not isinstance(name, str) or name in {"", _DEFAULT}:
        return default_url, "the default"
    place = directory / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    endpoints = _read(place).get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = docker.get("Host") if isinstance(docker, dict) else None
    if not isinstance(host, str) or not host:
        raise ContextUnusable(
            f"the Docker context {name!r} is not in {directory}: choose one with `docker context use`"
        )
    if (
        host.startswith("ssh://")
        or (docker or {}).get("SkipTLSVerify")
        or (directory / "contexts" / "tls" / place.parent.name).exists()
    ):
        raise ContextUnusable(f"the Docker context {name!r} needs TLS files or SSH: name its engine in DOCKER_HOST")
    return host, f"the Docker context {name!r}"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
