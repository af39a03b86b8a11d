"""Container Instances: the creation of an instance's members, its VNIC and its containers."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from math import isfinite
from typing import Final
from urllib.parse import urlsplit

from ocisidecar.emulator.declarations import Call
from ocisidecar.emulator.faults import Fail
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.pods import Pod
from ocisidecar.emulator.resource_principal import principal_of
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.services.addresses import attach_vnic, check_vnic
from ocisidecar.emulator.services.instance_details import check_instance
from ocisidecar.emulator.services.instance_shapes import shape_config
from ocisidecar.emulator.services.vault import resolve_pull_secret
from ocisidecar.emulator.state import Cloud, Record
from ocisidecar.emulator.tagging import check_container_tags, check_defined_tags

SYSTEM_TAG: Final = "ocisidecar-emulator"
"""Namespace of the system tags that mark instances as emulated; it does not exist in OCI."""
_ANY_PORT: Final = 80
ATTACHED_AFTER: Final = 0.25
"""The share of the time of creation after which the VNIC is attached."""


def complete(call: Call) -> JsonObject:
    """Validate the body and return the instance's members, without configuration data and secrets."""
    check_instance(call)
    details = call.body
    check_vnic(call, details["vnics"][0], details["availabilityDomain"])
    for container in details["containers"]:
        check_container_tags(call, container, details)
    for part in (*details["containers"], *details["vnics"]):
        check_defined_tags(call, part)
    volumes = [_public_volume(volume) for volume in details.get("volumes", [])]
    return {
        "displayName": details.get("displayName") or _default_name("container-instance", call.now),
        "tenantId": call.cloud.tenancy_id,
        "faultDomain": details.get("faultDomain", "FAULT-DOMAIN-1"),
        "lifecycleDetails": None,
        "volumes": volumes,
        "volumeCount": len(volumes),
        "containerCount": len(details["containers"]),
        "timeUpdated": timestamp(call.now),
        "shapeConfig": shape_config(details["shape"], details["shapeConfig"]),
        "dnsConfig": details.get("dnsConfig"),
        "gracefulShutdownTimeoutInSeconds": details.get("gracefulShutdownTimeoutInSeconds", 0),
        "imagePullSecrets": [
            _without(secret, "username", "password") for secret in details.get("imagePullSecrets", [])
        ],
        "containerRestartPolicy": details.get("containerRestartPolicy", "ALWAYS"),
        "securityContext": details.get("securityContext"),
    }


def _public_volume(volume: JsonObject) -> JsonObject:
    if "configs" not in volume:
        return volume
    return {**volume, "configs": [{**config, "data": ""} for config in volume["configs"]]}


def _without(members: JsonObject, *names: str) -> JsonObject:
    return {name: value for name, value in members.items() if name not in names}


def _default_name(kind: str, now: float) -> str:
    return f"{kind}-{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M}"


def view(cloud: Cloud, instance: Record, now: float) -> JsonObject:
    """Return the members that depend on the time and on what runs the containers."""
    vnic = instance.hidden["vnic"]
    is_attached = vnic.timeline.entered_at("AVAILABLE") <= now
    return {
        "vnics": [{"vnicId": vnic.id if is_attached else None}],
        "systemTags": {SYSTEM_TAG: {"containers": cloud.pods.containers, **_whereabouts(cloud, instance)}},
    }


def _whereabouts(cloud: Cloud, instance: Record) -> JsonObject:
    """Return the address of a pod on this machine, which may differ from the VNIC's."""
    url = cloud.pods.reach(instance.id, _ANY_PORT)
    host = urlsplit(url).hostname if url else None
    return {} if host is None or ip_address(host).is_loopback else {"address": host}


def create_parts(call: Call, instance: Record) -> None:
    """Create the instance's VNIC and containers, and the pod that will run them."""
    failure = call.effect(Fail)
    if failure is not None:
        ready = instance.timeline.settled_at
        instance.timeline = Timeline(((call.now, "CREATING"), (ready, "FAILED")))
        instance.body["lifecycleDetails"] = failure.message
    duration = instance.timeline.settled_at - call.now
    attached = ATTACHED_AFTER * duration if isfinite(duration) else 0.0
    owner = {**instance.body, "resource_id": instance.id}
    instance.hidden["vnic"] = attach_vnic(
        call,
        call.body["vnics"][0],
        owner,
        Timeline.starting(call.now, [("PROVISIONING", attached), ("AVAILABLE", 0.0)]),
    )
    containers = [
        _container(call, instance, {**details, "displayName": _container_name(call, details, number)})
        for number, details in enumerate(call.body["containers"], 1)
    ]
    instance.hidden["containers"] = containers
    instance.body["containers"] = [
        {"containerId": container.id, "displayName": container.body["displayName"]} for container in containers
    ]
    instance.hidden["pod"] = _pod(call, instance)


def _pod(call: Call, instance: Record) -> Pod:
    vnic = instance.hidden["vnic"]
    containers = {container.id: container.hidden["details"] for container in instance.hidden["containers"]}
    from_instance = ("displayName", "containerRestartPolicy")
    return Pod(
        id=instance.id,
        details={
            **call.body,
            **{name: instance.body[name] for name in from_instance},
            "imagePullSecrets": [
                resolve_pull_secret(call, principal_of(call.cloud, instance), secret)
                for secret in call.body.get("imagePullSecrets", [])
            ],
            "containers": list(containers.values()),
        },
        containers=containers,
        address=vnic.body["privateIp"],
        subnet=call.related("subnet", vnic.body["subnetId"]).body["cidrBlock"],
        region=instance.region,
    )


def _container_name(call: Call, details: JsonObject, number: int) -> str:
    return details.get("displayName") or f"{_default_name('container', call.now)}-{number}"


def _container(call: Call, instance: Record, details: JsonObject) -> Record:
    record_id = call.cloud.ids.ocid("computecontainer", call.region, "an")
    optional = dict.fromkeys(
        ("command", "arguments", "workingDirectory", "volumeMounts", "resourceConfig", "securityContext")
    )
    record = call.cloud.record(
        "container",
        record_id,
        {
            "id": record_id,
            "compartmentId": instance.body["compartmentId"],
            "containerInstanceId": instance.id,
            "availabilityDomain": instance.body["availabilityDomain"],
            "faultDomain": instance.body["faultDomain"],
            "systemTags": {},
            "freeformTags": {},
            "definedTags": {},
            "timeCreated": timestamp(call.now),
            "timeUpdated": timestamp(call.now),
            **optional,
            "environmentVariables": {},
            "isResourcePrincipalDisabled": False,
            **details,
        },
        timeline=instance.timeline,
        now=call.now,
        region=call.region,
        is_part=True,
    )
    record.hidden["details"] = details
    return record
