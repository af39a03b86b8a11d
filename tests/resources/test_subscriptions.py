"""Subscriptions: who gets the messages of a deployment's topics."""

import json

import pytest
from attrs import evolve

from ocisidecar import (
    Action,
    AlarmSpec,
    ApplyFailed,
    DeploymentSpec,
    NetworkSpec,
    SecretRef,
    SpecError,
    TopicSpec,
    dump_spec,
    load_spec,
)
from ocisidecar.client.retry import CREATE
from ocisidecar.emulator import Assumptions, Emulator
from tests.readers import reader_of
from tests.webhook import Webhook

NOWHERE = NetworkSpec.existing("ocid1.subnet.oc1..unused")
MAIL = "mailto:ops@example.com"
KEY = "subscription/oncall/mailto:ops@example.com"
SLACK = "https://hooks.slack.com/services/T0/B0/swordfish"


def deployment(*subscriptions, name="oncall"):
    topic = TopicSpec(name, subscriptions=subscriptions)
    return DeploymentSpec("web", network=NOWHERE, topic=topic)


@pytest.fixture
def data(sdk):
    return sdk("ons.NotificationDataPlaneClient")


def confirm(provisioner, data, subscription_id):
    """Do what the owner of an endpoint does."""
    protocol = data.get_subscription(subscription_id).data["protocol"]
    token = provisioner.emulator.confirmation_token(subscription_id)
    data.get_confirm_subscription(subscription_id, token, protocol)


@pytest.mark.parametrize(
    ("subscriber", "protocol", "endpoint"),
    [
        (MAIL, "EMAIL", "ops@example.com"),
        ("sms:+14255550100", "SMS", "+14255550100"),
        ("https://example.com/hook?a=b", "CUSTOM_HTTPS", "https://example.com/hook?a=b"),
        ("ocid1.fnfunc.oc1.eu-frankfurt-1.page", "ORACLE_FUNCTIONS", "ocid1.fnfunc.oc1.eu-frankfurt-1.page"),
    ],
)
def test_a_subscriber_says_by_its_form_how_it_is_reached(provisioner, data, subscriber, protocol, endpoint):
    """Each form of a subscriber is a subscription of its protocol, and a second apply finds nothing to do."""
    made = provisioner.apply(deployment(subscriber)).resources
    shown = data.get_subscription(made[f"subscription/oncall/{subscriber}"]).data
    assert (shown["protocol"], shown["endpoint"], shown["topicId"]) == (protocol, endpoint, made["topic/oncall"])
    assert provisioner.plan(deployment(subscriber)).changes == ()
    provisioner.destroy("web")
    assert provisioner.emulator.live() == {}


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        (SLACK, "SLACK"),
        ("https://events.pagerduty.com/integration/swordfish/enqueue", "PAGERDUTY"),
        ("https://example.com/swordfish", "CUSTOM_HTTPS"),
    ],
)
def test_a_url_from_the_vault_is_read_by_the_create_and_shown_nowhere(provisioner, data, url, protocol):
    """The URL in a vault secret decides the protocol; no plan, tag, report, status, repr or event holds it."""
    events = []
    spec = deployment(SecretRef(provisioner.emulator.store_secret(f"{url}\n".encode())))
    plan = provisioner.plan(spec)
    made = provisioner.apply(plan, on_event=events.append)
    (subscription_id,) = (made.resources[key] for key in made.resources if key.startswith("subscription/"))
    shown = data.get_subscription(subscription_id).data
    assert (shown["protocol"], shown["endpoint"]) == (protocol, url)
    again = provisioner.plan(spec)
    texts = [plan, plan.to_json(), plan.desired, again, again.to_json(), again.snapshot, made, made.to_json(), spec]
    texts += [made.verify(spec), made.diagnose(), *events, dump_spec(spec), shown["freeformTags"]]
    assert [one for one in texts if "swordfish" in f"{one}{one!r}"] == []
    assert again.changes == ()


@pytest.mark.parametrize("content", [b"ops@example.com", b"http://example.com/swordfish", b"\xff\xfe", b""])
def test_a_secret_that_holds_no_url_is_refused_without_showing_it(provisioner, content):
    """Content of a vault secret that is no https URL fails the create, and the error does not hold it."""
    spec = deployment(SecretRef(provisioner.emulator.store_secret(content)))
    with pytest.raises(ApplyFailed, match="vault secret") as raised:
        provisioner.apply(spec)
    assert "swordfish" not in f"{raised.value}{raised.value.causes}"


