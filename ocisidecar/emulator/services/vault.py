"""Vault secrets: only their content, which image pull secrets refer to and clients read, and its versions.

Source: oci.secrets.SecretsClient, oci.secrets.models.SecretBundle; nulls as recorded; for pull secrets Oracle,
"Vault Secrets for Image Authorization".  UNCONFIRMED: that the list of versions takes `inspect secret-bundles`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Final

from attrs import evolve

from ocisidecar.emulator.access import is_granted
from ocisidecar.emulator.declarations import AccessTarget, Call, Permission, Result, Service
from ocisidecar.emulator.errors import invalid, not_found
from ocisidecar.emulator.ids import etag, timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.regions import HOME
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.signature import Principal
from ocisidecar.emulator.state import Cloud, Record

KIND: Final = "secret"

SECRETS: Final = Service(name="secrets", prefixes=("secrets",), version="/20190301", client="secrets.SecretsClient")


def store_secret(cloud: Cloud, versions: Sequence[bytes]) -> Record:
    """Store a secret whose versions 1, 2, ... have these contents; the last one is current."""
    now = cloud.clock.time()
    secret_id = cloud.ids.ocid("vaultsecret", HOME)
    body = {"id": secret_id, "compartmentId": cloud.compartment_id, "timeCreated": timestamp(now)}
    timeline = Timeline.starting(now, [("ACTIVE", 0.0)])
    record = cloud.record(KIND, secret_id, body, timeline=timeline, now=now, is_builtin=True)
    record.hidden["versions"] = tuple(versions)
    return record


def _target(call: Call) -> list[AccessTarget]:
    return _targets(call.find(KIND, call.resource_id))


def _targets(secret: Record | None) -> list[AccessTarget]:
    return [AccessTarget(secret.body["compartmentId"], {"target.secret.id": secret.id})] if secret else []


READ: Final = Permission(verb="read", resource_type="secret-bundles", targets=_target)
INSPECT: Final = Permission(verb="inspect", resource_type="secret-bundles", targets=_target)


def resolve_pull_secret(call: Call, reader: Principal, given: JsonObject) -> JsonObject:
    """Return a pull secret with the user name and password of its vault secret.

    It is returned unchanged when the reader lacks permission or the content is not a login: the pull then fails.
    """
    secret = call.find(KIND, given.get("secretId", ""))
    if secret is None or not is_granted(evolve(call, principal=reader), READ, _targets(secret)):
        return given
    try:
        content = json.loads(secret.hidden["versions"][-1])
        login = {name: base64.b64encode(content[name].encode()).decode() for name in ("username", "password")}
    except (ValueError, TypeError, KeyError, AttributeError):
        return given
    return {"secretType": "BASIC", "registryEndpoint": given["registryEndpoint"], **login}


@SECRETS.operation("GET", "/secretbundles/{secretId}", "get_secret_bundle", permission=READ)
def get_secret_bundle(call: Call) -> Result:
    """Respond with the content of one version, by default the current one, in base64."""
    secret = call.find(KIND, call.resource_id)
    if secret is None:
        raise not_found()
    versions: tuple[bytes, ...] = secret.hidden["versions"]
    requested = call.query.get("versionNumber", str(len(versions)))
    if not requested.isdigit():
        raise invalid(f"versionNumber must be a number, got {requested}")
    number = int(requested)
    if not 1 <= number <= len(versions):
        raise not_found()
    content = base64.b64encode(versions[number - 1]).decode()
    bundle = {
        **_version(secret, number),
        "secretBundleContent": {"contentType": "BASE64", "content": content},
        "metadata": None,
    }
    return Result(body=bundle, headers={"etag": etag(secret.id, number, None, "40")})


@SECRETS.operation(
    "GET",
    "/secretbundles/{secretId}/versions",
    "list_secret_bundle_versions",
    listing="array",
    permission=INSPECT,
)
def list_secret_bundle_versions(call: Call) -> Result:
    """Respond with the versions, the newest first, without their content."""
    secret = call.find(KIND, call.resource_id)
    if secret is None:
        raise not_found()
    numbers = range(len(secret.hidden["versions"]), 0, -1)
    return page_of_items(call, [_version(secret, number) for number in numbers])


def _version(secret: Record, number: int) -> JsonObject:
    is_current = number == len(secret.hidden["versions"])
    return {
        "secretId": secret.id,
        "timeCreated": secret.body["timeCreated"],
        "versionNumber": number,
        "versionName": None,
        "timeOfDeletion": None,
        "timeOfExpiry": None,
        "stages": ["CURRENT", "LATEST"] if is_current else ["DEPRECATED"],
    }
