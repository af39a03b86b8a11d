"""Management Agent: install keys, images, plugins, and the settings of a tenancy.  API: management-agent/20200202.

Source: oci.management_agent.ManagementAgentClient and models: keys take no tags, the list of them no limit, and the
secret is in the single key and its content only.  UNCONFIRMED: count and expiry of a key that is created without,
that several keys may have one name, the texts of refusals, and the versions of images and plugins.
"""

from __future__ import annotations

from typing import Any, Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.agent_registry import AGENT_VERSION, KEY_KIND, is_usable
from ocisidecar.emulator.declarations import Call, Collection, Result, Service
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.ids import Ids, moment, timestamp
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.regions import HOME
from ocisidecar.emulator.schema import JsonObject, body
from ocisidecar.emulator.state import Cloud, Record
from ocisidecar.emulator.work_requests import WorkRequests

DEFAULT_INSTALLS: Final = 1
DEFAULT_LIFETIME_SECONDS: Final = 24 * 3600

MANAGEMENT_AGENT: Final = Service(
    name="management_agent",
    prefixes=("management-agent",),
    version="/20200202",
    client="management_agent.ManagementAgentClient",
)
WORK_REQUESTS: Final = WorkRequests(
    service=MANAGEMENT_AGENT, ocid="managementagentworkrequest", filters=("agentId", "status", "type"), etag="8"
).declare()

CREATE_PHASES: Final = (("CREATING", "management_agent"), ("ACTIVE", ""))
DELETE_PHASES: Final = (("DELETING", "management_agent"), (None, ""))
ENDED_KEY: Final = "TERMINATED"


def _complete_key(call: Call) -> JsonObject:
    details = call.body
    if details.get("allowedKeyInstallCount", 1) < 1:
        raise invalid("allowedKeyInstallCount must be at least 1")
    is_unlimited = details.get("isUnlimited", False)
    expires = moment(details["timeExpires"]) if "timeExpires" in details else call.now + DEFAULT_LIFETIME_SECONDS
    if expires <= call.now and not is_unlimited:
        raise invalid("timeExpires must be in the future")
    return {
        "isUnlimited": is_unlimited,
        "allowedKeyInstallCount": None if is_unlimited else details.get("allowedKeyInstallCount", DEFAULT_INSTALLS),
        "currentKeyInstallCount": 0,
        "timeExpires": None if is_unlimited else timestamp(expires),
        "createdByPrincipalId": call.principal.id,
        "timeUpdated": timestamp(call.now),
        "key": f"EMULATED{call.cloud.ids.hexadecimal(40)}",
    }


def _note_expiry(_call: Call, key: Record) -> None:
    expires = key.body["timeExpires"]
    key.hidden["expires"] = None if expires is None else moment(expires)


def _revise_key(call: Call, key: Record, changes: JsonObject) -> JsonObject:
    is_active = changes.pop("isKeyActive", None)
    if is_active is not None:
        key.transition(call.now, [("ACTIVE" if is_active else "INACTIVE", 0.0)])
    return {**changes, "timeUpdated": timestamp(call.now)}


def _show_key(cloud: Cloud, key: Record, now: float) -> JsonObject:
    has_ended = key.state_at(now) == "ACTIVE" and not is_usable(key, now)
    return {"lifecycleState": ENDED_KEY} if has_ended and cloud.assumptions.shows_ended_install_keys else {}


INSTALL_KEYS: Final = Collection(
    service=MANAGEMENT_AGENT,
    kind=KEY_KIND,
    noun="management_agent_install_key",
    plural="management_agent_install_keys",
    ocid="managementagentinstallkey",
    item="/managementAgentInstallKeys/{managementAgentInstallKeyId}",
    binding="amaaaaaa",
    details=body("displayName! compartmentId! allowedKeyInstallCount:int timeExpires:time isUnlimited:bool"),
    changes=body("isKeyActive:bool displayName"),
    create_phases=CREATE_PHASES,
    delete_phases=DELETE_PHASES,
    before_create=_complete_key,
    before_update=_revise_key,
    after_create=_note_expiry,
    view=_show_key,
    summary_without=frozenset({"key", "timeUpdated"}),
)