def test_another_version_of_the_secret_replaces_the_subscription(provisioner, data):
    """A new version number creates the subscription again with the new URL; the plan shows neither URL."""
    secret = provisioner.emulator.store_secret(SLACK.encode(), f"{SLACK}-2".encode())
    provisioner.apply(deployment(SecretRef(secret, version=1)))
    plan = provisioner.plan(deployment(SecretRef(secret, version=2)))
    (step,) = plan.changes
    assert step.action is Action.REPLACE
    assert "swordfish" not in f"{plan}{plan.to_json()}"
    made = provisioner.apply(plan).resources
    shown = data.get_subscription(made[f"subscription/oncall/{secret}"]).data
    assert shown["endpoint"] == f"{SLACK}-2"
    assert len(provisioner.emulator.live()["subscription"]) == 1


def test_a_subscriber_that_leaves_the_spec_loses_its_subscription(provisioner):
    """One subscriber goes, another comes, and the third keeps its subscription."""
    before = provisioner.apply(deployment(MAIL, "https://a.example.com/")).resources
    plan = provisioner.plan(deployment(MAIL, "https://b.example.com/"))
    assert {str(step.key).rpartition("//")[2]: step.action for step in plan.changes} == {
        "a.example.com/": Action.DELETE,
        "b.example.com/": Action.CREATE,
    }
    assert provisioner.apply(plan).resources[KEY] == before[KEY]


def test_a_plan_and_the_status_say_who_must_confirm(provisioner, data):
    """Until it is confirmed, a plan warns of a subscription and the deployment lists it; both say what to do."""
    spec = deployment(MAIL)
    assert "must click the link" in str(provisioner.plan(spec))
    made = provisioner.apply(spec)
    (warning,) = provisioner.plan(spec).warnings
    assert warning.startswith(f"{KEY} is not confirmed")
    assert "the owner of ops@example.com must click the link" in warning
    assert list(made.unconfirmed_subscriptions) == [KEY]
    assert json.loads(made.to_json())["unconfirmed_subscriptions"].keys() == {KEY}
    confirm(provisioner, data, made.resources[KEY])
    assert made.refresh().unconfirmed_subscriptions == {}
    assert provisioner.plan(spec).warnings == ()


def test_an_unsubscribed_subscriber_is_asked_again(provisioner, data):
    """A subscription that its owner has ended is created again by the next apply."""
    subscription_id = provisioner.apply(deployment(MAIL)).resources[KEY]
    token = provisioner.emulator.confirmation_token(subscription_id)
    data.get_unsubscription(subscription_id, token, "EMAIL")
    (step,) = provisioner.plan(deployment(MAIL)).changes
    assert (step.action, str(step.key)) == (Action.CREATE, KEY)
    assert provisioner.apply(deployment(MAIL)).resources[KEY] != subscription_id


@pytest.mark.parametrize("accepts_equal_subscriptions", [False, True])
def test_a_subscription_made_by_hand_is_adopted(clock, connect, accepts_equal_subscriptions):
    """A subscription of the same endpoint is taken over; unadopted, it is in the way where OCI refuses a second."""
    assumptions = Assumptions(accepts_equal_subscriptions=accepts_equal_subscriptions)
    with Emulator(clock=clock, assumptions=assumptions) as emulator:
        _adopt(connect(emulator), emulator, is_refused=not accepts_equal_subscriptions)


def _adopt(provisioner, emulator, *, is_refused):
    call = reader_of(provisioner, "web").caller.call
    topic_id = provisioner.apply(deployment()).resources["topic/oncall"]
    members = {"topicId": topic_id, "compartmentId": emulator.compartment_id, "protocol": "EMAIL"}
    made = {**members, "endpoint": "ops@example.com"}
    by_hand = str(call("ons.NotificationDataPlaneClient", "create_subscription", made, intent=CREATE).body["id"])
    if is_refused:
        with pytest.raises(ApplyFailed, match="adopt"):
            provisioner.apply(deployment(MAIL))
    adopted = provisioner.apply(provisioner.adopt(deployment(MAIL), {KEY: by_hand}))
    assert adopted.resources[KEY] == by_hand
    assert provisioner.plan(deployment(MAIL)).changes == ()
    provisioner.destroy("web")
    assert emulator.live() == {}


