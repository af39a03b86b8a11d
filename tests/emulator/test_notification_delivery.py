"""Messages of topics reach HTTP endpoints on the loopback interface, and are repeated when these refuse them."""

import json

import pytest
from oci._vendor import requests

from ocisidecar.clock import FastClock
from ocisidecar.emulator import Emulator
from tests.webhook import Webhook


@pytest.fixture
def webhook():
    with Webhook() as running:
        yield running


@pytest.fixture
def subscriptions(client):
    return client("ons.NotificationDataPlaneClient")


@pytest.fixture
def topic_id(emulator, client):
    details = {"name": "alerts", "compartmentId": emulator.compartment_id}
    return client("ons.NotificationControlPlaneClient").create_topic(details).data.topic_id


@pytest.fixture
def subscribe(emulator, subscriptions, topic_id):
    def subscribe(endpoint, protocol="CUSTOM_HTTPS"):
        members = {"topicId": topic_id, "compartmentId": emulator.compartment_id, "protocol": protocol}
        return subscriptions.create_subscription({**members, "endpoint": endpoint}).data

    return subscribe


@pytest.fixture
def subscription(emulator, subscribe, webhook):
    made = subscribe(webhook.url)
    emulator.deliver()
    return made


@pytest.fixture
def confirmed(subscription, webhook):
    webhook.confirm()
    return subscription.id


@pytest.fixture
def publish(subscriptions, topic_id):
    return lambda body="b", **members: subscriptions.publish_message(topic_id, {"body": body, **members}).data


def test_an_endpoint_is_asked_to_confirm_by_a_url_that_needs_no_signature(
    webhook, subscriptions, subscription, topic_id
):
    """The first message has the confirmation's URL in header and body; visiting it confirms."""
    (received,) = webhook.requests
    assert received.headers["content-type"] == "application/json"
    assert received.headers["X-OCI-NS-TopicOcid"] == topic_id
    assert received.json() == {"ConfirmationURL": received.headers["X-OCI-NS-ConfirmationURL"]}
    assert subscriptions.get_subscription(subscription.id).data.lifecycle_state == "PENDING"
    webhook.confirm()
    assert subscriptions.get_subscription(subscription.id).data.lifecycle_state == "ACTIVE"


def test_a_url_with_a_wrong_token_confirms_nothing(emulator, subscriptions, subscription):
    """An unsigned request with another token gets 404 and leaves the subscription PENDING."""
    path = f"/notification/20181201/subscriptions/{subscription.id}/confirmation?token=x&protocol=CUSTOM_HTTPS"
    assert requests.get(emulator.endpoint + path, timeout=10).status_code == 404
    assert subscriptions.get_subscription(subscription.id).data.lifecycle_state == "PENDING"


def test_other_operations_need_a_signature(emulator, subscription):
    """A subscription cannot be read without a signature."""
    path = f"/notification/20181201/subscriptions/{subscription.id}"
    assert requests.get(emulator.endpoint + path, timeout=10).status_code == 401


@pytest.mark.usefixtures("subscription")
def test_a_message_reaches_confirmed_subscriptions_only(emulator, webhook, publish):
    """A message is sent as it is to an ACTIVE subscription, and never to one that was PENDING when it came."""
    publish("early")
    webhook.confirm()
    publish("late", title="t")
    emulator.deliver()
    (received,) = webhook.of_type("Notification")
    assert received.body == "late"
    assert received.headers["content-type"] == "text/plain; charset=UTF-8"


def test_the_confirmation_is_sent_again_when_asked_for(emulator, webhook, subscriptions, subscription):
    """A call of resendConfirmation sends the message with the URL a second time."""
    subscriptions.resend_subscription_confirmation(subscription.id)
    emulator.deliver()
    assert len(webhook.of_type("SubscriptionConfirmation")) == 2


@pytest.mark.usefixtures("confirmed")
def test_a_refused_message_is_repeated_at_growing_intervals(emulator, webhook, publish, clock):
    """After two refusals a message is delivered at the third attempt, 5 and then 10 seconds later."""
    webhook.statuses += [500, 503]
    publish()
    for seconds, expected in ((0, 1), (4, 1), (1, 2), (9, 2), (1, 3), (3600, 3)):
        clock.advance(seconds)
        emulator.deliver()
        assert len(webhook.of_type("Notification")) == expected
    sent = emulator.notifications[-1]
    assert (sent.state, sent.attempts, sent.error) == ("delivered", 3, "")
    assert sent.delivered_at - sent.accepted_at == 15