def declare(collection: Collection, *, is_listed: bool = True) -> None:
    """Declare what a collection of this service has; its updates take retry tokens too."""
    service, options = MANAGEMENT_AGENT, {"collection": collection}
    listing: dict[str, Any] = {"listing": "array", "query": collection.query, **options}
    tagged = {"headers": ("etag",), **options}
    if collection.details is not None:
        create = {"details": collection.details, "is_create": True, **tagged}
        service.declare("POST", collection.path, f"create_{collection.noun}", crud.create, **create)
    if is_listed:
        service.declare("GET", collection.path, f"list_{collection.plural}", crud.list_records, **listing)
    service.declare("GET", collection.item, f"get_{collection.noun}", crud.get, **tagged)
    update = {"details": collection.changes, "is_create": True, **tagged}
    service.declare("PUT", collection.item, f"update_{collection.noun}", crud.update, **update)
    service.declare("DELETE", collection.item, f"delete_{collection.noun}", crud.delete, status=204, **options)


declare(INSTALL_KEYS)


@MANAGEMENT_AGENT.operation(
    "GET",
    f"{INSTALL_KEYS.item}/content",
    "get_management_agent_install_key_content",
    collection=INSTALL_KEYS,
)
def get_management_agent_install_key_content(call: Call) -> Result:
    """Respond with a response file that holds the key; the plugins that the query names are asked for."""
    key = call.get(INSTALL_KEYS.kind, call.resource_id)
    asked = call.query.getlist("pluginName")
    lines = [
        "# Response file of the emulator",
        f"ManagementAgentInstallKey = {key.body['key']}",
        "AgentDisplayName =",
        *(f"{'' if name in asked else '#'}Service.plugin.{name}.download=true" for name in PLUGINS),
    ]
    data = "\n".join(lines).encode() + b"\n"
    return Result(body=data, headers={"content-type": "application/octet-stream"})


PLUGINS: Final = {"appmgmt": "Stack Monitoring", "jms": "Java Management Service", "logan": "Logging Analytics"}
"""Names of the plugins, with their names for people."""


def plugin_views() -> list[JsonObject]:
    """Return the plugins that can be deployed."""
    ids = Ids(0)
    return [
        {
            "id": ids.ocid("managementagentplugin", HOME),
            "name": name,
            "version": 1,
            "supportedPlatformTypes": ["LINUX"],
            "displayName": display_name,
            "description": display_name,
            "isConsoleDeployable": True,
            "lifecycleState": "ACTIVE",
        }
        for name, display_name in PLUGINS.items()
    ]


def _images() -> list[JsonObject]:
    ids = Ids(1)
    return [
        {
            "id": ids.ocid("managementagentimage", HOME),
            "platformType": "LINUX",
            "platformName": "Linux",
            "packageType": package,
            "packageArchitectureType": architecture,
            "version": AGENT_VERSION,
            "size": 190.0,
            "checksum": "0" * 32,
            "objectUrl": f"https://objectstorage.example.com/oracle.mgmt_agent.{AGENT_VERSION}.{architecture}.{package}",
            "lifecycleState": "ACTIVE",
        }
        for package, architecture in (("RPM", "X86_64"), ("ZIP", "X86_64"), ("RPM", "AARCH64"))
    ]


def _selected(call: Call, items: list[JsonObject], *filters: tuple[str, str]) -> Result:
    """Respond with those items that agree with the query: pairs of parameter and member."""
    call.compartment(call.query["compartmentId"])
    wanted = [(member, call.query[name]) for name, member in filters if name in call.query]
    return page_of_items(call, [one for one in items if all(one[member] == value for member, value in wanted)])


@MANAGEMENT_AGENT.operation(
    "GET",
    "/managementAgentImages",
    "list_management_agent_images",
    listing="array",
    query=("compartmentId",),
    is_create=True,
    collection=INSTALL_KEYS,
)
def list_management_agent_images(call: Call) -> Result:
    """Respond with the packages of the agent; the SDK has a retry token even here."""
    return _selected(call, _images(), ("name", "platformName"), ("lifecycleState", "lifecycleState"))


@MANAGEMENT_AGENT.operation(
    "GET",
    "/managementAgentPlugins",
    "list_management_agent_plugins",
    listing="array",
    query=("compartmentId",),
    collection=INSTALL_KEYS,
)
def list_management_agent_plugins(call: Call) -> Result:
    """Respond with the plugins that agents can have."""
    return _selected(call, plugin_views(), ("displayName", "displayName"), ("lifecycleState", "lifecycleState"))
