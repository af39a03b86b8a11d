"""Notifications: from a topic to the endpoints of its subscriptions, and the message that asks to confirm one.

Source: Oracle, "Confirming a Subscription" for the headers and the body of that message.  UNCONFIRMED: the headers
of other messages, that HTTP endpoints get the body as it is and no title, and the texts for people.  The headers
with the signature are missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from ocisidecar.emulator.declarations import Call
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.outbox import Delivery, Notification
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.state import Cloud, Record
from ocisidecar.emulator.subscription_endpoints import is_on_loopback

SUBSCRIPTION: Final = "subscription"
_WEB: Final = frozenset({"CUSTOM_HTTPS", "HTTPS", "PAGERDUTY", "SLACK"})


def remember_endpoint(call: Call, subscription: Record) -> None:
    """Give a subscription its token, and the URL at which this emulator can be asked to confirm it."""
    subscription.hidden["token"] = call.cloud.ids.hexadecimal(32)
    subscription.hidden["url"] = f"http://{call.headers.get('host')}/{call.region}/notification/20181201"


def link(subscription: Record, action: str) -> str:
    """Return the URL that confirms or ends a subscription when it is visited."""
    query = urlencode({"token": subscription.hidden["token"], "protocol": subscription.body["protocol"]})
    return f"{subscription.hidden['url']}/subscriptions/{subscription.id}/{action}?{query}"


def send_to_topic(cloud: Cloud, topic: Record, now: float, *, title: str, body_for: Callable[[str], str]) -> str:
    """Send a message to all confirmed subscriptions of a topic; returns its id.

    Args:
        cloud: whose outbox gets it.
        topic: the topic.
        now: seconds since the epoch.
        title: empty for none.
        body_for: returns the body for a protocol.
    """
    message_id = cloud.ids.hexadecimal(32)
    for subscription in cloud.where(SUBSCRIPTION, now, topicId=topic.id):
        if subscription.state_at(now) == "ACTIVE":
            body = body_for(subscription.body["protocol"])
            _send(cloud, topic, subscription, now, _message(message_id, "Notification", title, body))
    return message_id


def ask_for_confirmation(cloud: Cloud, subscription: Record, now: float) -> None:
    """Send the message with the URL that confirms a subscription to its endpoint."""
    topic = cloud.store.find("topic", subscription.body["topicId"], now)
    if topic is None:
        return
    url = link(subscription, "confirmation")
    is_custom = subscription.body["protocol"] == "CUSTOM_HTTPS"
    body = json.dumps({"ConfirmationURL": url}) if is_custom else f"To confirm this subscription, visit {url}"
    title = "Oracle Notification Service Subscription Confirmation"
    message = _message(cloud.ids.hexadecimal(32), "SubscriptionConfirmation", title, body)
    _send(cloud, topic, subscription, now, message)


def _message(message_id: str, kind: str, title: str, body: str) -> JsonObject:
    return {"message_id": message_id, "type": kind, "title": title, "body": body}


def _send(cloud: Cloud, topic: Record, subscription: Record, now: float, message: JsonObject) -> None:
    members = subscription.body
    can_be_sent = members["protocol"] in _WEB and is_on_loopback(members["endpoint"])
    notification = Notification(
        subscription_id=subscription.id,
        protocol=members["protocol"],
        endpoint=members["endpoint"],
        accepted_at=now,
        state="pending" if can_be_sent else "withheld",
        **message,
    )
    policy = members["deliveryPolicy"]["backoffRetryPolicy"]
    cloud.outbox.add(
        Delivery(
            notification=notification,
            headers=_headers(topic, subscription, notification),
            repeat_seconds=policy["maxRetryDuration"] / 1000,
            due_at=now,
        )
    )


def _headers(topic: Record, subscription: Record, notification: Notification) -> dict[str, str]:
    is_confirmation = notification.type == "SubscriptionConfirmation"
    named = {
        "TopicOcid": topic.id,
        "TopicName": topic.body["name"],
        "Timestamp": timestamp(notification.accepted_at),
        "MessageId": notification.message_id,
        "MessageType": notification.type,
        "SubscriptionId": subscription.id,
    }
    if is_confirmation:
        named |= {"ConfirmationURL": link(subscription, "confirmation"), "State": "Pending"}
    content_type = "application/json" if is_confirmation else "text/plain; charset=UTF-8"
    return {"content-type": content_type, **{f"X-OCI-NS-{name}": value for name, value in named.items()}}
