"""Defined tags: the validation of given ones, and the defaults that a tenancy adds.

Source: Oracle, "Managing Tag Defaults"; Oracle-Tags as seen in live answers.
"""

from __future__ import annotations

from ocisidecar.emulator.declarations import Call
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.schema import JsonObject

AUTOMATIC: str = "Oracle-Tags"
"""The namespace of the tags that a tenancy has from the start."""


def check_defined_tags(call: Call, body: JsonObject) -> None:
    """Raise ServiceError 400 for a defined tag that no tag namespace defines."""
    for namespace, tags in body.get("definedTags", {}).items():
        for key in tags:
            known = call.cloud.where("tag", call.now, tagNamespaceName=namespace, name=key, isRetired=False)
            if namespace != AUTOMATIC and next(known, None) is None:
                raise invalid(f"Invalid tags: {namespace}.{key} is not defined")


def check_container_tags(call: Call, container: JsonObject, instance: JsonObject) -> None:
    """Raise ServiceError 400 for tags of a container that are neither missing nor those of its instance."""
    if call.cloud.assumptions.containers_have_own_tags:
        return
    for name in ("freeformTags", "definedTags"):
        given = container.get(name)
        if given is not None and given != instance.get(name):
            raise invalid(f"{name} of a container must be null or equal to those of its container instance")


def with_defaults(call: Call, body: JsonObject) -> JsonObject:
    """Return the defined tags of a new resource: the given ones, and the defaults of its compartments."""
    tags: JsonObject = {}
    created = timestamp(call.now)
    if call.cloud.assumptions.has_default_tags:
        tags[AUTOMATIC] = {"CreatedBy": call.principal.id, "CreatedOn": created}
    given: JsonObject = body.get("definedTags", {})
    above = call.cloud.path_to_root(body.get("compartmentId", ""), call.now)
    for default in call.cloud.store.all("tag-default", call.now):
        if default.body["compartmentId"] not in above:
            continue
        namespace, key = default.hidden["namespace"], default.body["tagDefinitionName"]
        if default.body["isRequired"] and key not in given.get(namespace, {}):
            raise invalid(f"Invalid tags: {namespace}.{key} is required")
        value = default.body["value"].replace("${iam.principal.name}", call.principal.id)
        tags.setdefault(namespace, {})[key] = value.replace("${oci.datetime}", created)
    return {name: {**tags.get(name, {}), **given.get(name, {})} for name in {**tags, **given}}
