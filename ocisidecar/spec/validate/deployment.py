"""Validation of a deployment: names, networks, logs, alarms and tags fit together."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from ocisidecar.spec import limits
from ocisidecar.spec.deployment import DeploymentSpec
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.internet import as_block, public_addresses
from ocisidecar.spec.logs import LoggingSpec
from ocisidecar.spec.named_items import repeated
from ocisidecar.spec.network import NetworkSpec
from ocisidecar.spec.ready_alarms import INSTANCES, unsent
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.spec.validate.egress import egress_problems
from ocisidecar.spec.validate.fields import VCN, Problem
from ocisidecar.spec.validate.paths import below, containers_of
from ocisidecar.wire import Key, Ref

_RESERVED = "ocisidecar-"
_FREE_TAGS = limits.FREEFORM_TAGS - limits.OWN_TAGS


def deployment_problems(spec: DeploymentSpec, audience: Audience) -> Iterator[Problem]:
    """Yield what does not fit between the parts of a deployment."""
    names = {
        "instances": [one.name for one in spec.instances],
        "alarms": [one.name for one in spec.effective_alarms],
        "repositories": [one.name for one in spec.repositories],
    }
    for field, given in names.items():
        for name in repeated(given):
            yield f'{field}["{name}"].name', "duplicate name: names must be unique"
    for name in repeated(topic.name for topic in spec.topics):
        yield "alarms", f"two different topics have the name {name!r}: make them equal, or rename one"
    yield from below("network", _network(spec.effective_network, sum(one.replicas for one in spec.instances)))
    yield from _sharing(spec, audience)
    yield from _given_twice(spec)
    for alarm in spec.effective_alarms:
        if INSTANCES in alarm.query and not spec.instances:
            yield (
                f'alarms["{alarm.name}"].query',
                f"{INSTANCES} stands for the instances, but the deployment has none",
            )
    yield from _unsent(spec, audience)
    yield from below("freeform_tags", _tags(spec.freeform_tags, _FREE_TAGS))


def _unsent(spec: DeploymentSpec, audience: Audience) -> Iterator[Problem]:
    """Refuse ready alarms on metrics that nothing in the deployment sends: they would never fire."""
    for alarm in spec.effective_alarms:
        if alarm.measured_by is not None and (spec.instances or INSTANCES not in alarm.query):
            reason = unsent(alarm.query, alarm.measured_by, alarm.namespace, spec.instances, audience)
            if reason is not None:
                yield f'alarms["{alarm.name}"]', reason


def membership_problems(instance: InstanceSpec, spec: DeploymentSpec, audience: Audience) -> Iterator[Problem]:
    """Yield what does not fit between an instance and its deployment, with paths below the instance."""
    yield from _address(instance, spec.effective_network, audience)
    yield from _references(instance, spec, audience)
    yield from _rules(instance, spec.effective_network)
    yield from _anonymous(instance, spec.effective_network)
    yield from egress_problems(instance, spec.effective_network, audience)
    yield from below("freeform_tags", _tags({**spec.freeform_tags, **instance.freeform_tags}, _FREE_TAGS))
    yield from below("vnic_freeform_tags", _tags(instance.vnic_freeform_tags, limits.FREEFORM_TAGS))


def _rules(instance: InstanceSpec, network: NetworkSpec) -> Iterator[Problem]:
    """Demand that ports and egress fit into one network security group."""
    incoming = sum(len(set(port.sources)) for port in instance.ports)
    outgoing = 1 + sum(len(rule.spans) for rule in (instance.egress.rules if instance.egress is not None else ()))
    if network.kind != "existing" and incoming + outgoing > limits.RULES_PER_GROUP:
        message = f"a network security group holds {limits.RULES_PER_GROUP} rules, and a port takes one for each"
        total = f"source: {incoming} beside {outgoing} outgoing"
        yield "ports", f"{message} {total}. Give wider ranges, or open fewer ports"


def _anonymous(instance: InstanceSpec, network: NetworkSpec) -> Iterator[Problem]:
    """Refuse sources outside the VCN for a Grafana that lets everyone view."""
    variables = [one.environment_variables for one in instance.sidecars]
    served = {
        str(one.get("GF_SERVER_HTTP_PORT", "3000"))
        for one in variables
        if one.get("GF_AUTH_ANONYMOUS_ENABLED") == "true"
    }
    for number, port in enumerate(instance.ports):
        outside = [source for source in port.sources if not _is_in_vcn(source, network)]
        if str(port.port) in served and outside:
            who = f"only the VCN may reach it, and not {', '.join(outside)}"
            remedy = "give admin_password, or leave these sources out"
            yield f"ports[{number}].sources", f"everyone may view the Grafana at {port.port}, so {who}: {remedy}"


def _is_in_vcn(source: str, network: NetworkSpec) -> bool:
    block, vcn = as_block(source), _block(network.cidr_block)
    if block is None:
        return source == VCN
    if network.kind in {"private", "public"}:
        return vcn is not None and isinstance(block, ipaddress.IPv4Network) and block.subnet_of(vcn)
    return public_addresses([block], block.version) == 0


def _tags(tags: Mapping[str, str], most: int) -> Iterator[Problem]:
    if len(tags) > most:
        used = f", {limits.OWN_TAGS} of which are used by this library" if most < limits.FREEFORM_TAGS else ""
        yield "", f"OCI allows {limits.FREEFORM_TAGS} free-form tags on a resource{used}, got {len(tags)}"
    for name in tags:
        if name.startswith(_RESERVED):
            yield "", f"tags that start with {_RESERVED!r} are reserved for this library, got {name!r}"


def _network(network: NetworkSpec, addresses: int) -> Iterator[Problem]:
    vcn, subnet = _block(network.cidr_block), _block(network.subnet_block)
    if network.kind not in {"private", "public"} or not vcn or not subnet:
        return
    if not subnet.subnet_of(vcn):
        yield "subnet_cidr_block", f"{subnet} must lie within cidr_block {vcn}"
    free = subnet.num_addresses - limits.ADDRESSES_KEPT_PER_SUBNET
    if addresses > free:
        yield "subnet_cidr_block", f"{subnet} has {free} addresses for {addresses} container instances"


def _sharing(spec: DeploymentSpec, audience: Audience) -> Iterator[Problem]:
    shared = {
        "network": spec.effective_network.name,
        "access": spec.effective_access.name,
        "logging": spec.logging.name if spec.logging else None,
    }
    for field, name in shared.items():
        if name == spec.name:
            given = audience.words(python=f".of({name!r})", file=f"{{of: {name}}}")
            yield field, f"{given} names this deployment itself: name the deployment that has the {field}"


def _given_twice(spec: DeploymentSpec) -> Iterator[Problem]:
    """Demand that instances, which share a subnet, have different addresses and host names."""
    for field in ("private_ip", "hostname_label"):
        owners: dict[str, str] = {}
        for instance in spec.instances:
            value = str(getattr(instance, field) or "").lower()
            owner = owners.setdefault(value, instance.name)
            if value and owner != instance.name:
                message = f"{value} is that of the instance {owner!r} already, and both are in one subnet"
                yield f'instances["{instance.name}"].{field}', message


def _address(instance: InstanceSpec, network: NetworkSpec, audience: Audience) -> Iterator[Problem]:
    is_made = network.kind in {"private", "public"}
    for field in ("private_ip", "hostname_label"):
        if getattr(instance, field) is not None and instance.replicas > 1:
            yield field, f"can belong to one instance only, and there are {instance.replicas} replicas"
    if instance.hostname_label is not None and is_made and network.dns_label is None:
        example = audience.words(
            python="NetworkSpec.private(dns_label='web')", file="network: {private: {dns_label: web}}"
        )
        yield "hostname_label", f"needs a network with dns_label, e.g. {example}"
    subnet, address = _block(network.subnet_block), _block(instance.private_ip or "")
    if is_made and subnet and address and not address.subnet_of(subnet):
        yield "private_ip", f"must lie in the subnet {subnet}, got {instance.private_ip}"


def _block(text: str) -> ipaddress.IPv4Network | None:
    """Return the network or single address, or None for what its own rule has refused."""
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        return None


def _references(instance: InstanceSpec, spec: DeploymentSpec, audience: Audience) -> Iterator[Problem]:
    logging = spec.logging or LoggingSpec.deployment()
    for path, container in containers_of(instance):
        for variable, value in container.environment_variables.items():
            if isinstance(value, Ref):
                place = below(f'environment_variables["{variable}"]', _reference(value, logging, audience))
                yield from below(path, place)


def _reference(ref: Ref, logging: LoggingSpec, audience: Audience) -> Iterator[Problem]:
    if ref != Ref(Key("log", ref.key.name)):
        example = audience.words(python="Ref(Key('log', 'app'))", file="{ref: log/app}")
        yield "", f"must refer to a log of the deployment, e.g. {example}, got {ref.key}"
    elif logging.kind == "none":
        none = audience.words(python="LoggingSpec.none()", file="logging: none")
        yield "", f"refers to the log {ref.key.name!r}, but the deployment has {none}"
    elif ref.key.name not in logging.log_names and logging.log_id is None:
        known = f"; the deployment's log_names are: {', '.join(logging.log_names)}"
        yield "", f"there is no log {ref.key.name!r}{did_you_mean(ref.key.name, logging.log_names) or known}"
