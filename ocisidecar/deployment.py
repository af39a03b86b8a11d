"""A deployment as it exists: found by name, without a spec."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, overload

from attrs import field, frozen

from ocisidecar.errors import ConfigError, SpecError, SpecProblem
from ocisidecar.plan.plan import Action
from ocisidecar.state.identity import Identity
from ocisidecar.timestamps import Since, start_of
from ocisidecar.tracebacks import without_locals_in_errors

if TYPE_CHECKING:
    from ocisidecar.cancel import Cancel
    from ocisidecar.events import Handler
    from ocisidecar.observe.instances import Instance
    from ocisidecar.observe.log_lines import LogLine
    from ocisidecar.observe.metrics import MetricNames, Metrics
    from ocisidecar.observe.snapshot import DeploymentReader
    from ocisidecar.spec import DeploymentSpec, InstanceSpec
    from ocisidecar.verify.findings import Diagnosis
    from ocisidecar.verify.report import Report

_LAST_HOUR = timedelta(hours=1)


class Connection(Protocol):
    """What a deployment needs of the provisioner that it came from."""

    def get(self, name: str, *, cancel: Cancel | None = None) -> Deployment:
        """Return a deployment by name, as it is now; raises DeploymentNotFound."""

    def reader(self, name: str, *, cancel: Cancel | None = None) -> DeploymentReader:
        """Return the reader of a deployment's resources."""

    def base_url(self, instance: Instance, port: int) -> str | None:
        """Return the base URL of an instance's port, or None."""

    def change_power(
        self,
        name: str,
        action: Action,
        *,
        instance: str | None = None,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment:
        """Start, stop or restart a deployment's instances and wait until they are."""


@without_locals_in_errors
@frozen
class Deployment:
    """What exists of a deployment.  Equal when identity and resources are; pickles without its connection.

    Works without a spec: everything is found by the tags.  Methods that talk to OCI block, may be called by several
    threads, and raise `ServiceCallError` when OCI refuses, `Cancelled` when their `cancel` is set, and
    `ConfigError` when the deployment came from another process or its provisioner is closed.

    Attributes:
        identity: tenancy, region, compartment and name.
        resources: key → OCID, e.g. `{"vcn/main": "ocid1.vcn..."}`.
    """

    identity: Identity
    resources: Mapping[str, str]
    _connection: Connection | None = field(default=None, eq=False, repr=False)

    @property
    def name(self) -> str:
        """The deployment's name."""
        return self.identity.name

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """The container instances with their containers, read once, when first accessed; `refresh()` reads again.

        Takes two lists and a request for each container; none when the deployment holds no instance.
        """
        from ocisidecar.observe.instances import read_instances

        if not any(key.startswith("container-instance/") for key in self.resources):
            return ()
        return read_instances(self._connected.reader(self.name))

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Addresses, URLs and the console's, read once: `web-0.private_ip`, `web-0.url.80`, `console`.

        A URL leads to a port that the deployment opens; whether it can be reached depends on where this runs.
        """
        from ocisidecar.observe.outputs import read_outputs

        found = {}
        if self.instances:
            connection = self._connected
            found = read_outputs(connection.reader(self.name), self.resources, self.instances, connection.base_url)
        return {**found, "console": self.console_url}

    @cached_property
    def unconfirmed_subscriptions(self) -> Mapping[str, str]:
        """The keys of subscriptions that get no messages yet → what has to be done, read once.

        Takes a list; none when the deployment has no subscription.
        """
        from ocisidecar.observe.unconfirmed import read_unconfirmed

        if not any(key.startswith("subscription/") for key in self.resources):
            return {}
        return read_unconfirmed(self._connected.reader(self.name))

    @property
    def console_url(self) -> str:
        """Where the console of the region's realm lists its container instances.  UNCONFIRMED: not documented."""
        from ocisidecar.credentials import console_origin

        origin = console_origin(self.identity.region, self.identity.tenancy_id)
        return f"{origin}/compute/container-instances?region={self.identity.region}"

    def refresh(self, *, cancel: Cancel | None = None) -> Deployment:
        """Return the deployment as it is now.

        Raises:
            DeploymentNotFound: nothing of it exists any more.
        """
        return self._connected.get(self.name, cancel=cancel)

    def verify(
        self,
        spec: DeploymentSpec | InstanceSpec | None = None,
        *,
        max_restarts: int = 0,
        health_timeout_seconds: float = 60.0,
        telemetry: bool = True,
        read_only: bool = False,
        telemetry_timeout_seconds: float = 420.0,
        cancel: Cancel | None = None,
    ) -> Report:
        """Check that everything exists and works, and return the result of each check.

        Changes no resource.  To prove that metrics and log lines arrive it sends some, with the rights of the
        caller: an entry to each log, a datapoint to each metric namespace (`ocisidecar` without a management
        agent), and a few GETs to the app's HTTP health check, one of them with the parameter `ocisidecar-nonce`.
        A log with an entry keeps its log group from being destroyed without `purge=True`.  A check that cannot be
        made from here is skipped with the reason: the instance cannot be reached, a right is missing, or the
        containers are simulated.

        Args:
            spec: if given, everything is compared with it, and its sidecars that are not essential only warn.
            max_restarts: restarts allowed per container.
            health_timeout_seconds: how long to wait for health checks without a verdict; 0 does not wait.
            telemetry: whether to check metrics and log lines; False queries the control plane only.
            read_only: send nothing; what only a sent entry or datapoint can prove is skipped.
            telemetry_timeout_seconds: how long to wait until what was sent is found.  OCI Logging has been seen to
                take 2 to 4 minutes.
            cancel: stops the checks.
        """
        from ocisidecar.verify.verify import VerifyOptions, verify

        return verify(
            self._connected.reader(self.name, cancel=cancel),
            self.resources,
            spec,
            resolve_url=self._connected.base_url,
            options=VerifyOptions(
                max_restarts=max_restarts,
                health_timeout_seconds=health_timeout_seconds,
                telemetry=telemetry,
                read_only=read_only,
                telemetry_timeout_seconds=telemetry_timeout_seconds,
            ),
        )

    def diagnose(self, *, cancel: Cancel | None = None) -> Diagnosis:
        """Return the problems with evidence and remedy, the most likely cause first; only reads."""
        from ocisidecar.verify.diagnose import diagnose

        return diagnose(self._connected.reader(self.name, cancel=cancel), self.resources)

    def logs(
        self,
        container: str | None = None,
        *,
        instance: str | None = None,
        follow: bool = False,
        since: Since | None = None,
        tail: int | None = None,
        previous: bool = False,
        cancel: Cancel | None = None,
    ) -> Iterator[LogLine]:
        """Return the lines that the containers wrote, merged in the order of time.

        OCI provides at most the newest 256 KB of a container's current run.  For a container that has exited its
        previous run is read; if OCI refuses that too, a line of the stream `note` says so.

        Args:
            container: only the containers of this name.
            instance: only this instance, e.g. `web-0`.
            follow: continue until all containers have exited, with a poll every 2 s.  No line comes twice, and a
                `note` says where lines are missing because more than 256 KB were written between two polls.
            since: only lines from this time on; lines without a time are always included.
            tail: of the lines that exist at first, only so many of the last of each container.
            previous: the run before the current one; not together with `follow`.
            cancel: stops following, with `Cancelled`.

        Raises:
            SpecError: there is no such container or instance, or the arguments contradict each other.
        """
        from ocisidecar.observe.container_logs import follow_logs, read_logs
        from ocisidecar.observe.instances import containers_named

        faults = []
        if follow and previous:
            faults.append(SpecProblem("previous", "an earlier run cannot be followed"))
        if tail is not None and tail < 0:
            faults.append(SpecProblem("tail", f"must be 0 lines or more, got {tail}"))
        if faults:
            raise SpecError(faults)
        reader = self._connected.reader(self.name, cancel=cancel)
        start = None if since is None else start_of(since, reader.caller.clock)
        chosen = containers_named(self.instances, container, instance)
        if follow:
            return follow_logs(reader, chosen, since=start, tail=tail)
        return read_logs(reader, chosen, since=start, tail=tail, previous=previous)

    @overload
    def metrics(
        self,
        query: None = None,
        *,
        namespace: str | None = None,
        resource_group: str | None = None,
        cancel: Cancel | None = None,
    ) -> MetricNames: ...
    @overload
    def metrics(
        self,
        query: str,
        *,
        namespace: str | None = None,
        since: Since = _LAST_HOUR,
        statistic: str | None = None,
        resolution: str | None = None,
        resource_group: str | None = None,
        cancel: Cancel | None = None,
    ) -> Metrics: ...
    def metrics(
        self,
        query: str | None = None,
        *,
        namespace: str | None = None,
        since: Since = _LAST_HOUR,
        statistic: str | None = None,
        resolution: str | None = None,
        resource_group: str | None = None,
        cancel: Cancel | None = None,
    ) -> Metrics | MetricNames:
        """Return the datapoints of a metric until now, with their chart; without a name, the names.

        A name takes one query, after one list for each namespace where sidecars send it.

        Args:
            query: a name such as `cpu` or `container_cpu`, or of a metric that the sidecars send; or a query in
                Monitoring's language, e.g. `CpuUtilization[1m]{resourceDisplayName =~ "$instances"}.mean()`, where
                `$instances` stands for the deployment's instances, as in an `AlarmSpec`.
            namespace: in which to look for a metric with the dimension `deployment`, in place of the service's
                and the sidecars' own; of a query, by default the service's.
            since: the beginning, at most 90 days ago.
            statistic: of each interval of a named metric: mean, max, min, sum, count, rate, increment, p50, p90,
                p95 or p99; by default what the metric is best shown with.
            resolution: distance between two datapoints, e.g. `5m`; by default what a chart can show, and of a
                query what OCI takes.
            resource_group: of the metric; None means those without one.
            cancel: cancels the calls.

        Raises:
            SpecError: there is no such metric, or OCI would not answer with so much.
        """
        from ocisidecar.observe.metric_names import MetricReader

        reader = self._connected.reader(self.name, cancel=cancel)
        metrics = MetricReader(
            reader=reader, read_instances=lambda: self.instances, namespace=namespace, resource_group=resource_group
        )
        if query is None:
            return metrics.names()
        return metrics.read(query, since=since, statistic=statistic, resolution=resolution)

    def promql(
        self,
        query: str,
        *,
        since: Since = _LAST_HOUR,
        resolution: str | None = None,
        spec: DeploymentSpec | InstanceSpec | None = None,
        cancel: Cancel | None = None,
    ) -> Metrics:
        """Return what the Prometheus of each instance answers, asked directly, as `verify()` does.

        Args:
            query: in PromQL, e.g. `rate(http_requests_total[5m])`.
            since: the beginning.
            resolution: distance between two datapoints, e.g. `15s`; by default what a chart can show.
            spec: where Prometheus is protected: names a user for Grafana and the certificate.
            cancel: cancels the calls.

        Raises:
            SpecError: Prometheus refuses the query.
            ConfigError: no Prometheus can be reached from here; the reason of each instance is in it.
        """
        from ocisidecar.verify.prometheus_query import PrometheusReader

        reader = self._connected.reader(self.name, cancel=cancel)
        prometheus = PrometheusReader(reader, self.resources, self._connected.base_url, spec)
        return prometheus.read(query, since=since, resolution=resolution)

    def start(
        self, *, instance: str | None = None, on_event: Handler | None = None, cancel: Cancel | None = None
    ) -> Deployment:
        """Start what is stopped, and return when it runs; `instance` names one of several.

        Raises:
            PlanError: there is no such instance.
            ApplyFailed: an instance did not reach the state; `.causes` holds the reasons.
        """
        return self._connected.change_power(
            self.name, Action.START, instance=instance, on_event=on_event, cancel=cancel
        )

    def stop(
        self, *, instance: str | None = None, on_event: Handler | None = None, cancel: Cancel | None = None
    ) -> Deployment:
        """Stop what runs, and return when it is stopped; what was in memory and in ephemeral volumes is lost.

        A stopped instance costs nothing but counts against the limits.  Applying its spec starts it again.
        Raises as `start` does.

        Source: Oracle documentation, "Stopping and Starting a Container Instance".
        """
        return self._connected.change_power(
            self.name, Action.STOP, instance=instance, on_event=on_event, cancel=cancel
        )

    def restart(
        self, *, instance: str | None = None, on_event: Handler | None = None, cancel: Cancel | None = None
    ) -> Deployment:
        """Restart what runs and start what is stopped, all at once, and return when it runs.

        What was in memory and in ephemeral volumes is lost.  Raises as `start` does.
        """
        return self._connected.change_power(
            self.name, Action.RESTART, instance=instance, on_event=on_event, cancel=cancel
        )

    def to_dict(self) -> dict[str, object]:
        """Return identity, resources, instances, outputs and what waits as plain data; reads all that."""
        return {
            "deployment": self.name,
            "region": self.identity.region,
            "compartment_id": self.identity.compartment_id,
            "resources": dict(self.resources),
            "instances": [instance.to_dict() for instance in self.instances],
            "outputs": dict(self.outputs),
            "unconfirmed_subscriptions": dict(self.unconfirmed_subscriptions),
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        from ocisidecar.views import deployment_text

        return deployment_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import deployment_html

        return deployment_html(self)

    @property
    def _connected(self) -> Connection:
        if self._connection is None:
            raise ConfigError(f"{self.name} has no connection here: get it with provisioner.get({self.name!r})")
        return self._connection

    def __getstate__(self) -> tuple[Identity, Mapping[str, str]]:
        return self.identity, self.resources

    def __setstate__(self, state: tuple[Identity, Mapping[str, str]]) -> None:
        identity, resources = state
        object.__setattr__(self, "identity", identity)
        object.__setattr__(self, "resources", resources)
        object.__setattr__(self, "_connection", None)
