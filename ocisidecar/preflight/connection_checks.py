"""Checks of the connection: who calls, the clock, the region and the compartment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

from attrs import frozen

from ocisidecar.client.session import Caller
from ocisidecar.credentials import Credentials
from ocisidecar.errors import ConfigError, DockerUnavailable, NotAuthorizedOrNotFound, ServiceCallError
from ocisidecar.plan.planner import check_compartment
from ocisidecar.preflight.context import Context, failed, passed, unknown, warned
from ocisidecar.resources.rights import domains_statement, regions_statement
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.state.identity import Identity
from ocisidecar.verify.report import Check
from ocisidecar.wire import Json, objects, text

NO_CREDENTIALS = "nothing can be read until the credentials work"

_IDENTITY = "identity.IdentityClient"
_MAX_SKEW = timedelta(minutes=5)
_SKEW_TO_REVIEW = timedelta(minutes=1)
"""OCI refuses requests that are signed more than five minutes off.  Source: Oracle, "Request Signatures"."""


@frozen
class FirstAnswer:
    """The service's answer to a first request, for the tenancy's region subscriptions.

    Attributes:
        before, after: the clock's time when it was sent, and when it was answered.
        served: its Date header; empty where nothing answered.
        subscriptions: the answer; None where it was refused.
        error: why it was refused.
    """

    before: float
    after: float
    served: str
    subscriptions: Json = None
    error: ServiceCallError | None = None


def ask_first(caller: Caller, tenancy_id: str) -> FirstAnswer:
    """Send one request and return its answer, whatever it is."""
    before = caller.clock.time()
    try:
        answer = caller.call(_IDENTITY, "list_region_subscriptions", tenancy_id)
    except ServiceCallError as error:
        return FirstAnswer(before, caller.clock.time(), error.served, error=error)
    return FirstAnswer(before, caller.clock.time(), answer.headers.get("date", ""), answer.data)


def check_credentials(answer: FirstAnswer, credentials: Credentials) -> Check:
    """Return whether OCI accepts the signature; a refusal for lack of rights shows that it does."""
    who = credentials.describe_caller()
    if answer.error is None or isinstance(answer.error, NotAuthorizedOrNotFound):
        return passed("credentials", credentials.source, f"{who}, from {credentials.source}")
    error = answer.error
    refusal = f"{error.status} {error.code}: {error.service_message}" if error.status else error.service_message
    return failed("credentials", credentials.source, f"{who}: {refusal}", error.advice)


def check_clock(answer: FirstAnswer) -> Check:
    """Return how far this machine's clock is from the service's, which has whole seconds."""
    try:
        served = parsedate_to_datetime(answer.served).timestamp()
    except (ValueError, TypeError):
        return unknown("clock", "clock", "no response with a date arrived")
    ahead = max(0.0, answer.before - (served + 1)) - max(0.0, served - answer.after)
    words = "behind" if ahead < 0 else "ahead of"
    detail = f"{abs(ahead):.0f} s {words} that of OCI" if round(ahead) else "agrees with that of OCI"
    remedy = "set this machine's clock, e.g. by NTP: OCI refuses requests that are 5 minutes off"
    if abs(ahead) >= _MAX_SKEW.total_seconds():
        return failed("clock", "clock", detail, remedy)
    if abs(ahead) >= _SKEW_TO_REVIEW.total_seconds():
        return warned("clock", "clock", detail, remedy)
    return passed("clock", "clock", detail)


def check_region(answer: FirstAnswer, identity: Identity) -> Check:
    """Return whether the tenancy is subscribed to the region."""
    region = identity.region
    if answer.error is not None and not isinstance(answer.error, NotAuthorizedOrNotFound):
        return unknown("region", region, NO_CREDENTIALS)
    if answer.error is not None:
        return unknown(
            "region",
            region,
            f"whether the tenancy is subscribed to {region} is not visible to the caller",
            regions_statement(identity),
        )
    listed = {text(one, "regionName"): bool(one.get("isHomeRegion")) for one in objects(answer.subscriptions)}
    if region not in listed:
        near = did_you_mean(region, listed)
        return failed(
            "region",
            region,
            f"the tenancy is not subscribed to {region}{near}",
            f"use one of {', '.join(sorted(listed))}, or subscribe to it in the console",
        )
    home = next((name for name, is_home in listed.items() if is_home), "")
    return passed("region", region, f"{region}{', the home region' if home == region else f'; home is {home}'}")


def compartment_checks(context: Context) -> Iterator[Check]:
    """The compartment exists and is ACTIVE."""
    identity = context.site.identity
    compartment_id = identity.compartment_id
    try:
        check_compartment(compartment_id, identity.tenancy_id)
    except ConfigError as error:
        yield failed("compartment", compartment_id, str(error), _by_name(context))
        return
    try:
        body = context.caller.call(_IDENTITY, "get_compartment", compartment_id).body
    except NotAuthorizedOrNotFound:
        yield _invisible_compartment(context)
        return
    name, state = text(body, "name"), text(body, "lifecycleState")
    if state == "ACTIVE":
        yield passed("compartment", compartment_id, f"{name} is ACTIVE")
    else:
        yield failed("compartment", compartment_id, f"{name} is {state}", "use a compartment that is ACTIVE")


def _invisible_compartment(context: Context) -> Check:
    """Return what a refused GET means: the availability domains are listed for compartments that exist."""
    identity = context.site.identity
    if context.region.availability_domains:
        return passed("compartment", identity.compartment_id, "exists; its name and state are not visible")
    return failed(
        "compartment",
        identity.compartment_id,
        f"{identity.compartment_id} is not visible to the caller: it does not exist, or a right is missing",
        domains_statement(identity),
    )


def _by_name(context: Context) -> str:
    """Return a remedy with the OCIDs of the compartments that have the name that was given."""
    identity = context.site.identity
    try:
        found = [
            f"{text(one, 'id')} ({text(one, 'lifecycleState')})"
            for one in context.caller.pages(
                _IDENTITY,
                "list_compartments",
                identity.tenancy_id,
                name=identity.compartment_id,
                compartment_id_in_subtree=True,
                access_level="ACCESSIBLE",
            )
        ]
    except ServiceCallError:
        found = []
    return f"of this name is {', '.join(found)}" if found else "give the OCID of the compartment"


def domain_checks(context: Context) -> Iterator[Check]:
    """The region's availability domains are visible."""
    domains = context.region.availability_domains
    if domains:
        yield passed("availability-domains", context.site.identity.region, ", ".join(domains))
    else:
        yield failed(
            "availability-domains",
            context.site.identity.region,
            "not visible to the caller",
            domains_statement(context.site.identity),
        )


def engine_checks(context: Context) -> Iterator[Check]:
    """The Docker engine of the emulator responds."""
    if not context.on_docker:
        return
    from ocisidecar.engine import Engine

    try:
        Engine.connect().close()
    except DockerUnavailable as error:
        yield failed("engine", "docker", str(error))
    else:
        yield passed("engine", "docker", "responds")
