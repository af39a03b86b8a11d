"""Topics, subscriptions and messages."""

import json

import pytest

from ocisidecar.emulator import Assumptions, Emulator, Latencies


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


@pytest.mark.parametrize(
    ("protocol", "endpoint", "state"),
    [
        ("EMAIL", "ops@example.com", "PENDING"),
        ("ORACLE_FUNCTIONS", "ocid1.fnfunc.oc1.eu-frankfurt-1.aaaa", "ACTIVE"),
    ],
)
def test_a_subscription_waits_for_confirmation(emulator, subscriptions, topic, protocol, endpoint, state):
    """A subscription is PENDING, unless its protocol needs no confirmation."""
    details = {"topicId": topic.topic_id, "compartmentId": emulator.compartment_id, "protocol": protocol}
    made = subscriptions.create_subscription({**details, "endpoint": endpoint}).data
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


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"protocol": "PIGEON"}, "InvalidParameter"),
        ({"endpoint": "nobody"}, "InvalidParameter"),
        ({"protocol": "SLACK", "endpoint": "https://example.com/"}, "InvalidParameter"),
        ({"endpoint": None}, "MissingParameter"),
    ],
)
def test_a_wrong_subscription_is_refused(emulator, subscriptions, topic, changes, code, refused):
    """A subscription with an unknown protocol, or an endpoint of another protocol, is refused."""
    details = {"topicId": topic.topic_id, "compartmentId": emulator.compartment_id, "protocol": "EMAIL"}
    details["endpoint"] = "ops@example.com"
    refused(400, code, subscriptions.create_subscription, details | changes)


def test_a_topic_has_one_subscription_of_an_endpoint(
    emulator, subscriptions, subscription, make_emulator, client_of, refused
):
    """An equal subscription is refused with 409 while the first one exists, unless assumed otherwise."""
    details = {"topicId": subscription.topic_id, "compartmentId": emulator.compartment_id, "protocol": "EMAIL"}
    details["endpoint"] = "ops@example.com"
    refused(409, "NotAuthorizedOrResourceAlreadyExists", subscriptions.create_subscription, details)
    subscriptions.delete_subscription(subscription.id)
    subscriptions.create_subscription(details)
    other = make_emulator(assumptions=Assumptions(accepts_equal_subscriptions=True))
    home = {"compartmentId": other.compartment_id}
    control = client_of(other, "ons.NotificationControlPlaneClient")
    home["topicId"] = control.create_topic({"name": "alerts", **home}).data.topic_id
    accepting = client_of(other, "ons.NotificationDataPlaneClient")
    first, second = (accepting.create_subscription(details | home).data.id for _ in range(2))
    assert first != second


def test_a_change_names_the_version_that_it_is_of(subscriptions, subscription, refused):
    """An update or a delete with an outdated entity tag is refused with 412."""
    tag = subscriptions.get_subscription(subscription.id).data.etag
    subscriptions.update_subscription(subscription.id, {"freeformTags": {"a": "b"}}, if_match=tag)
    changes = {"freeformTags": {"a": "c"}}
    refused(412, "NoEtagMatch", subscriptions.update_subscription, subscription.id, changes, if_match=tag)
    refused(412, "NoEtagMatch", subscriptions.delete_subscription, subscription.id, if_match=tag)


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
