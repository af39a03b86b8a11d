"""Asking an instance itself over HTTP, where the network lets somebody in: its app, and its Prometheus."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

from attrs import evolve

from ocisidecar.observe.http_get import fetch
from ocisidecar.observe.instances import Instance
from ocisidecar.spec import DeploymentSpec
from ocisidecar.verify.evidence import Front, Target, Targets
from ocisidecar.verify.inspection import Inspection
from ocisidecar.wire import Json, objects, tags_of, text

Reach: TypeAlias = Callable[[Instance, int], str | None]
"""Gives the base URL under which a port of an instance can be tried from here; None when there is no way."""

_REQUESTS = 5
NONCE = "ocisidecar-nonce"
"""Parameter that marks a request, so that its line in the app's log is found again."""
_TRY_INSIDE = "run verify() where the instance can be reached: in its VCN, or through a bastion"


def ask_app(instance: Instance, reach: Reach, open_ports: Collection[int], *, nonce: str) -> Front:
    """Ask the app a few times at the path of its HTTP health check, the first time marked with the nonce."""
    app = instance.containers[0] if instance.containers else None
    check = next((one for one in (app.health_checks if app is not None else ()) if one.path), None)
    if check is None:
        return Front(reason="the app declares no HTTP health check, so nothing says where it answers")
    base, reason = _way(instance, check.port, reach, open_ports)
    if not base:
        return Front(reason=reason)
    path = f"/{check.path.lstrip('/')}"
    marked = f"{path}{'&' if '?' in path else '?'}{NONCE}={nonce}" if nonce else path
    first = fetch(base, marked)
    if not first.status and not first.is_refused:
        return Front(reason=f"{first.trouble}; {_TRY_INSIDE}")
    more = [fetch(base, path) for _ in range(_REQUESTS - 1)] if first.status else []
    front, doubt = Front(url=base + path, replies=(first, *more)), _doubt(instance, base)
    wrong = front.fault
    return Front(reason=f"{wrong}, but {doubt}; {_TRY_INSIDE}") if wrong and doubt else evolve(front, doubt=doubt)


def ask_prometheus(instance: Instance, reach: Reach, open_ports: Collection[int]) -> Targets:
    """Ask the Prometheus beside the app for its targets.

    Source: Prometheus documentation, "HTTP API", Targets.
    """
    port = next(
        (one.telemetry_role.prometheus_port for one in instance.containers if one.telemetry_role.prometheus_port),
        None,
    )
    if port is None:
        return Targets(reason="no Prometheus runs beside the app")
    base, reason = _way(instance, port, reach, open_ports)
    if not base:
        return Targets(reason=reason)
    reply = fetch(base, "/api/v1/targets?state=active")
    if not reply.status and not reply.is_refused:
        return Targets(reason=f"{reply.trouble}; {_TRY_INSIDE}")
    found = _targets(reply.body) if reply.is_good else ()
    doubt, names = _doubt(instance, base), {one.name for one in instance.containers}
    if doubt and not any(target.container in names for target in found):
        return Targets(reason=f"no Prometheus of this instance answered at {base}, but {doubt}; {_TRY_INSIDE}")
    trouble = "" if reply.is_good else reply.trouble or f"it answered with status {reply.status}"
    return Targets(found=found, witness="Prometheus", reason=trouble)


def open_ports(inspection: Inspection, spec: DeploymentSpec | None) -> frozenset[int]:
    """Return the TCP ports that somebody outside of the instances may reach.

    Those that the deployment's network security groups admit, and those that the spec declares: in a network of
    somebody else the groups are theirs.
    """
    rules = [
        rule
        for live in inspection.of_kind("network-security-group")
        for rule in objects(live.body["securityRules"])
    ]
    declared = {
        port.port
        for instance in (spec.instances if spec is not None else ())
        for port in instance.ports
        if port.protocol == "tcp"
    }
    return frozenset(declared.union(*map(_admitted, rules)))


def _admitted(rule: Mapping[str, Json]) -> range:
    """Return the TCP ports that a rule admits."""
    if text(rule, "direction") != "INGRESS" or text(rule, "protocol") not in {"6", "all"}:
        return range(0)
    options = rule.get("tcpOptions")
    span = options.get("destinationPortRange") if isinstance(options, Mapping) else None
    if not isinstance(span, Mapping):
        return range(1, 65536)
    return range(int(text(span, "min")), int(text(span, "max")) + 1)


def _way(instance: Instance, port: int, reach: Reach, open_ports: Collection[int]) -> tuple[str, str]:
    """Return the base URL of a port, or why there is none."""
    if port not in open_ports:
        return "", f"port {port} is open to nobody outside of the instance: declare it in `ports` to have it asked"
    base = reach(instance, port)
    return (base, "") if base else ("", f"no address of the instance is known here; {_TRY_INSIDE}")


def _doubt(instance: Instance, base: str) -> str:
    """Return why what answers there need not be the instance; empty when it is."""
    address = ip_address(urlsplit(base).hostname or "")
    if instance.emulated_address or address.is_loopback or address.is_global:
        return ""
    return f"{address} is a private address, which may be another machine's here"


def _targets(body: bytes) -> tuple[Target, ...]:
    try:
        answer = json.loads(body)
    except ValueError:
        return ()
    data = answer.get("data") if isinstance(answer, Mapping) else None
    active = data.get("activeTargets") if isinstance(data, Mapping) else None
    return tuple(_target(one) for one in objects(active))


def _target(entry: Mapping[str, Json]) -> Target:
    labels, seconds = tags_of(entry.get("labels")), entry.get("lastScrapeDuration")
    return Target(
        job=labels.get("job", ""),
        container=labels.get("container", ""),
        state=text(entry, "health"),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        error=text(entry, "lastError"),
    )
