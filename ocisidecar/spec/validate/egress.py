"""Validation of narrowed egress: what an instance's containers, and OCI for them, need to connect to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

from attrs import frozen

from ocisidecar.spec.egress import EgressRule
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.internet import as_block, public_addresses
from ocisidecar.spec.network import NetworkSpec
from ocisidecar.spec.ocir import is_ocir
from ocisidecar.spec.own_images import OWN_IMAGES
from ocisidecar.spec.scrape import PrometheusConfig
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.spec.validate.fields import VCN, Problem

_DOCKER_HUB = "docker.io"
_ON_THE_INTERNET = (
    _DOCKER_HUB,
    "quay.io",
    "ghcr.io",
    "gcr.io",
    "pkg.dev",
    "registry.k8s.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "nvcr.io",
    "registry.gitlab.com",
    "container-registry.oracle.com",
)
"""Registries, and domains of registries, whose addresses are public; of others nothing is known."""
_HTTP, _HTTPS, _DNS = 80, 443, 53
_NFS_PORTS = (111, 2048, 2049, 2050)
"""Source: Oracle, "Configuring VCN Security Rules for File Storage"."""


@frozen
class _Need:
    """A connection that somebody makes.

    Attributes:
        who: makes it, and why, as the beginning of a sentence.
        host: a name or an address; empty for any address on the internet, `*` for one that is not known.
        remedy: another way out; may be empty.
    """

    who: str
    host: str
    port: int
    protocol: str = "tcp"
    remedy: str = ""


def egress_problems(instance: InstanceSpec, network: NetworkSpec, audience: Audience) -> Iterator[Problem]:
    """Yield what the instance's egress does not let out although it is needed, with paths below the instance."""
    if instance.egress is None:
        return
    if network.kind == "existing":
        yield "egress", "cannot be narrowed in an existing subnet, whose lists and groups belong to others"
        return
    needs = chain(
        _of_images(instance), _of_services(instance, network, audience), _of_volumes(instance), _of_names(instance)
    )
    for need in needs:
        if not any(_lets(rule, need, network) for rule in instance.egress.rules):
            where = need.host if need.host not in {"", "*"} else "its addresses"
            other = f", or {need.remedy}" if need.remedy else ""
            yield (
                "egress",
                f"{need.who}: let {need.protocol} {need.port} out to {where}{other}",
            )


def _of_images(instance: InstanceSpec) -> Iterator[_Need]:
    for container in instance.containers:
        host = _registry(container.image_url)
        if host and not is_ocir(host):
            who = f"OCI pulls {container.image_url} from {host} through the instance's network"
            yield _Need(who, *_address(host, _HTTPS), remedy="push the image to OCIR")


def _of_services(instance: InstanceSpec, network: NetworkSpec, audience: Audience) -> Iterator[_Need]:
    if network.kind == "public" and _uses_oracle_services(instance):
        who = "without a service gateway, as in a public network, Oracle's services are reached over the internet"
        remedy = audience.words(python="use NetworkSpec.private()", file="give network: private")
        yield _Need(who, "", _HTTPS, remedy=remedy)


def _of_volumes(instance: InstanceSpec) -> Iterator[_Need]:
    for volume in instance.all_volumes:
        for port in _NFS_PORTS if volume.kind == "file_system" else ():
            yield _Need(f"the volume {volume.name} is mounted from its mount target", "*", port)
        for content in volume.files.values():
            for receiver in content.receivers if isinstance(content, PrometheusConfig) else ():
                parts = urlsplit(receiver.url)
                port = parts.port or (_HTTPS if parts.scheme == "https" else _HTTP)
                yield _Need(f"Prometheus writes to {receiver.url}", *_address(parts.hostname or "", port))


def _of_names(instance: InstanceSpec) -> Iterator[_Need]:
    for server in instance.dns_config.nameservers if instance.dns_config is not None else ():
        block = as_block(server)
        if block is not None and not block.is_link_local and not block.is_loopback:
            yield _Need(f"names are resolved at {server}", server, _DNS, protocol="udp")


def _uses_oracle_services(instance: InstanceSpec) -> bool:
    images = (_registry(container.image_url) for container in instance.containers)
    return (
        any(container.statements for container in instance.containers)
        or any(not host or is_ocir(host) for host in images)
        or any(secret.secret_id is not None for secret in instance.image_pull_secrets)
    )


def _registry(image_url: str) -> str:
    """Return the host of an image's registry; empty for our own images, which are where they were pushed to."""
    if image_url.startswith(OWN_IMAGES):
        return ""
    first, slash, _ = image_url.partition("/")
    return first if slash and (set(first) & {".", ":"} or first == "localhost") else _DOCKER_HUB


def _address(host: str, port: int) -> tuple[str, int]:
    """Return host and port of a need; of most names it is not known which addresses they have."""
    name, colon, given = host.partition(":")
    port = int(given) if colon and given.isdecimal() else port
    if as_block(name) is not None:
        return name, port
    is_public = any(name == one or name.endswith(f".{one}") for one in _ON_THE_INTERNET)
    return "" if is_public else "*", port


def _lets(rule: EgressRule, need: _Need, network: NetworkSpec) -> bool:
    if rule.protocol != need.protocol or not any(first <= need.port <= last for first, last in rule.spans):
        return False
    if need.host == "*":
        return True
    is_shared = rule.destination == VCN and network.kind == "of"
    block = as_block(network.cidr_block if rule.destination == VCN else rule.destination)
    if not need.host:
        return not is_shared and block is not None and public_addresses([block]) > 0
    host = as_block(need.host)
    if is_shared:
        return host is not None and host.is_private
    return block is not None and host is not None and host.version == block.version and host.subnet_of(block)  # type: ignore[arg-type]
