"""Log group and logs.  Their creates answer without a body: only the work request contains the new OCID.

Source: oci.logging.LoggingManagementClient (API 20200531).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from ocisidecar.client.session import Caller
from ocisidecar.errors import NotAuthorizedOrNotFound, PlanError, ServiceCallError
from ocisidecar.resources.capabilities import HasWorkRequests, KeepsData
from ocisidecar.resources.kind import Site
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live
from ocisidecar.wire import Body, Json, Key, Ref, text

_GROUP = "logGroupId"
SEARCH_SPAN = timedelta(days=14)
"""UNCONFIRMED: the longest span that one log search accepts."""
_LONGEST_RETENTION = timedelta(days=180)
_HIDDEN_SECONDS = 300.0
"""How long a search may not find a line.  Source: live measurements of 2 to 4 minutes (jetuse, tips.md)."""


class LogGroup(HasWorkRequests, KeepsData):
    """A container of logs.  API: logging/20200531, LogGroup."""

    name = "log-group"
    heading = "Logging"
    purpose = "holds the logs"
    client = "logging.LoggingManagementClient"
    noun = "log_group"
    has_unique_name = True
    resource_types = ("logging-family",)
    mutable = frozenset({"displayName", "description"})
    hidden_seconds = _HIDDEN_SECONDS

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield one group, if the deployment creates its logs."""
        if spec.effective_logging.kind == "deployment":
            body: dict[str, Body] = {
                "compartmentId": site.identity.compartment_id,
                "displayName": f"ocisidecar-{site.display_name()}",
                "description": f"Logs of the deployment {site.identity.name}",
            }
            yield self.desired("main", body)

    def describe_data(self, caller: Caller, live: Live) -> str:
        """Return whether its logs contain lines, or may contain some that cannot be searched."""
        return _lines_in(caller, live.id, live)


class Log(HasWorkRequests, KeepsData):
    """A custom log.  API: logging/20200531, Log."""

    name = "log"
    heading = "Logging"
    purpose = "keeps log lines and makes them searchable"
    is_shared = True
    client = "logging.LoggingManagementClient"
    noun = "log"
    has_unique_name = True
    resource_types = ("logging-family",)
    needs = ("log-group",)
    parent = "log-group"
    parent_field = _GROUP
    hidden_seconds = _HIDDEN_SECONDS
    mutable = frozenset({"displayName", "isEnabled", "retentionDuration"})
    repeated = mutable

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield the logs that the deployment creates, in its own group or in an existing one."""
        logging = spec.effective_logging
        group: str | Ref | None = (
            Ref(Key("log-group", "main")) if logging.kind == "deployment" else logging.log_group_id
        )
        for name in logging.log_names if logging.kind in {"deployment", "existing"} and group else ():
            body: dict[str, Body] = {
                _GROUP: group,
                "displayName": name,
                "logType": "CUSTOM",
                "isEnabled": True,
                "retentionDuration": logging.retention_duration_in_days,
            }
            yield self.desired(name, body)

    def entries(self, caller: Caller, site: Site, parent_id: str = "") -> Iterator[Mapping[str, Json]]:
        """Yield a group's logs; a group that was deleted meanwhile has none."""
        try:
            yield from list(super().entries(caller, site, parent_id))
        except NotAuthorizedOrNotFound:
            if LogGroup().read(caller, site, parent_id) is not None:
                raise

    def read_for_adoption(self, caller: Caller, site: Site, key: Key, live_id: str) -> Live:
        """Return a log that is not ours yet; all groups are searched, because a log can only be read in its group.

        Raises:
            PlanError: no group of the compartment contains it.
        """
        for group in caller.pages(self.client, "list_log_groups", site.identity.compartment_id):
            answer = self.read(caller, site, live_id, text(group, "id"))
            if answer is not None:
                return self.as_key(key, site.identity.name, answer.body)
        raise PlanError(f"{key} cannot be taken over: no log group of the compartment holds {live_id}.")

    def describe_data(self, caller: Caller, live: Live) -> str:
        """Return whether it contains lines, or may contain some that cannot be searched."""
        return _lines_in(caller, f"{text(live.body, _GROUP)}/{live.id}", live)


def _lines_in(caller: Caller, path: str, live: Live) -> str:
    """Search the time since the resource was created, in spans that the service accepts, newest first."""
    compartment = text(live.body, "compartmentId")
    now = datetime.fromtimestamp(caller.clock.time(), UTC)
    made = datetime.fromisoformat(live.time_created) if live.time_created else now - _LONGEST_RETENTION
    end = now + timedelta(minutes=1)
    while end > max(made, now - _LONGEST_RETENTION):
        query = {
            "timeStart": _rfc3339(end - SEARCH_SPAN),
            "timeEnd": _rfc3339(end),
            "searchQuery": f'search "{compartment}/{path}" | limit 1',
        }
        try:
            answer = caller.call("loggingsearch.LogSearchClient", "search_logs", query, limit=1)
        except ServiceCallError as error:
            return f"may hold log lines: they cannot be searched ({error.status} {error.code})"
        if answer.body.get("results"):
            return "holds log lines"
        end -= SEARCH_SPAN
    return ""


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
