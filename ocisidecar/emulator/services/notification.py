"""Notifications: topics, the subscriptions that wait for confirmation, and messages.

Source: oci.ons.NotificationControlPlaneClient and NotificationDataPlaneClient.  UNCONFIRMED: the code of the 409
for a duplicate name of a topic, that subscriptions are deleted with their topic, the host in `apiEndpoint`, how a
wrong token is refused, and which durations a delivery policy may have.
"""

from __future__ import annotations

import json
from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Permission, Result, Service, Unique
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.paging import page_of_records, select
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.services.topic_messages import (
    ask_for_confirmation,
    link,
    remember_endpoint,
    send_to_topic,
)
from ocisidecar.emulator.state import ENDED, Cloud, Record
from ocisidecar.emulator.subscription_endpoints import endpoint_error
from ocisidecar.emulator.tagging import check_defined_tags

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""Source: oci.ons.NotificationDataPlaneClient.publish_message."""

MESSAGES_PER_MINUTE: Final = 60
"""Of one topic.  Source: oci.ons.NotificationDataPlaneClient.publish_message."""

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
        call.cloud.outbox.drop(subscription.id)


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
declare_move(TOPICS)


@SUBSCRIPTIONS_SERVICE.operation(
    "POST",
    "/topics/{topicId}/messages",
    "publish_message",
    details=body("title body!"),
    permission=Permission(verb="use", resource_type="ons-topics"),
)
def publish_message(call: Call) -> Result:
    """Accept a message for a topic, and send it to the topic's confirmed subscriptions."""
    topic = crud.get_usable(call, "topic", call.path["topicId"])
    size = len(call.body["body"].encode())
    if not 0 < size <= MAX_MESSAGE_BYTES:
        raise invalid(f"body must have 1 to {MAX_MESSAGE_BYTES} bytes, got {size}")
    latest = [at for at in topic.hidden.get("published", ()) if at > call.now - 60]
    if len(latest) >= MESSAGES_PER_MINUTE:
        raise ServiceError("TooManyRequests")
    topic.hidden["published"] = [*latest, call.now]
    title, text = call.body.get("title", ""), call.body["body"]
    message_id = send_to_topic(call.cloud, topic, call.now, title=title, body_for=lambda _: text)
    return Result(body={"messageId": message_id, "timeStamp": timestamp(call.now)})


DELIVERY_POLICY: Final = body(
    "backoffRetryPolicy", backoffRetryPolicy=body("maxRetryDuration!:int policyType!=EXPONENTIAL")
)
DEFAULT_DELIVERY: Final[JsonObject] = {
    "backoffRetryPolicy": {"maxRetryDuration": 7_200_000, "policyType": "EXPONENTIAL"}
}
"""Source: oci.ons.models.BackoffRetryPolicy."""


def _complete_subscription(call: Call) -> JsonObject:
    crud.get_usable(call, "topic", call.body["topicId"])
    error = endpoint_error(call.body["protocol"], call.body["endpoint"])
    if error is not None:
        raise invalid(error)
    same = {name: call.body[name] for name in ("topicId", "protocol", "endpoint")}
    others = call.cloud.where("subscription", call.now, **same)
    is_taken = any(one.state_at(call.now) not in ENDED for one in others)
    if is_taken and not call.cloud.assumptions.accepts_equal_subscriptions:
        raise ServiceError("NotAuthorizedOrResourceAlreadyExists")
    return {
        "createdTime": int(call.now * 1000),
        "timeCreated": None,
        "metadata": None,
        "deliveryPolicy": DEFAULT_DELIVERY,
    }


def _after_create(call: Call, record: Record) -> None:
    remember_endpoint(call, record)
    if record.body["protocol"] in CONFIRMED_AT_ONCE:
        record.transition(call.now, [("ACTIVE", 0.0)])
    else:
        ask_for_confirmation(call.cloud, record, call.now)


def _release_subscription(call: Call, record: Record) -> None:
    call.cloud.outbox.drop(record.id)


def _show_subscription(_cloud: Cloud, record: Record, now: float) -> JsonObject:
    policy = json.dumps(record.body["deliveryPolicy"], separators=(",", ":"))
    tag = crud.entity_tag(SUBSCRIPTIONS, record, now)
    return {"etag": tag, "deliverPolicy": policy, "deliveryPolicy": None}


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
        after_create=_after_create,
        before_delete=_release_subscription,
        view=_show_subscription,
        summary_without=frozenset({"deliverPolicy"}),
        is_listed=False,
    )
)
declare_move(SUBSCRIPTIONS)


