"""HTTP probes of an instance: its app's health path and its Prometheus."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

from attrs import evolve

from ocisidecar.observe.http_get import fetch
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.outputs import admitted_ports, own_group
from ocisidecar.spec import DeploymentSpec
from ocisidecar.verify.evidence import AppProbe, PrometheusTargets, TargetStatus
from ocisidecar.verify.inspection import Inspection
from ocisidecar.verify.prometheus_access import PrometheusAccess
from ocisidecar.wire import Json, objects, tags_of, text

UrlResolver: TypeAlias = Callable[[Instance, int], str | None]
"""Returns the base URL of an instance's port as seen from here; None if the instance has no known address."""

_REQUESTS = 5
NONCE = "ocisidecar-nonce"
"""Query parameter that marks a request, so that its line can be found in the app's log."""
_UNENCRYPTED = "the password of {} would be sent unencrypted to {}: give Prometheus a certificate"
_TRY_INSIDE = "run this where the instance can be reached: in its VCN, or through a bastion"


def probe_app(instance: Instance, resolve_url: UrlResolver, open_ports: Collection[int], *, nonce: str) -> AppProbe:
    """Request the path of the app's HTTP health check a few times, the first time with the nonce as a parameter."""
    app = instance.containers[0] if instance.containers else None
    check = next((one for one in (app.health_checks if app is not None else ()) if one.path), None)
    if check is None:
        return AppProbe(skip_reason="the app declares no HTTP health check, so its path is not known")
    base, reason = _base_url(instance, check.port, resolve_url, open_ports)
    if not base:
        return AppProbe(skip_reason=reason)
    path = f"/{check.path.lstrip('/')}"
    marked = f"{path}{'&' if '?' in path else '?'}{NONCE}={nonce}" if nonce else path
    first = fetch(base, marked)
    if not first.status and not first.is_refused:
        return AppProbe(skip_reason=f"{first.error}; {_TRY_INSIDE}")
    more = [fetch(base, path) for _ in range(_REQUESTS - 1)] if first.status else []
    probe, caveat = AppProbe(url=base + path, responses=(first, *more)), _caveat(instance, base)
    if probe.error and caveat:
        return AppProbe(skip_reason=f"{probe.error}, but {caveat}; {_TRY_INSIDE}")
    return evolve(probe, caveat=caveat)


def probe_prometheus(
    instance: Instance, resolve_url: UrlResolver, open_ports: Collection[int], access: PrometheusAccess
) -> PrometheusTargets:
    """Request the targets of the Prometheus in the instance, with `access`.

    Source: Prometheus documentation, "HTTP API", Targets.
    """
    base, reason = prometheus_url(instance, resolve_url, open_ports, access)
    if not base:
        return PrometheusTargets(reason=reason)
    response = fetch(base, "/api/v1/targets?state=active", headers=access.headers, tls=access.tls)
    if not response.status and not response.is_refused:
        return PrometheusTargets(reason=f"{response.error}; {_TRY_INSIDE}")
    targets = _parse_targets(response.body) if response.is_success else ()
    caveat, names = _caveat(instance, base), {one.name for one in instance.containers}
    if caveat and not any(target.container in names for target in targets):
        reason = f"no Prometheus of this instance answered at {base}, but {caveat}; {_TRY_INSIDE}"
        return PrometheusTargets(reason=reason)
    error = "" if response.is_success else response.error or f"it answered with status {response.status}"
    if access.user and response.status == HTTPStatus.UNAUTHORIZED:
        error += f": it does not take the password of {access.user}; its hash in users may be of another one"
    return PrometheusTargets(targets=targets, reported_by="Prometheus", reason=error)


def prometheus_url(
    instance: Instance, resolve_url: UrlResolver, open_ports: Collection[int], access: PrometheusAccess
) -> tuple[str, str]:
    """Return the base URL of the Prometheus in the instance, or an empty text and why it cannot be read."""
    roles = [one.telemetry_role for one in instance.containers]
    port = next((one.prometheus_port for one in roles if one.prometheus_port is not None), None)
    if port is None:
        return "", "the instance has no Prometheus"
    base, reason = _base_url(instance, port, resolve_url, open_ports)
    if not base:
        return "", reason
    if access.tls is not None:
        base = f"https://{base.partition('://')[2]}"
    elif access.headers and not _is_here(instance, base):
        return "", _UNENCRYPTED.format(access.user, base)
    return ("", access.reason) if access.reason else (base, "")


def instance_url(
    instance: Instance, port: int, resolve_url: UrlResolver, open_ports: Collection[int]
) -> tuple[str, str]:
    """Return the base URL of a port of this instance and no other, or an empty text and the reason."""
    base, reason = _base_url(instance, port, resolve_url, open_ports)
    caveat = _caveat(instance, base) if base else ""
    return ("", f"{caveat}; {_TRY_INSIDE}") if caveat else (base, reason)


def open_ports(inspection: Inspection, spec: DeploymentSpec | None) -> Mapping[str, frozenset[int]]:
    """Return for each instance, by name, the TCP ports that the network lets others reach.

    These are the ports that its network security group admits, and the ports that the spec declares: in an existing
    subnet the security groups are not the deployment's and cannot be read.
    """
    rules = {
        live.id: [*map(admitted_ports, objects(live.body["securityRules"]))]
        for live in inspection.of_kind("network-security-group")
    }
    resources = {str(key): lives[0].id for key, lives in inspection.lives.items()}
    declared = {
        instance.name: {port.port for port in instance.ports if port.protocol == "tcp"}
        for instance in (spec.instances if spec is not None else ())
    }
    return {
        one.name: frozenset(declared.get(one.name.rpartition("-")[0], set())).union(
            *rules.get(own_group(one.name, resources), ())
        )
        for one in inspection.instances
    }


def _base_url(
    instance: Instance, port: int, resolve_url: UrlResolver, open_ports: Collection[int]
) -> tuple[str, str]:
    """Return the base URL of a port, or an empty text and the reason."""
    if port not in open_ports:
        return "", f"the network admits no connection to port {port}: add it to `ports` to have it probed"
    base = resolve_url(instance, port)
    return (base, "") if base else ("", f"the instance has no known address; {_TRY_INSIDE}")


def _caveat(instance: Instance, base: str) -> str:
    """Return why a response from this URL may come from another machine; empty if it cannot."""
    address = ip_address(urlsplit(base).hostname or "")
    if _is_here(instance, base) or address.is_global:
        return ""
    return f"{address} is a private address, which may belong to another machine here"


def _is_here(instance: Instance, base: str) -> bool:
    """Return whether the instance runs on this machine, so that what is sent to it leaves it not."""
    return bool(instance.emulated_address) or ip_address(urlsplit(base).hostname or "").is_loopback


def _parse_targets(body: bytes) -> tuple[TargetStatus, ...]:
    try:
        answer = json.loads(body)
    except ValueError:
        return ()
    data = answer.get("data") if isinstance(answer, Mapping) else None
    active = data.get("activeTargets") if isinstance(data, Mapping) else None
    return tuple(_parse_target(one) for one in objects(active))


def _parse_target(entry: Mapping[str, Json]) -> TargetStatus:
    labels, seconds = tags_of(entry.get("labels")), entry.get("lastScrapeDuration")
    return TargetStatus(
        job=labels.get("job", ""),
        container=labels.get("container", ""),
        state=text(entry, "health"),
        scrape_seconds=float(seconds) if isinstance(seconds, int | float) else None,
        error=text(entry, "lastError"),
    )