def test_a_message_is_given_up_when_the_delivery_policy_says_so(
    emulator, webhook, subscriptions, confirmed, publish, clock
):
    """With a maximal retry duration of 10 s a message that is refused at 0 and 5 s has failed."""
    policy = {"backoffRetryPolicy": {"maxRetryDuration": 10_000, "policyType": "EXPONENTIAL"}}
    subscriptions.update_subscription(confirmed, {"deliveryPolicy": policy})
    webhook.statuses += [500] * 9
    publish()
    for _ in range(60):
        emulator.deliver()
        clock.advance(5)
    assert len(webhook.of_type("Notification")) == 2
    assert (emulator.notifications[-1].state, emulator.notifications[-1].error) == ("failed", "status 500")


def test_an_endpoint_that_is_down_gets_the_message_later(emulator, subscribe, publish):
    """A refused connection is repeated like a refused message."""
    with Webhook() as webhook:
        subscribe(webhook.url)
        emulator.deliver()
        webhook.confirm()
    publish()
    emulator.deliver()
    assert emulator.notifications[-1].error.startswith("ConnectionRefusedError")
    assert emulator.notifications[-1].state == "pending"


def test_an_ended_subscription_gets_nothing_more(emulator, webhook, subscriptions, confirmed, publish, clock):
    """What waits for a repetition is dropped when the subscription is deleted."""
    webhook.statuses += [500]
    publish()
    emulator.deliver()
    subscriptions.delete_subscription(confirmed)
    clock.advance(60)
    emulator.deliver()
    assert len(webhook.of_type("Notification")) == 1


def test_a_password_in_the_url_is_sent_when_the_endpoint_asks_for_one(emulator, webhook, subscribe):
    """The first request has no password; after a 401 the second one has it."""
    webhook.statuses += [401]
    subscribe(webhook.url.replace("//", "//user:p%40ss@"))
    emulator.deliver()
    first, second = webhook.requests
    assert "Authorization" not in first.headers
    assert second.headers["Authorization"] == "Basic dXNlcjpwQHNz"


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        ("EMAIL", "ops@example.com"),
        ("CUSTOM_HTTPS", "https://example.com/hook"),
        ("SLACK", "https://hooks.slack.com/services/T0/B0/x"),
    ],
)
def test_nothing_leaves_the_machine(emulator, subscribe, protocol, endpoint):
    """A message for an endpoint elsewhere is recorded and not sent."""
    made = subscribe(endpoint, protocol)
    emulator.deliver()
    (sent,) = emulator.notifications
    assert (sent.subscription_id, sent.state, sent.attempts) == (made.id, "withheld", 0)
    assert emulator.confirmation_token(made.id) in sent.body


@pytest.mark.usefixtures("confirmed")
def test_an_endpoint_gets_so_many_messages_a_minute(emulator, webhook, publish, clock):
    """The 60th message of a minute, the confirmation included, arrives at once and the next one a minute later."""
    for _ in range(60):
        publish()
        emulator.deliver()
    assert len(webhook.of_type("Notification")) == 59
    clock.advance(60)
    emulator.deliver()
    assert len(webhook.of_type("Notification")) == 60


def test_a_topic_takes_so_many_messages_a_minute(publish, refused, clock):
    """The 61st message within a minute is refused with 429."""
    for _ in range(60):
        publish()
    refused(429, "TooManyRequests", publish)
    clock.advance(60)
    publish()


def test_with_a_clock_that_runs_messages_are_sent_without_being_asked_for(client_of, webhook):
    """On a clock that runs by itself a message that was refused is repeated without a call."""
    webhook.statuses += [500]
    with Emulator(clock=FastClock(1000)) as emulator:
        control = client_of(emulator, "ons.NotificationControlPlaneClient")
        topic = control.create_topic({"name": "alerts", "compartmentId": emulator.compartment_id}).data
        members = {"topicId": topic.topic_id, "compartmentId": emulator.compartment_id}
        data = client_of(emulator, "ons.NotificationDataPlaneClient")
        data.create_subscription({**members, "protocol": "CUSTOM_HTTPS", "endpoint": webhook.url})
        while len(webhook.requests) < 2:
            emulator.clock.sleep(10)
    assert [one.message_type for one in webhook.requests] == ["SubscriptionConfirmation"] * 2


@pytest.mark.usefixtures("confirmed")
def test_an_emulator_that_was_reset_sends_nothing_of_before(emulator, webhook, publish):
    """A reset forgets what is on its way."""
    webhook.statuses += [500]
    publish()
    emulator.deliver()
    emulator.reset()
    emulator.deliver()
    assert emulator.notifications == ()


@pytest.mark.usefixtures("confirmed")
def test_a_message_in_json_arrives_unchanged(emulator, webhook, publish):
    """Non-ASCII text arrives as UTF-8."""
    publish(json.dumps({"text": "größer ✓"}, ensure_ascii=False))
    emulator.deliver()
    assert webhook.of_type("Notification")[0].json() == {"text": "größer ✓"}
