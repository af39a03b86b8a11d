"""Check before an apply what can be known by reading; see `Provisioner.preflight`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from attrs import frozen

from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Caller
from ocisidecar.errors import Cancelled, ConfigError, OciSidecarError, ServiceCallError
from ocisidecar.observe.snapshot import DeploymentReader, RegionInfo, site_of
from ocisidecar.plan.build import desire
from ocisidecar.plan.planner import Planner, check_compartment
from ocisidecar.plan.rights import rights_for
from ocisidecar.preflight.connection_checks import (
    NO_CREDENTIALS,
    ask_first,
    check_clock,
    check_credentials,
    check_region,
    compartment_checks,
    domain_checks,
    engine_checks,
)
from ocisidecar.preflight.context import Context, failed, unknown
from ocisidecar.preflight.limits import limit_checks
from ocisidecar.preflight.spec_checks import (
    image_checks,
    reference_checks,
    rights_checks,
    secret_checks,
    shape_checks,
)
from ocisidecar.spec import DeploymentSpec, InstanceSpec, SidecarSpec, VolumeSpec, as_deployment
from ocisidecar.state.identity import Identity
from ocisidecar.verify.report import Check, Preflight, Status


@frozen
class _Group:
    """The checks of one name.

    Attributes:
        name: of the checks.
        run: makes them.
        needs_spec: whether they check nothing without a spec.
    """

    name: str
    run: Callable[[Context], Iterator[Check]]
    needs_spec: bool = False


_GROUPS = (
    _Group("compartment", compartment_checks),
    _Group("availability-domains", domain_checks),
    _Group("rights", rights_checks),
    _Group("references", reference_checks, needs_spec=True),
    _Group("shapes", shape_checks, needs_spec=True),
    _Group("limits", limit_checks, needs_spec=True),
    _Group("images", image_checks, needs_spec=True),
    _Group("secrets", secret_checks, needs_spec=True),
    _Group("engine", engine_checks),
)
"""In the order of the report, after credentials, clock and region."""


def preflight(
    planner: Planner,
    what: DeploymentSpec | InstanceSpec | None,
    *,
    on_docker: bool,
    cancel: Cancel,
) -> Preflight:
    """Return the results of all checks; reads only.

    Args:
        planner: of the provisioner.
        what: what is to be deployed; None checks for an ordinary deployment.
        on_docker: whether containers run on a Docker engine.
        cancel: cancels the call.

    Raises:
        SpecError: the spec is invalid.
    """
    spec = None if what is None else as_deployment(what)
    if spec is not None:
        planner.check_alone(spec)
    wanted = spec or _ordinary()
    caller = planner.session.caller(cancel)
    credentials = planner.session.credentials
    answer = ask_first(caller, credentials.tenancy_id)
    identity = planner.identity(wanted.name)
    checks = [check_credentials(answer, credentials), check_clock(answer), check_region(answer, identity)]
    obstacle, runnable = _obstacle(checks, identity)
    region = _no_facts(identity.region) if obstacle else _region(planner, caller)
    site = site_of(identity, region, planner.image_prefix)
    context = Context(
        caller=caller,
        site=site,
        region=region,
        place=planner.place,
        spec=wanted,
        has_spec=spec is not None,
        desired=desire(wanted, site),
        on_docker=on_docker,
    )
    groups = [group for group in _GROUPS if spec is not None or not group.needs_spec]
    calls = [partial(_run, group, context, obstacle if group.name not in runnable else "") for group in groups]
    found = DeploymentReader(caller, site, planner.pool).call_all(calls)
    checks += [check for results in found for check in results]
    return Preflight("" if spec is None else spec.name, tuple(checks), rights_for(context.desired, identity))


def _obstacle(checks: Sequence[Check], identity: Identity) -> tuple[str, frozenset[str]]:
    """Return why most checks can find nothing, or an empty text, and the names of those that can."""
    bad = {check.name for check in checks if check.status is Status.FAILED}
    if "credentials" in bad:
        return NO_CREDENTIALS, frozenset({"engine"})
    if "region" in bad:
        return "nothing can be read in a region without a subscription", frozenset({"engine"})
    try:
        check_compartment(identity.compartment_id, identity.tenancy_id)
    except ConfigError:
        return "nothing can be read until the compartment is known", frozenset({"compartment", "engine"})
    return "", frozenset()


def _run(group: _Group, context: Context, obstacle: str) -> tuple[Check, ...]:
    """Return the results of one group, with the error that ended it: none hides the others."""
    if obstacle:
        return (unknown(group.name, group.name, obstacle),)
    found: list[Check] = []
    try:
        for check in group.run(context):
            found.append(check)  # noqa: PERF402 - what was found before an error stays
    except Cancelled:
        raise
    except OciSidecarError as error:
        found.append(failed(group.name, group.name, str(error)))
    return tuple(found)


def _region(planner: Planner, caller: Caller) -> RegionInfo:
    """Return the facts about the region, or none of them: the checks report what could not be read."""
    try:
        return planner.region(caller)
    except (ConfigError, ServiceCallError):
        return _no_facts(planner.session.credentials.region)


def _no_facts(region: str) -> RegionInfo:
    return RegionInfo(region, (), "", "")


def _ordinary() -> DeploymentSpec:
    """Return a deployment as most are: its own network, an app with a log forwarder, logs, group and policy."""
    web = InstanceSpec("app", image_url="docker.io/library/nginx:stable")
    logs = web.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    return DeploymentSpec("app", [logs.with_sidecar(SidecarSpec.log_forwarder())])
