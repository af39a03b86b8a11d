"""The client for PutLogs.

Source: oci.loggingingestion.LoggingClient.put_logs.  Recorded from the service: a 200 response has an empty body,
although its headers announce gzipped JSON, so only the bodies of errors are parsed.
"""

from __future__ import annotations

from forwarding.client import PushClient
from forwarding.principal import ResourcePrincipal

from log_forwarder.settings import Settings


class LoggingClient(PushClient):
    """Pushes to one log."""

    def __init__(self, settings: Settings, principal: ResourcePrincipal) -> None:
        super().__init__(
            f"{settings.endpoint}/20200831/logs/{settings.log_id}/actions/push",
            principal,
            timeout_seconds=settings.request_timeout_seconds,
            user_agent="ocisidecar-log-forwarder",
        )
