"""Management of the container registry: repositories, the images in them, and the registry's configuration.

The registry protocol, by which images are pushed, is not emulated: `push_image` stores an image.

Source: oci.artifacts.ArtifactsClient.  UNCONFIRMED: the code of the 409 for a duplicate name, that names are
unique per tenancy and region, and that a repository may be deleted with the images in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Result, Service, Unique
from ocisidecar.emulator.errors import invalid, not_found
from ocisidecar.emulator.ids import etag, timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.services.object_storage import NAMESPACE
from ocisidecar.emulator.state import Cloud, Record

LAYER_BYTES: Final = 3 * 1024 * 1024
"""The size of the one layer that an emulated image has."""

ARTIFACTS: Final = Service(
    name="artifacts",
    prefixes=("artifacts",),
    version="/20160918",
    client="artifacts.ArtifactsClient",
    listing="items",
    reports_remaining=True,
)
CREATE_PHASES: Final = (("AVAILABLE", ""),)
DELETE_PHASES: Final = (("DELETING", "artifacts"), (None, ""))

_NAME = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_IMAGE_URI = re.compile(r"(?P<host>[^/]+)/(?P<namespace>[^/]+)/(?P<name>[^:@]+)[:@](?P<version>.+)")


def _complete(call: Call) -> JsonObject:
    name = call.body["displayName"]
    if not _NAME.fullmatch(name):
        raise invalid(f"displayName is not a repository name: {name}")
    _check_immutable(call)
    return {
        "namespace": NAMESPACE,
        "createdBy": call.principal.id,
        "isImmutable": call.body.get("isImmutable", False),
        "isPublic": call.body.get("isPublic", False),
        "billableSizeInGBs": 0,
        "systemTags": {},
    }


def _revise(call: Call, _: Record, changes: JsonObject) -> JsonObject:
    _check_immutable(call)
    return changes


def _check_immutable(call: Call) -> None:
    if call.body.get("isImmutable") and not call.cloud.assumptions.accepts_immutable_repositories:
        raise invalid("Setting isImmutable is not currently supported")


def _show(cloud: Cloud, record: Record, now: float) -> JsonObject:
    images = list(cloud.where(IMAGES.kind, now, repositoryId=record.id))
    pushed = max((image.created_at for image in images), default=None)
    return {
        **_counters(images),
        "timeLastPushed": None if pushed is None else timestamp(pushed),
    }


def _counters(images: Sequence[Record]) -> dict[str, int]:
    return {
        "imageCount": len(images),
        "layerCount": len(images),
        "layersSizeInBytes": LAYER_BYTES * len(images),
    }


def _release(call: Call, record: Record) -> None:
    for image in call.cloud.where(IMAGES.kind, call.now, repositoryId=record.id):
        image.transition(call.now, [(None, 0.0)])


def _list_totals(call: Call, repositories: Sequence[Record]) -> JsonObject:
    found = {repository.id for repository in repositories}
    images = call.cloud.store.all(IMAGES.kind, call.now)
    return {
        **_counters([image for image in images if image.body["repositoryId"] in found]),
        "repositoryCount": len(repositories),
    }


REPOSITORIES: Final = crud.declare_collection(
    Collection(
        service=ARTIFACTS,
        kind="container-repository",
        noun="container_repository",
        plural="container_repositories",
        ocid="containerrepo",
        ocid_slots=f"0.{NAMESPACE}.",
        item="/container/repositories/{repositoryId}",
        details=tagged(
            "compartmentId! displayName! isImmutable:bool isPublic:bool readme",
            readme=body("content! format!=TEXT_MARKDOWN|TEXT_PLAIN"),
        ),
        changes=tagged(
            "isImmutable:bool isPublic:bool readme", readme=body("content! format!=TEXT_MARKDOWN|TEXT_PLAIN")
        ),
        filters=("displayName", "lifecycleState"),
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        unique=Unique(
            member="displayName",
            scope=(),
            code="NotAuthorizedOrResourceAlreadyExists",
            message="Authorization failed or requested resource already exists.",
        ),
        summary_without=frozenset({"createdBy", "isImmutable", "readme", "timeLastPushed"}),
        before_create=_complete,
        before_update=_revise,
        before_delete=_release,
        view=_show,
        list_totals=_list_totals,
    )
)
declare_move(REPOSITORIES, takes_along={"container-image": "repositoryId"})
IMAGES: Final = crud.declare_collection(
    Collection(
        service=ARTIFACTS,
        kind="container-image",
        noun="container_image",
        plural="container_images",
        ocid="containerimage",
        ocid_slots=f"0.{NAMESPACE}.",
        item="/container/images/{imageId}",
        changes=tagged(""),
        filters=("displayName", "repositoryId", "repositoryName", "version", "lifecycleState"),
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        summary_without=frozenset(
            {"createdBy", "layers", "layersSizeInBytes", "manifestSizeInBytes", "pullCount", "versions"}
        ),
    )
)


@ARTIFACTS.operation(
    "POST",
    "/container/images/actions/lookupImageByUri",
    "lookup_container_image_by_uri",
    details=body("imageUri!"),
    is_write=False,
    collection=IMAGES,
)
def lookup_container_image_by_uri(call: Call) -> Result:
    """Respond with the image that a URI names by tag or digest."""
    match = _IMAGE_URI.fullmatch(call.body["imageUri"])
    if match is None:
        raise invalid(f"imageUri is not valid: {call.body['imageUri']}")
    for image in call.cloud.where(IMAGES.kind, call.now, repositoryName=match["name"]):
        is_named = match["version"] in {image.body["version"], image.body["digest"]}
        if match["namespace"] == NAMESPACE and image.region == call.region and is_named:
            return crud.resource_result(call, image)
    raise not_found()


@ARTIFACTS.operation("GET", "/container/configuration", "get_container_configuration", query=("compartmentId",))
def get_container_configuration(call: Call) -> Result:
    """Respond with the namespace, and whether a push creates a missing repository."""
    call.compartment(call.query["compartmentId"])
    return Result(
        body={"isRepositoryCreatedOnFirstPush": True, "namespace": NAMESPACE},
        headers={"etag": etag(NAMESPACE, 0, None, IMAGES.etag)},
    )


def push_image(cloud: Cloud, repository_id: str, version: str) -> Record:
    """Store an image of one layer, tagged `version`, in a repository.

    Raises:
        LookupError: the repository does not exist.
    """
    now = cloud.clock.time()
    repository = cloud.store.find(REPOSITORIES.kind, repository_id, now)
    if repository is None:
        raise LookupError(f"no image was pushed: the container repository {repository_id} does not exist")
    name = repository.body["displayName"]
    digest = f"sha256:{hashlib.sha256(f'{repository_id}:{version}'.encode()).hexdigest()}"
    created = timestamp(now)
    image_id = cloud.ids.ocid(IMAGES.ocid, repository.region, slots=IMAGES.ocid_slots)
    members = {
        "id": image_id,
        "compartmentId": repository.body["compartmentId"],
        "createdBy": cloud.user_id,
        "digest": digest,
        "displayName": f"{name}:{version}",
        "layers": [{"digest": digest, "sizeInBytes": LAYER_BYTES, "timeCreated": created}],
        "layersSizeInBytes": LAYER_BYTES,
        "manifestSizeInBytes": len(digest),
        "pullCount": 0,
        "repositoryId": repository_id,
        "repositoryName": name,
        "timeCreated": created,
        "version": version,
        "versions": [{"createdBy": cloud.user_id, "timeCreated": created, "version": version}],
        "freeformTags": {},
        "definedTags": {},
        "systemTags": {},
    }
    timeline = Timeline.starting(now, [("AVAILABLE", 0.0)])
    return cloud.record(
        IMAGES.kind, image_id, members, timeline=timeline, now=now, region=repository.region, is_part=True
    )
