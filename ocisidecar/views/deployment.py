"""Pages of a deployment: its resources, or the state of its instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ocisidecar.views.page import Detail, Page, Row, Section, Tone, count_of, sections_by_kind
from ocisidecar.wire import Key

if TYPE_CHECKING:
    from ocisidecar.deployment import Deployment
    from ocisidecar.observe.instances import Container, Instance

_INSTANCE = "container-instance"
_HEALTH_WORDS = {"HEALTHY": "healthy", "UNHEALTHY": "unhealthy", "UNKNOWN": "health unknown so far"}


def deployment_page(deployment: Deployment) -> Page:
    """Return the page of all resources with their OCIDs; makes no request."""
    keyed = [(key, ocid) for word, ocid in deployment.resources.items() if (key := Key.parse(word)) is not None]
    if not keyed:
        return Page(summary=f"{deployment.name}: no resources.")
    return Page(
        title=f"{deployment.name} in {deployment.identity.region}",
        sections=sections_by_kind((key, Row(sign="•", subject=str(key), text=ocid)) for key, ocid in keyed),
        summary=f"{deployment.name}: {count_of(len(keyed), 'resource')}.",
    )


def outputs_page(deployment: Deployment) -> Page:
    """Return the page with which an apply ends: where the app is, and what is next; reads addresses."""
    outputs = dict(deployment.outputs)
    console = outputs.pop("console")
    rows = tuple(
        Row(
            sign="→",
            subject=instance.name,
            text=" ".join(_values(outputs, f"{instance.name}.url.")) or instance.lifecycle_state,
            details=(
                *(
                    Detail(name.removeprefix(f"{instance.name}."), value)
                    for name, value in outputs.items()
                    if name.startswith(f"{instance.name}.") and ".url." not in name
                ),
                *_way_in(instance),
            ),
        )
        for instance in deployment.instances
    )
    name = deployment.name
    return Page(
        sections=(Section(f"{name} in {deployment.identity.region}", rows),) if rows else (),
        notes=(
            *_unconfirmed(deployment),
            f"Console: {console}",
            f"Next: ocisidecar status|verify|output|destroy {name}, or ocisidecar logs {name} --follow",
        ),
        summary=f"{name}: {count_of(len(deployment.resources), 'resource')}; their OCIDs: add --json.",
        tone=Tone.GOOD,
    )


def _unconfirmed(deployment: Deployment) -> tuple[str, ...]:
    """Return a note for each subscription that gets no messages yet."""
    waiting = deployment.unconfirmed_subscriptions.items()
    return tuple(f"{key} is not confirmed and gets no messages: {words}" for key, words in waiting)


def _way_in(instance: Instance) -> Iterator[Detail]:
    """Yield how an instance is reached where its address does not show that."""
    if not instance.is_active:
        yield Detail("start it", "by applying its spec again; it keeps its addresses while it is stopped")
    elif instance.private_ip and not (instance.public_ip or instance.emulated_address or instance.is_simulated):
        yield Detail("private", "reached from its VCN, or through a bastion, a VPN or a peered network")


def _values(outputs: Mapping[str, str], prefix: str) -> list[str]:
    return [value for name, value in outputs.items() if name.startswith(prefix)]


def status_page(deployment: Deployment) -> Page:
    """Return the page of the instances and their containers, with addresses; reads them unless that is done."""
    rows = tuple(_instance(instance) for instance in deployment.instances)
    others = sum(not word.startswith(f"{_INSTANCE}/") for word in deployment.resources)
    working = sum(row.tone is Tone.GOOD for row in rows)
    is_well = working == len(rows)
    return Page(
        sections=(Section(f"Instances of {deployment.name} in {deployment.identity.region}", rows),)
        if rows
        else (),
        notes=_unconfirmed(deployment),
        summary=(
            f"{deployment.name}: {working} of {count_of(len(rows), 'instance')} working, "
            f"{count_of(others, 'other resource')}."
        ),
        tone=Tone.GOOD if is_well else Tone.BAD,
    )


def _instance(instance: Instance) -> Row:
    is_well = instance.is_active and all(_is_well(container) for container in instance.containers)
    public = f", public {instance.public_ip}" if instance.public_ip else ""
    address = f"at {instance.private_ip or 'no address yet'}{public}"
    size = f"{instance.shape}, {instance.ocpus:g} OCPU, {instance.memory_in_gbs:g} GB"
    location = f"{instance.availability_domain} {instance.fault_domain}"
    return Row(
        sign="✓" if is_well else "✗",
        subject=instance.name,
        text=f"{instance.lifecycle_state} {address}",
        tone=Tone.GOOD if is_well else Tone.BAD,
        details=(
            *([Detail("reason", instance.lifecycle_details)] if instance.lifecycle_details else []),
            Detail("shape", size),
            Detail("location", location),
            *(Detail(container.name, ", ".join(_words(container))) for container in instance.containers),
        ),
    )


def _is_well(container: Container) -> bool:
    return container.is_running and container.health != "UNHEALTHY"


def _words(container: Container) -> Iterator[str]:
    yield "running" if container.is_running else container.lifecycle_details or container.lifecycle_state
    if container.health is not None:
        yield _HEALTH_WORDS.get(container.health, container.health)
    if container.restart_count:
        yield count_of(container.restart_count, "restart")
    if container.exit_code is not None:
        yield f"exit code {container.exit_code}"
    yield container.image_url
