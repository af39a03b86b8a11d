"""Container Instances.  API: containerinstances/20210415."""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.crud import declare_collection
from ocisidecar.emulator.declare import Collection, Service
from ocisidecar.emulator.shapes import body, many, tagged

CONTAINER_INSTANCES: Final = Service(
    name="container_instances",
    prefixes=("compute-containers",),
    version="/20210415",
    client="container_instances.ContainerInstanceClient",
    listing="items",
    are_nulls_written=True,
)

INSTANCES: Final = declare_collection(
    Collection(
        service=CONTAINER_INSTANCES,
        kind="container-instance",
        noun="container_instance",
        plural="container_instances",
        ocid="computecontainerinstance",
        item="/containerInstances/{containerInstanceId}",
        binding="an",
        etag="64",
        details=tagged(
            "compartmentId! availabilityDomain! shape! shapeConfig:any containers! vnics! displayName",
            containers=many(body("imageUrl!")),
            vnics=many(body("subnetId!")),
        ),
        born=(("CREATING", "container_instance_create"), ("ACTIVE", "")),
        dying=(("DELETING", "container_instance_delete"), ("DELETED", "deleted_visible"), (None, "")),
    )
)
