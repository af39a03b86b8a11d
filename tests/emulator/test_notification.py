"""Topics, subscriptions and messages."""

import json

import pytest

from ocisidecar.emulator import Emulator, Latencies


@pytest.fixture
def topics(client):
    return client("ons.NotificationControlPlaneClient")


@pytest.fixture
def subscriptions(client):
    return client("ons.NotificationDataPlaneClient")


@pytest.fixture
def topic(emulator, topics):
    return topics.create_topic({"name": "alerts", "compartmentId": emulator.compartment_id}).data


def test_a_topic_is_named_by_topic_id(emulator, topics, topic):
    """A topic has `topicId` and `apiEndpoint`, and is listed by name or id."""
    assert topic.topic_id.startswith("ocid1.onstopic.")
    assert topic.api_endpoint.startswith("https://")
    for selection in ({"name": "alerts"}, {"id": topic.topic_id}):
        assert [one.topic_id for one in topics.list_topics(emulator.compartment_id, **selection).data] == [
            topic.topic_id
        ]
    assert topics.list_topics(emulator.compartment_id, name="other").data == []


def test_a_topic_name_is_taken_once_in_the_tenancy(emulator, topics, topic, refused):
    """A topic's name is refused in another compartment too."""
    details = {"name": topic.name, "compartmentId": emulator.tenancy_id}
    refused(409, "NotAuthorizedOrResourceAlreadyExists", topics.create_topic, details)


def test_an_update_changes_the_description(topics, topic):
    """An update changes the description and not the name."""
    changed = topics.update_topic(topic.topic_id, {"description": "pages people"}).data
    assert (changed.name, changed.description) == ("alerts", "pages people")


@pytest.mark.parametrize(("protocol", "state"), [("EMAIL", "PENDING"), ("ORACLE_FUNCTIONS", "ACTIVE")])
def test_a_subscription_waits_for_confirmation(emulator, subscriptions, topic, protocol, state):
    """A subscription is PENDING, unless its protocol needs no confirmation."""
    details = {"topicId": topic.topic_id, "compartmentId": emulator.compartment_id, "protocol": protocol}
    made = subscriptions.create_subscription({**details, "endpoint": "ops@example.com"}).data
    assert made.lifecycle_state == state
    assert isinstance(made.created_time, int)
    listed = subscriptions.list_subscriptions(emulator.compartment_id, topic_id=topic.topic_id).data
    assert [one.id for one in listed] == [made.id]


@pytest.fixture
def subscription(emulator, subscriptions, topic):
    details = {"topicId": topic.topic_id, "compartmentId": emulator.compartment_id, "protocol": "EMAIL"}
    return subscriptions.create_subscription({**details, "endpoint": "ops@example.com"}).data


def test_the_delivery_policy_is_a_string_or_an_object(emulator, subscriptions, subscription):
    """A subscription has its delivery policy as a string, a list and an update as an object."""
    assert json.loads(subscription.deliver_policy) == {
        "backoffRetryPolicy": {"maxRetryDuration": 7200000, "policyType": "EXPONENTIAL"}
    }
    policy = {"backoffRetryPolicy": {"maxRetryDuration": 1000, "policyType": "EXPONENTIAL"}}
    changed = subscriptions.update_subscription(subscription.id, {"deliveryPolicy": policy}).data
    (listed,) = subscriptions.list_subscriptions(emulator.compartment_id).data
    for one in (changed, listed):
        assert one.delivery_policy.backoff_retry_policy.max_retry_duration == 1000
    assert json.loads(subscriptions.get_subscription(subscription.id).data.deliver_policy) == policy


def test_a_token_confirms_and_ends_a_subscription(emulator, subscriptions, subscription, topic, refused):
    """A subscription becomes ACTIVE with the token that its endpoint got, and ends with it; others get 404."""
    token = emulator.confirmation_token(subscription.id)
    refused(
        404, "NotAuthorizedOrNotFound", subscriptions.get_confirm_subscription, subscription.id, "other", "EMAIL"
    )
    confirmed = subscriptions.get_confirm_subscription(subscription.id, token, "EMAIL").data
    assert (confirmed.topic_name, confirmed.subscription_id) == (topic.name, subscription.id)
    assert subscriptions.get_subscription(subscription.id).data.lifecycle_state == "ACTIVE"
    refused(409, "IncorrectState", subscriptions.resend_subscription_confirmation, subscription.id)
    subscriptions.get_unsubscription(subscription.id, token, "EMAIL")
    refused(404, "NotAuthorizedOrNotFound", subscriptions.get_subscription, subscription.id)
    with pytest.raises(LookupError, match="does not exist"):
        emulator.confirmation_token(subscription.id)


def test_a_topic_on_its_way_out_takes_no_subscription(clock, client_of, refused):
    """A topic that is DELETING refuses subscriptions."""
    with Emulator(clock=clock, latencies=Latencies(notification=5)) as emulator:
        topics = client_of(emulator, "ons.NotificationControlPlaneClient")
        subscriptions = client_of(emulator, "ons.NotificationDataPlaneClient")
        topic_id = topics.create_topic({"name": "alerts", "compartmentId": emulator.compartment_id}).data.topic_id
        details = {"topicId": topic_id, "compartmentId": emulator.compartment_id, "protocol": "EMAIL"}
        details["endpoint"] = "ops@example.com"
        refused(409, "IncorrectState", subscriptions.create_subscription, details)
        clock.advance(5)
        subscriptions.create_subscription(details)
        topics.delete_topic(topic_id)
        refused(409, "IncorrectState", subscriptions.create_subscription, details)


def test_subscriptions_go_with_their_topic(emulator, topics, subscriptions, topic):
    """Deleting a topic deletes its subscriptions."""
    details = {"topicId": topic.topic_id, "compartmentId": emulator.compartment_id, "protocol": "EMAIL"}
    subscriptions.create_subscription({**details, "endpoint": "ops@example.com"})
    topics.delete_topic(topic.topic_id)
    assert emulator.live() == {}


def test_a_message_gets_an_id(subscriptions, topic):
    """A published message is accepted with an id and a time."""
    result = subscriptions.publish_message(topic.topic_id, {"title": "t", "body": "b"}).data
    assert result.message_id
    assert result.time_stamp is not None


def test_a_message_of_more_than_64_kib_is_refused(subscriptions, topic, refused):
    """A message of more than 64 KiB in UTF-8 gets 400."""
    assert subscriptions.publish_message(topic.topic_id, {"body": "x" * 65536}).status == 200
    refused(400, "InvalidParameter", subscriptions.publish_message, topic.topic_id, {"body": "é" * 32769})
