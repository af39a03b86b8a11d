"""Log group and logs.  Their creates answer without a body: the new OCID stands in the work request alone.

Source: oci.logging.LoggingManagementClient (API 20200531).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ocisidecar.client.retry import CREATE
from ocisidecar.client.session import Caller, Response
from ocisidecar.errors import NotAuthorizedOrNotFound, PlanError, ServiceCallError
from ocisidecar.resources.kind import Kind, Site, Started
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Body, Json, Key, Ref, text

_GROUP = "logGroupId"
SEARCH_SPAN = timedelta(days=14)
"""UNCONFIRMED: the longest span that one log search accepts."""
_LONGEST_RETENTION = timedelta(days=180)


class LoggingKind(Kind):
    """What log groups and logs have in common: work requests of the logging service."""

    client = "logging.LoggingManagementClient"

    def failure(self, caller: Caller, site: Site, live: Live | None, work_request_id: str) -> tuple[str, ...]:
        """Return the work request's errors."""
        del site, live
        if not work_request_id:
            return ()
        errors = caller.pages(self.client, "list_work_request_errors", work_request_id)
        return tuple(f"{text(error, 'code')}: {text(error, 'message')}" for error in errors)


class LogGroup(LoggingKind):
    """A container of logs.  API: logging/20200531, LogGroup."""

    name = "log-group"
    noun = "log_group"
    mutable = frozenset({"displayName", "description"})
    keeps_data = True

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield one group, if the deployment has logs of its own."""
        if spec.effective_logging.kind == "deployment":
            body: dict[str, Body] = {
                "compartmentId": site.identity.compartment_id,
                "displayName": f"ocisidecar-{site.display_name()}",
                "description": f"Logs of the deployment {site.identity.name}",
            }
            yield self.desired("main", body)

    def holdings(self, caller: Caller, live: Live) -> str:
        """Return whether any line was ever written to its logs, and when in doubt that it may have been."""
        return _lines_in(caller, live.id, live)


class Log(LoggingKind):
    """A custom log.  API: logging/20200531, Log."""

    name = "log"
    noun = "log"
    needs = ("log-group",)
    mutable = frozenset({"displayName", "isEnabled", "retentionDuration"})
    repeated = mutable
    keeps_data = True

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield the logs that the deployment makes, in its own group or in an existing one."""
        del site
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

    def list_live(self, caller: Caller, site: Site, parents: Sequence[Live] = ()) -> tuple[Live, ...]:
        """Return our logs in the given groups."""
        lives = (self.live(entry, site) for group in parents for entry in self._in_group(caller, site, group.id))
        return tuple(live for live in lives if live is not None)

    def _in_group(self, caller: Caller, site: Site, group_id: str) -> list[Mapping[str, Json]]:
        """Return a group's logs; a group that has gone meanwhile has none."""
        try:
            return list(caller.pages(self.client, "list_logs", group_id))
        except NotAuthorizedOrNotFound:
            if LogGroup().read(caller, site, group_id) is not None:
                raise
            return []

    def parents_of(self, lookup: Callable[[Ref], str], want: Desired) -> tuple[Live, ...]:
        """Return the wanted log's group."""
        group = want.body[_GROUP]
        return (_group(lookup(group) if isinstance(group, Ref) else str(group)),)

    def parents_from(self, live: Live | None) -> tuple[Live, ...]:
        """Return the live log's group."""
        return (_group(text(live.body, _GROUP)),) if live is not None else ()

    def create(self, caller: Caller, site: Site, body: Mapping[str, Json], token: str) -> Started:
        """Ask for a log in its group."""
        del site
        plain = {name: value for name, value in body.items() if name != _GROUP}
        answer = caller.call(
            self.client, "create_log", text(body, _GROUP), plain, intent=CREATE, opc_retry_token=token
        )
        return self.started(answer)

    def read(self, caller: Caller, site: Site, live_id: str, parents: Sequence[Live] = ()) -> Response | None:
        """Return the service's answer for one log of the parent group, or None on 404."""
        del site
        try:
            return caller.call(self.client, "get_log", parents[0].id, live_id)
        except NotAuthorizedOrNotFound:
            return None

    def foreign(self, caller: Caller, site: Site, key: Key, live_id: str) -> Live:
        """Return a log that is not ours yet; its group is looked for, since no request finds a log without it.

        Raises:
            PlanError: no group of the compartment holds it.
        """
        for group in caller.pages(self.client, "list_log_groups", site.identity.compartment_id):
            answer = self.read(caller, site, live_id, (_group(text(group, "id")),))
            if answer is not None:
                return self.as_key(key, site.identity.name, answer.body)
        raise PlanError(f"{key} cannot be taken over: no log group of the compartment holds {live_id}.")

    def path_of(self, live: Live) -> tuple[str, ...]:
        """Return the OCIDs of group and log."""
        return (text(live.body, _GROUP), live.id)

    def holdings(self, caller: Caller, live: Live) -> str:
        """Return whether any line was ever written to it."""
        return _lines_in(caller, f"{text(live.body, _GROUP)}/{live.id}", live)


def _group(group_id: str) -> Live:
    return Live(Key("log-group", "main"), "", group_id, "ACTIVE", Phase.READY, {})


def _lines_in(caller: Caller, path: str, live: Live) -> str:
    """Search the whole time since the resource was made, in spans that the service accepts, newest first."""
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
