"""Subscriptions that nobody has confirmed, so that they get no messages yet."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.subscription import PENDING, confirmation


def read_unconfirmed(reader: DeploymentReader) -> Mapping[str, str]:
    """Return the keys of a deployment's subscriptions that wait → what has to be done; takes one list."""
    lives = KINDS["subscription"].observe(reader.caller, reader.site)
    return {
        str(live.key): confirmation(live.body)
        for live in sorted(lives, key=lambda live: live.key)
        if live.deployment == reader.site.identity.name and live.state == PENDING
    }