@SUBSCRIPTIONS_SERVICE.operation(
    "GET",
    SUBSCRIPTIONS.path,
    "list_subscriptions",
    listing="array",
    query=("compartmentId",),
    collection=SUBSCRIPTIONS,
)
def list_subscriptions(call: Call) -> Result:
    """Respond with subscriptions, whose delivery policies are objects here and strings elsewhere."""
    call.compartment(call.query["compartmentId"])
    records = select(
        call, call.cloud.store.all(SUBSCRIPTIONS.kind, call.now), ("compartmentId", *SUBSCRIPTIONS.filters)
    )
    return page_of_records(
        call,
        records,
        lambda record: {
            **crud.summary(call.cloud, SUBSCRIPTIONS, record, call.now),
            "deliveryPolicy": record.body["deliveryPolicy"],
        },
    )


@SUBSCRIPTIONS_SERVICE.operation(
    "PUT",
    SUBSCRIPTIONS.item,
    "update_subscription",
    details=tagged("deliveryPolicy", deliveryPolicy=DELIVERY_POLICY),
    headers=("etag",),
    collection=SUBSCRIPTIONS,
)
def update_subscription(call: Call) -> Result:
    """Change delivery policy and tags; respond with them."""
    record = call.get(SUBSCRIPTIONS.kind, call.resource_id)
    crud.require_state(call, record, {"PENDING", "ACTIVE"})
    crud.check_etag(call, SUBSCRIPTIONS, record)
    policy = call.body.get("deliveryPolicy", {}).get("backoffRetryPolicy")
    if policy is not None and policy["maxRetryDuration"] < 0:
        raise invalid("maxRetryDuration must not be negative")
    check_defined_tags(call, call.body)
    record.change(call.body)
    shown = {name: record.body[name] for name in ("deliveryPolicy", "freeformTags", "definedTags")}
    return Result(body=shown, headers={"etag": crud.entity_tag(SUBSCRIPTIONS, record, call.now)})


_BY_TOKEN: Final = {"query": ("token", "protocol"), "collection": SUBSCRIPTIONS, "is_signed": False}


@SUBSCRIPTIONS_SERVICE.operation(
    "GET", "/subscriptions/{id}/confirmation", "get_confirm_subscription", is_write=True, **_BY_TOKEN
)
def get_confirm_subscription(call: Call) -> Result:
    """Confirm a subscription with the token that its endpoint has received."""
    record = _by_token(call)
    if record.state_at(call.now) == "PENDING":
        record.transition(call.now, [("ACTIVE", 0.0)])
    topic = call.get("topic", record.body["topicId"])
    return Result(
        body={
            "topicName": topic.body["name"],
            "topicId": topic.id,
            "endpoint": record.body["endpoint"],
            "unsubscribeUrl": link(record, "unsubscription"),
            "message": "Subscription confirmed",
            "subscriptionId": record.id,
        }
    )


@SUBSCRIPTIONS_SERVICE.operation(
    "GET", "/subscriptions/{id}/unsubscription", "get_unsubscription", is_write=True, **_BY_TOKEN
)
def get_unsubscription(call: Call) -> Result:
    """End a subscription with its token."""
    record = _by_token(call)
    call.cloud.outbox.drop(record.id)
    record.transition(call.now, crud.draw_phases(call, record.id, SUBSCRIPTIONS.delete_phases))
    return Result(body="Subscription ended")


def _by_token(call: Call) -> Record:
    record = call.get(SUBSCRIPTIONS.kind, call.resource_id)
    crud.require_state(call, record, {"PENDING", "ACTIVE"})
    if (call.query["token"], call.query["protocol"]) != (record.hidden["token"], record.body["protocol"]):
        raise not_found()
    return record


@SUBSCRIPTIONS_SERVICE.operation(
    "POST",
    "/subscriptions/{id}/resendConfirmation",
    "resend_subscription_confirmation",
    headers=("etag",),
    collection=SUBSCRIPTIONS,
)
def resend_subscription_confirmation(call: Call) -> Result:
    """Send a pending subscription's token again."""
    record = crud.require_state(call, call.get(SUBSCRIPTIONS.kind, call.resource_id), {"PENDING"})
    ask_for_confirmation(call.cloud, record, call.now)
    return crud.resource_result(call, record)


def confirmation_token(cloud: Cloud, subscription_id: str) -> str:
    """Return the token that a subscription's endpoint has received.

    Raises:
        LookupError: the subscription does not exist.
    """
    record = cloud.store.find(SUBSCRIPTIONS.kind, subscription_id, cloud.clock.time())
    if record is None:
        raise LookupError(f"no confirmation was asked for: the subscription {subscription_id} does not exist")
    token: str = record.hidden["token"]
    return token
