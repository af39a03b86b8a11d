"""Warnings about a valid spec; shown with every plan."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ocisidecar.spec.access import AccessSpec
from ocisidecar.spec.deployment import DeploymentSpec
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.internet import blocks_in, is_internet, is_whole_internet, public_addresses
from ocisidecar.spec.limits import SHAPES
from ocisidecar.spec.network import NetworkSpec
from ocisidecar.spec.scrape import METRIC_NAMESPACE, METRIC_NAMESPACE_VARIABLE
from ocisidecar.spec.secret_texts import masked_content
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.validate.paths import containers_of, joined
from ocisidecar.spec.web_config import protection_of, reader_of

_UNNOTICED = (
    "holds what looks like a secret, which enters no hash in a tag, so that a changed one alone goes unnoticed: "
    "take it from a vault secret, or set secret_version and change that with it"
)
_ALL_LOG_GROUPS = (
    "an existing log does not show its group, so the right to push lines covers all log groups of the compartment: "
    "give log_group_id instead of log_id"
)
_SHARED_NAMESPACE = (
    f"posts into the metric namespace {METRIC_NAMESPACE!r}, as every deployment does that names none, so that "
    "defined_tag keeps no other one of them out: give metric_namespace"
)
_PLATFORM = re.compile(r"amd64|arm(32|64)?(v\d)?|x86_64|i386|s390x|ppc64le|(alpine|debian|ubuntu)[\d.]*")
"""Words of tags whose numbers name no version of the image's program."""


def spec_warnings(spec: DeploymentSpec) -> tuple[str, ...]:
    """Return the warnings about a valid spec, each with its path.  Pure."""
    of_instances = (
        f'instances["{instance.name}"]{path and "."}{path}: {message}'
        for instance in spec.instances
        for path, message in _warnings(instance, spec)
    )
    of_topics = (
        f"the topic {topic.name!r} has no subscriptions, so alarms reach nobody until somebody subscribes to it: "
        "give it some, such as mailto:ops@example.com"
        for topic in spec.topics
        if not topic.subscriptions
    )
    return (*(spec.origin.warnings if spec.origin else ()), *of_instances, *of_topics)


def _warnings(instance: InstanceSpec, spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    for shape in (instance.shape, *instance.placement.shapes):
        if shape not in SHAPES:
            yield (
                "shape",
                f"{shape} is not a known shape, so its limits are not checked (known: {', '.join(SHAPES)})",
            )
    for port in instance.ports:
        if is_whole_internet(port.sources):
            yield "ports", f"{port.protocol} {port.port} is open to the whole internet"
        elif is_internet(port.sources):
            count = public_addresses(blocks_in(port.sources))
            cover = f"its sources cover {count:,} public addresses ({', '.join(port.sources)})"
            yield "ports", f"{port.protocol} {port.port} is open to the internet: {cover}"
    yield from _of_jobs(instance)
    yield from _of_existing_network(instance, spec.effective_network)
    yield from _hidden_changes(instance)
    yield from _of_protected(instance)
    yield from _of_shared_namespace(instance, spec.effective_access)
    if spec.effective_logging.log_id is not None and any(_pushes(one) for one in instance.containers):
        yield "statements", _ALL_LOG_GROUPS
    for path, container in containers_of(instance):
        yield from ((path, warning) for warning in container.warnings)
        if not _is_pinned(container.image_url):
            yield joined(path, "image_url"), f"{container.image_url} can change without a new plan: pin a version"
        if container.statements and spec.effective_access.kind == "none":
            needs = ", ".join(f"{one.verb} {one.resource_type}" for one in container.statements)
            yield (
                joined(path, "statements"),
                f"the deployment makes neither group nor policy, so others must grant these rights: {needs}",
            )


def _of_shared_namespace(instance: InstanceSpec, access: AccessSpec) -> Iterator[tuple[str, str]]:
    """Yield what posts where every deployment may, though a tag is to keep this one apart from the others."""
    if access.kind == "deployment" and access.defined_tag is not None:
        for path, container in containers_of(instance):
            if container.environment_variables.get(METRIC_NAMESPACE_VARIABLE) == METRIC_NAMESPACE:
                yield path, _SHARED_NAMESPACE


def _pushes(container: SidecarSpec) -> bool:
    return any(one.resource_type == "log-content" for one in container.statements)


def _of_jobs(instance: InstanceSpec) -> Iterator[tuple[str, str]]:
    if instance.sidecars and instance.container_restart_policy != "ALWAYS":
        names = ", ".join(sidecar.name for sidecar in instance.sidecars)
        ends = "an instance ends with its last container"
        yield "container_restart_policy", f"{ends}: it runs on after the app, and costs, until these end: {names}"


def _of_protected(instance: InstanceSpec) -> Iterator[tuple[str, str]]:
    protection = protection_of(instance)
    if protection is not None and (protection.users or not protection.is_known) and reader_of(instance) is None:
        path = f'sidecars["{protection.container}"]'
        yield path, "asks for a password, and no container has a user of it, so verify() cannot read its targets"


def _of_existing_network(instance: InstanceSpec, network: NetworkSpec) -> Iterator[tuple[str, str]]:
    if network.kind != "existing":
        return
    if instance.ports:
        yield "ports", "must be opened by the owner of the existing subnet; this deployment does not open them"
    scraped = sorted({target.port for sidecar in instance.sidecars for target in sidecar.scrape})
    if scraped:
        what = f"answer without a password on {', '.join(map(str, scraped))}"
        yield "sidecars", f"{what} to whoever the rules of the existing subnet admit, which verify() checks"


def _hidden_changes(instance: InstanceSpec) -> Iterator[tuple[str, str]]:
    for volume in instance.all_volumes:
        for path, content in volume.files.items():
            if not isinstance(content, bytes) or volume.secret_version is not None:
                continue
            if masked_content((volume.name, path), content) != content:
                yield f'volumes["{volume.name}"].files["{path}"]', _UNNOTICED


def _is_pinned(image_url: str) -> bool:
    """Tell whether the URL has a digest, or a tag with a number, unlike `main` and `stable-alpine3.23`."""
    tag = image_url.rpartition("/")[2].partition(":")[2]
    return "@" in image_url or re.search(r"\d", _PLATFORM.sub("", tag)) is not None
