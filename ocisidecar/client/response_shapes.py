"""What the body of a 2xx response must look like.  One that looks different proves nothing, least of all emptiness.

Only what the SDK's models promise for an operation is required, and of that only what the library relies on.
Source: the response types of the operations in the SDK.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ocisidecar.timestamps import from_rfc3339

_SERVICES_WITH_ITEMS = frozenset({"artifacts", "container_instances", "vulnerability_scanning"})
"""Services whose lists are objects with `items`; those of others are bare arrays."""

_SECRET_ID = "secretId"  # nosec B105  # noqa: S105 - the name of a field
_ID_FIELDS: Mapping[str, str] = {
    "identity.list_availability_domains": "name",
    "identity.list_region_subscriptions": "regionName",
    "identity.list_regions": "name",
    "container_instances.list_container_instance_shapes": "name",
    "container_instances.list_work_request_errors": "message",
    "logging.list_work_request_errors": "message",
    "management_agent.list_work_request_errors": "message",
    "monitoring.list_metrics": "name",
    "monitoring.summarize_metrics_data": "name",
    "secrets.get_secret_bundle": _SECRET_ID,
    "secrets.list_secret_bundle_versions": _SECRET_ID,
    "artifacts.get_container_configuration": "namespace",
    "core.list_network_security_group_vnics": "vnicId",
    "limits.list_limit_definitions": "name",
    "limits.list_limit_values": "name",
    "limits.list_services": "name",
    "limits.get_resource_availability": "",
    "ons.update_subscription": "",
    **{f"ons.{one}_topic{'s' if one == 'list' else ''}": "topicId" for one in ("create", "get", "list", "update")},
}
"""The field that every object of an operation's response has, where it is not `id`; empty for none."""

_NOUNS_WITH_STATE = frozenset(
    {
        "alarm",
        "container",
        "container_instance",
        "container_repository",
        "dynamic_group",
        "internet_gateway",
        "log",
        "nat_gateway",
        "network_security_group",
        "policy",
        "route_table",
        "security_list",
        "service_gateway",
        "subnet",
        "subscription",
        "topic",
        "vcn",
        "vnic",
    }
)
"""What has a lifecycle state in every response: without one a resource would count as ready."""

_WITHOUT_STATE = frozenset({"ons.update_subscription"})
"""Operations whose response has neither state nor OCID, but only what they change."""

_REQUIRED: Mapping[str, Mapping[str, type]] = {
    "artifacts.create_container_repository": {"displayName": str, "isPublic": bool},
    "artifacts.list_container_repositories": {"displayName": str, "isPublic": bool},
    "container_instances.get_work_request": {"status": str},
    "logging.get_work_request": {"status": str},
    "management_agent.get_work_request": {"status": str},
    "monitoring.summarize_metrics_data": {"aggregatedDatapoints": list},
    "secrets.get_secret_bundle": {"secretBundleContent": dict},
    "vulnerability_scanning.get_container_scan_recipe": {"scanSettings": dict},
    "vulnerability_scanning.get_container_scan_result": {
        "repository": str,
        "image": str,
        "highestProblemSeverity": str,
        "timeFinished": str,
    },
    "vulnerability_scanning.get_container_scan_target": {"targetRegistry": dict, "containerScanRecipeId": str},
    "vulnerability_scanning.list_container_scan_results": {"timeFinished": str},
}
"""Other fields that the objects of a response must have, with their types."""

_TYPES: Mapping[str, type] = {
    "compartmentId": str,
    "containerRestartAttemptCount": int,
    "definedTags": dict,
    "displayName": str,
    "exitCode": int,
    "freeformTags": dict,
    "lifecycleState": str,
    "timeCreated": str,
    "timeExpires": str,
    "timeFinished": str,
}
"""The types of fields that may be absent or null."""

_TIMES = ("timeCreated", "timeExpires", "timeFinished")
_RULES = ("ingressSecurityRules", "egressSecurityRules")
_PORT_OPTIONS = ("tcpOptions", "udpOptions")
_PORT_RANGES = ("destinationPortRange", "sourcePortRange")

_TEXTS = frozenset({"retrieve_logs"})
"""Operations whose response is any text."""

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]+")
_LISTS = ("list_", "summarize_")
_OBJECTS = ("get_", "create_", "update_")
_SHOWN_CHARACTERS = 80


