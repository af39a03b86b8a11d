"""Redis exporter: memory, clients and key spaces of a Redis."""

from __future__ import annotations

import json

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import REDIS_EXPORTER
from ocisidecar.spec.volume import FileContent, StoredContent, VolumeSpec

IMAGE = REDIS_EXPORTER.url
PORT = 9121
_USER = 59000
_SECRETS = "/etc/redis-exporter"


def redis_exporter(
    *,
    image_url: str | None = None,
    address: str = "redis://127.0.0.1:6379",
    user: str | None = None,
    passwords: FileContent | None = None,
    version: str = "1",
) -> SidecarSpec:
    """Return the Redis exporter: for a server in the instance, or one elsewhere, such as a managed cache.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
        address: of the server, without user and password: `redis://host:port`, with TLS `rediss://host:port`.
        user: of Redis' access control list; None means the default user.
        passwords: `{"redis://127.0.0.1:6379": "<password>"}` in JSON, best as `SecretRef`; None means without a
            password.  The key is `address`, with the user in it where there is one: `redis://<user>@127.0.0.1:6379`.
            JSON escapes quotes and backslashes; all other characters stand for themselves.
        version: change it together with `passwords` given literally, which enter no digest.
    """
    arguments = [
        f"--redis.addr={address}",
        f"--web.listen-address=0.0.0.0:{PORT}",
        "--disable-scrape-endpoint",  # it would send the password to any address that a caller names
    ]
    mounts = {}
    problems: tuple[str, ...] = ()
    if user is not None:
        arguments.append(f"--redis.user={user}")
    if passwords is not None:
        arguments.append(f"--redis.password-file={_SECRETS}/passwords.json")
        secret = VolumeSpec.config_file(
            "redis-exporter-secret", {"passwords.json": passwords}, secret_version=version
        )
        mounts[_SECRETS] = secret
        problems = _problems(secret.files["passwords.json"])
    return SidecarSpec(
        "redis-exporter",
        image_url=image_url or IMAGE,
        arguments=arguments,
        mounts=mounts,
        health_checks=(HealthCheck.http(PORT, path="/health"),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_USER),
        problems=problems,
    )


def _problems(passwords: StoredContent) -> tuple[str, ...]:
    """Return what the exporter would refuse at its start; a secret is not known here."""
    if not isinstance(passwords, bytes):
        return ()
    try:
        content = json.loads(passwords)
    except ValueError:
        content = None
    if isinstance(content, dict) and all(isinstance(password, str) for password in content.values()):
        return ()
    return ('passwords must be JSON like {"redis://127.0.0.1:6379": "<password>"}',)
