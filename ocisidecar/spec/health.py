"""Health checks of containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from attrs import field, frozen

from ocisidecar.spec.converters import as_tuple, same, text_map
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import PORT, at_least, matches, validated

FailureAction = Literal["KILL", "NONE"]


@frozen(repr=False)
class HealthCheck(ShortRepr):
    """A check of one container: use `http` or `tcp`.

    OCI connects to the container's port from outside it, so the program must listen on 0.0.0.0.  By default what
    starts quickly is known to be healthy after 2 s, and what starts slowly has 32 s before it is killed.

    Attributes:
        port: TCP port.
        path: of an HTTP check: path of the URL; status 200 to 399 passes.
        headers: of an HTTP check: request headers.
        name: shown with the check's status.
        initial_delay_in_seconds: from the container's start to the first check.
        interval_in_seconds: between two checks.
        timeout_in_seconds: after which a check has failed.
        failure_threshold: consecutive failures that make the container unhealthy.
        success_threshold: consecutive successes that make it healthy again.
        failure_action: `KILL` ends the unhealthy container, and the restart policy decides what follows; `NONE`
            only reports.

    Source: oci.container_instances.models.CreateContainerHttpHealthCheckDetails and
    CreateContainerTcpHealthCheckDetails.  The service's own defaults and upper bounds are UNCONFIRMED: every value
    is therefore always sent, and no upper bound is enforced.
    """

    port: int = field(metadata=validated(PORT))
    kind: Literal["http", "tcp"] = field(kw_only=True)
    path: str | None = field(
        default=None, kw_only=True, metadata=validated(matches(r"/[^\s#]*", "an URL path that starts with '/'"))
    )
    headers: Mapping[str, str] = field(factory=dict, kw_only=True, converter=text_map)
    name: str | None = field(default=None, kw_only=True)
    initial_delay_in_seconds: int = field(default=2, kw_only=True, metadata=validated(at_least(0, unit="s")))
    interval_in_seconds: int = field(default=10, kw_only=True, metadata=validated(at_least(1, unit="s")))
    timeout_in_seconds: int = field(default=5, kw_only=True, metadata=validated(at_least(1, unit="s")))
    failure_threshold: int = field(default=4, kw_only=True, metadata=validated(at_least(1)))
    success_threshold: int = field(default=1, kw_only=True, metadata=validated(at_least(1)))
    failure_action: FailureAction = field(default="KILL", kw_only=True)

    @classmethod
    def http(
        cls,
        port: int,
        *,
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
        initial_delay_in_seconds: int = 2,
        interval_in_seconds: int = 10,
        timeout_in_seconds: int = 5,
        failure_threshold: int = 4,
        success_threshold: int = 1,
        failure_action: FailureAction = "KILL",
    ) -> HealthCheck:
        """Check that a GET of `path` is answered with success."""
        return cls(
            port,
            kind="http",
            path=path,
            headers=headers or {},
            name=name,
            initial_delay_in_seconds=initial_delay_in_seconds,
            interval_in_seconds=interval_in_seconds,
            timeout_in_seconds=timeout_in_seconds,
            failure_threshold=failure_threshold,
            success_threshold=success_threshold,
            failure_action=failure_action,
        )

    @classmethod
    def tcp(
        cls,
        port: int,
        *,
        name: str | None = None,
        initial_delay_in_seconds: int = 2,
        interval_in_seconds: int = 10,
        timeout_in_seconds: int = 5,
        failure_threshold: int = 4,
        success_threshold: int = 1,
        failure_action: FailureAction = "KILL",
    ) -> HealthCheck:
        """Check that a connection is accepted."""
        return cls(
            port,
            kind="tcp",
            name=name,
            initial_delay_in_seconds=initial_delay_in_seconds,
            interval_in_seconds=interval_in_seconds,
            timeout_in_seconds=timeout_in_seconds,
            failure_threshold=failure_threshold,
            success_threshold=success_threshold,
            failure_action=failure_action,
        )


def as_health_checks(value: Iterable[HealthCheck]) -> tuple[HealthCheck, ...]:
    """Normalise health checks."""
    return as_tuple(value, same)
