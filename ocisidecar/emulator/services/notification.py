"""Notifications: topics, the subscriptions that wait for confirmation, and messages.

Source: oci.ons.NotificationControlPlaneClient and NotificationDataPlaneClient.  UNCONFIRMED: the code of the 409
for a duplicate name of a topic, that subscriptions are deleted with their topic, and the host in `apiEndpoint`.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Permission, Result, Service, Unique
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.state import Cloud, Record

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""Source: oci.ons.NotificationDataPlaneClient.publish_message."""

CONFIRMED_AT_ONCE: Final = frozenset({"ORACLE_FUNCTIONS"})
"""Protocols whose endpoints belong to the tenancy, so that their subscriptions need no confirmation."""

MAX_PAGE_SIZE: Final = 50
"""UNCONFIRMED: the largest `limit` that public clients send."""

TOPICS_SERVICE: Final = Service(
    name="notification",
    prefixes=("notification",),
    version="/20181201",
    client="ons.NotificationControlPlaneClient",
    max_page_size=MAX_PAGE_SIZE,
)
SUBSCRIPTIONS_SERVICE: Final = Service(
    name="notification_data",
    prefixes=("notification",),
    version="/20181201",
    client="ons.NotificationDataPlaneClient",
    max_page_size=MAX_PAGE_SIZE,
)


def _complete_topic(call: Call) -> JsonObject:
    return {"apiEndpoint": f"https://cell1.notification.{call.region}.oci.oraclecloud.com"}


def _show_topic(_cloud: Cloud, record: Record, now: float) -> JsonObject:
    return {"id": None, "topicId": record.id, "etag": crud.entity_tag(TOPICS, record, now)}


def _release_topic(call: Call, record: Record) -> None:
    for subscription in call.cloud.where("subscription", call.now, topicId=record.id):
        subscription.transition(call.now, [("DELETED", 0.0), (None, 0.0)])


TOPICS: Final = crud.declare_collection(
    Collection(
        service=TOPICS_SERVICE,
        kind="topic",
        noun="topic",
        plural="topics",
        ocid="onstopic",
        item="/topics/{topicId}",
        details=tagged("name! compartmentId! description"),
        changes=tagged("description!"),
        filters=("id", "name", "lifecycleState"),
        create_phases=[("CREATING", "notification"), ("ACTIVE", "")],
        delete_phases=[("DELETING", "notification"), (None, "")],
        unique=Unique(
            member="name",
            scope=(),
            code="NotAuthorizedOrResourceAlreadyExists",
            message="Authorization failed or requested resource already exists.",
        ),
        before_create=_complete_topic,
        before_delete=_release_topic,
        view=_show_topic,
    )
)


@SUBSCRIPTIONS_SERVICE.operation(
    "POST",
    "/topics/{topicId}/messages",
    "publish_message",
    details=body("title body!"),
    permission=Permission(verb="use", resource_type="ons-topics"),
)
def publish_message(call: Call) -> Result:
    """Accept a message for a topic."""
    topic = call.get("topic", call.resource_id)
    size = len(call.body["body"].encode())
    if not 0 < size <= MAX_MESSAGE_BYTES:
        raise invalid(f"body must have 1 to {MAX_MESSAGE_BYTES} bytes, got {size}")
    message_id = call.cloud.ids.hexadecimal(32)
    topic.hidden.setdefault("messages", []).append({"id": message_id, **call.body})
    return Result(body={"messageId": message_id, "timeStamp": timestamp(call.now)})


def _complete_subscription(call: Call) -> JsonObject:
    crud.get_usable(call, "topic", call.body["topicId"])
    return {"createdTime": int(call.now * 1000), "timeCreated": None, "metadata": None}


def _confirm(call: Call, record: Record) -> None:
    if record.body["protocol"] in CONFIRMED_AT_ONCE:
        record.transition(call.now, [("ACTIVE", 0.0)])


def _show_subscription(_cloud: Cloud, record: Record, now: float) -> JsonObject:
    return {"etag": crud.entity_tag(SUBSCRIPTIONS, record, now)}


SUBSCRIPTIONS: Final = crud.declare_collection(
    Collection(
        service=SUBSCRIPTIONS_SERVICE,
        kind="subscription",
        noun="subscription",
        plural="subscriptions",
        ocid="onssubscription",
        item="/subscriptions/{subscriptionId}",
        details=tagged(
            "topicId! compartmentId! endpoint! metadata"
            " protocol!=CUSTOM_HTTPS|EMAIL|HTTPS|ORACLE_FUNCTIONS|PAGERDUTY|SLACK|SMS"
        ),
        filters=("topicId",),
        create_phases=[("PENDING", "")],
        delete_phases=[("DELETED", "notification"), (None, "")],
        before_create=_complete_subscription,
        after_create=_confirm,
        view=_show_subscription,
    )
)