def problem_of(client: str, operation: str, data: Any, headers: Mapping[str, str]) -> str:
    """Return what is wrong with the body of a 2xx response, in a few words; empty if nothing is.

    Args:
        client: SDK client, e.g. `core.VirtualNetworkClient`.
        operation: its method.
        data: the body; a string for what is not JSON, None when it is empty.
        headers: of the response, with lower-case names.
    """
    name = f"{client.partition('.')[0]}.{operation}"
    if operation == "get_namespace":
        is_namespace = isinstance(data, str) and _NAMESPACE.fullmatch(data)
        return "" if is_namespace else f"it is not a namespace: {_shown(data)}"
    if operation.startswith(_LISTS):
        return _problem_of_list(name, data)
    if not isinstance(data, dict | list | None):
        return "" if operation in _TEXTS else _shown(data)
    if operation == "search_logs":
        return _problem_of_search(data)
    if not operation.startswith(_OBJECTS):
        return ""
    if data is None and not operation.startswith("get_"):
        return "" if headers.get("opc-work-request-id") else "it has neither a body nor a work request"
    return _problem_of_object(name, data)


def _problem_of_list(name: str, data: Any) -> str:
    has_items = name.partition(".")[0] in _SERVICES_WITH_ITEMS
    entries = data.get("items") if has_items and isinstance(data, dict) else data
    if not isinstance(entries, list) or (has_items and entries is data):
        return f"it is not a list{' in `items`' if has_items else ''}: {_shown(data)}"
    return next((f"in an entry of the list, {one}" for one in _problems(name, entries) if one), "")


def _problems(name: str, entries: list[Any]) -> list[str]:
    return [_problem_of_object(name, entry) for entry in entries]


def _problem_of_search(data: Any) -> str:
    """Log search reports the number of its results in a summary, also when there are none."""
    summary = data.get("summary") if isinstance(data, dict) else None
    if not isinstance(summary, dict) or not isinstance(count := summary.get("resultCount"), int):
        return f"it has no number of results: {_shown(data)}"
    results = data.get("results") or []
    if not isinstance(results, list) or (count and not results):
        return f"of {count} results it shows none"
    return "" if all(isinstance(one, dict) for one in results) else "a result is not an object"


def _problem_of_object(name: str, data: Any) -> str:
    if not isinstance(data, dict):
        return f"there is no object: {_shown(data)}"
    id_field = _ID_FIELDS.get(name, "id")
    if id_field and (not isinstance(data.get(id_field), str) or not data[id_field]):
        return f"`{id_field}` is not text: {_shown(data)}"
    for field, expected in {**_REQUIRED.get(name, {}), **_with_state(name)}.items():
        if not isinstance(data.get(field), expected):
            return f"`{field}` is {data.get(field)!r:.40}"
    for field, expected in _TYPES.items():
        if not isinstance(data.get(field), expected | None):
            return f"`{field}` is {data[field]!r:.40}"
    for field in _TIMES:
        if data.get(field) is not None and from_rfc3339(data[field]) is None:
            return f"`{field}` is {data[field]!r:.40}"
    points = data.get("aggregatedDatapoints") or ()
    if not all(isinstance(one, dict) and from_rfc3339(str(one.get("timestamp"))) for one in points):
        return "a datapoint has no time"
    return next(filter(None, (_problem_of_ports(one) for one in _security_rules(data))), "")


def _security_rules(data: dict[str, Any]) -> list[Any]:
    """Return an object, which may be the rule of a group, and the rules in it, if it is a security list."""
    lists = (data.get(name) for name in _RULES)
    return [data, *(rule for rules in lists if isinstance(rules, list) for rule in rules)]


def _problem_of_ports(rule: Any) -> str:
    """A rule whose ports cannot be read would count as one for all ports, or for none."""
    for option in _PORT_OPTIONS if isinstance(rule, dict) else ():
        options = rule.get(option)
        if not isinstance(options, dict | None):
            return f"`{option}` is {options!r:.40}"
        for name in _PORT_RANGES:
            ports = (options or {}).get(name)
            ends = (ports.get("min"), ports.get("max")) if isinstance(ports, dict) else (ports,)
            if ports is not None and not all(isinstance(end, int) for end in ends):
                return f"`{option}.{name}` is {ports!r:.40}"
    return ""


def _with_state(name: str) -> Mapping[str, type]:
    if name in _WITHOUT_STATE:
        return {}
    _, _, noun = name.partition(".")[2].partition("_")
    singular = noun.removesuffix("ies") + "y" if noun.endswith("ies") else noun.removesuffix("s")
    return {"lifecycleState": str} if {noun, singular} & _NOUNS_WITH_STATE else {}


def _shown(data: Any) -> str:
    """Return what a body is, without values of JSON: they may be secrets."""
    if data is None or data == "":
        return "it is empty"
    if isinstance(data, dict):
        return f"an object of {', '.join(sorted(data)) or 'nothing'}"[:_SHOWN_CHARACTERS]
    if isinstance(data, list):
        return f"an array of {len(data)}"
    if not isinstance(data, str):
        return f"it is {json.dumps(data)}"
    if data.lstrip().startswith(("{", "[")):
        try:
            json.loads(data)
        except json.JSONDecodeError as error:
            return f"it is no JSON: {error.msg} at character {error.pos} of {len(data)}"
    return f"it is text: {data[:_SHOWN_CHARACTERS]!r}"
