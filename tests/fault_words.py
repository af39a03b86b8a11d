"""What faults are made of: operations that they hit, codes of errors, and what malformed responses hold."""

from __future__ import annotations

OPERATIONS = [
    "*",
    "list_*",
    "get_*",
    "create_*",
    "update_*",
    "delete_*",
    "create_vcn",
    "create_subnet",
    "create_dynamic_group",
    "create_policy",
    "create_log_group",
    "create_log",
    "create_container_instance",
    "add_network_security_group_security_rules",
    "remove_network_security_group_security_rules",
    "delete_container_instance",
    "delete_subnet",
]
"""Names of operations, some with wildcards."""
CODES = [
    "TooManyRequests",
    "InternalError",
    "NotAuthorizedOrNotFound",
    "IncorrectState",
    "Conflict",
    "LimitExceeded",
    "NotAuthenticated",
    "InvalidatedRetryToken",
    "NoEtagMatch",
]
"""Codes of errors."""
BODIES = [
    "",
    "null",
    "7",
    '"x"',
    "{}",
    "[]",
    "[null, 7]",
    '{"items": null}',
    '{"items": "x"}',
    '{"items": [null, 7]}',
    '[{"displayName": "web"}]',
    '{"id": 7, "lifecycleState": "ACTIVE"}',
    '{"items": [{"displayName": "web"}]}',
    "<html>Log in to the guest network</html>",
]
"""Bodies that no response of success has."""
MEMBERS = [
    {"lifecycleState": 7},
    {"lifecycleState": ["ACTIVE"]},
    {"lifecycleState": None},
    {"id": None, "topicId": None},
    {"id": 7},
    {"freeformTags": "web"},
    {"freeformTags": ["web"]},
    {"timeCreated": "yesterday"},
    {"definedTags": 7},
]
"""Members that no resource in a response has."""