def test_a_long_url_has_a_short_key(provisioner):
    """A key is the value of a tag, so of a long URL it holds a hash."""
    url = "https://example.com/" + "x" * 400
    made = provisioner.apply(deployment(url)).resources
    (key,) = (key for key in made if key.startswith("subscription/"))
    assert key.startswith("subscription/oncall/https-")
    assert len(key) < 64
    assert provisioner.plan(deployment(url)).changes == ()


def test_tags_of_the_spec_reach_subscriptions(provisioner, data):
    """A changed tag is written in place, although the answer to the update holds little else."""
    spec = evolve(deployment(MAIL), freeform_tags={"team": "a"})
    subscription_id = provisioner.apply(spec).resources[KEY]
    changed = evolve(spec, freeform_tags={"team": "b"})
    assert {step.action for step in provisioner.plan(changed).changes} == {Action.UPDATE}
    assert provisioner.apply(changed).resources[KEY] == subscription_id
    assert data.get_subscription(subscription_id).data["freeformTags"]["team"] == "b"


@pytest.mark.parametrize(
    ("subscriber", "message"),
    [
        ("ops@example.com", "write 'mailto:ops@example.com'"),
        ("mailto:ops", "e-mail address"),
        ("sms:0171", "a number such as"),
        ("http://example.com/", "https://"),
        ("https:///x", "host"),
        ("https://example.com/" + "x" * 500, "512"),
        ("ocid1.fnapp.oc1..a", "ocid1.fnfunc"),
        (SLACK, "vault secret"),
        ("https://events.pagerduty.com/integration/swordfish/enqueue", "vault secret"),
        ("https://user:swordfish@example.com/", "vault secret"),
    ],
)
def test_what_is_no_subscriber_is_refused_at_its_path(provisioner, subscriber, message):
    """A wrong subscriber is refused before any call, at its place, and without what may be a secret."""
    with pytest.raises(SpecError) as raised:
        provisioner.plan(deployment(MAIL, subscriber))
    (problem,) = raised.value.problems
    assert problem.path == "topic.subscriptions[1]"
    assert message in problem.message
    assert "swordfish" not in str(raised.value)


def test_a_subscriber_is_given_once(provisioner):
    """The same subscriber twice in a topic is refused."""
    with pytest.raises(SpecError, match="given twice"):
        provisioner.plan(deployment(MAIL, MAIL))


def test_a_spec_file_names_subscribers_as_text_and_secrets():
    """A topic in YAML has subscriptions; a secret is a mapping with the key `secret`."""
    text = """
name: web
topic:
  name: oncall
  subscriptions:
  - mailto:ops@example.com
  - secret: ocid1.vaultsecret.oc1.eu-frankfurt-1.a
  - secret: {secret_id: ocid1.vaultsecret.oc1.eu-frankfurt-1.b, version: 2}
"""
    spec = load_spec(text)
    assert spec.topic is not None
    assert spec.topic.subscriptions == (
        MAIL,
        SecretRef("ocid1.vaultsecret.oc1.eu-frankfurt-1.a"),
        SecretRef("ocid1.vaultsecret.oc1.eu-frankfurt-1.b", version=2),
    )
    assert load_spec(dump_spec(spec)) == spec


def test_alarms_without_destinations_notify_the_topic_of_the_deployment(provisioner, sdk):
    """Such alarms notify the deployment's own topic, which is made even where no alarm needs it."""
    alarm = AlarmSpec("load", namespace="app", query="Load[1m].max() > 1")
    spec = evolve(deployment(MAIL), alarms=[alarm])
    made = provisioner.apply(spec).resources
    shown = sdk("monitoring.MonitoringClient").get_alarm(made["alarm/load"]).data
    assert shown["destinations"] == [made["topic/oncall"]]
    assert "topic/alarms" not in made


def test_a_webhook_on_this_machine_gets_the_first_message(provisioner):
    """The emulator accepts unencrypted URLs of the loopback interface, and asks them to confirm."""
    with Webhook() as webhook:
        made = provisioner.apply(deployment(webhook.url))
        provisioner.emulator.deliver()
        webhook.confirm()
        assert made.refresh().unconfirmed_subscriptions == {}
