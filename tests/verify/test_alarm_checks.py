"""Whether alarms reach somebody and have data to judge, in `verify()` and `diagnose()`."""

from datetime import UTC, datetime

import pytest
from attrs import evolve

from ocisidecar import AlarmSpec, DeploymentSpec, NetworkSpec, TopicSpec
from ocisidecar.verify.alarm_checks import data_query
from ocisidecar.verify.report import Status
from tests.verify.telemetry import FULL, found, verdicts

MAIL = "mailto:ops@example.com"
KEY = "subscription/oncall/mailto:ops@example.com"
ALARM = AlarmSpec("load", namespace="app", query="Load[1m].max() > 1")
NOWHERE = NetworkSpec.existing("ocid1.subnet.oc1..unused")
SPEC = DeploymentSpec("web", network=NOWHERE, alarms=[ALARM], topic=TopicSpec("oncall", subscriptions=[MAIL]))


@pytest.fixture
def confirm(provisioner, sdk):
    """Does what the owner of an endpoint does."""

    def confirm(subscription_id):
        data = sdk("ons.NotificationDataPlaneClient")
        data.get_confirm_subscription(
            subscription_id, provisioner.emulator.confirmation_token(subscription_id), "EMAIL"
        )

    return confirm


def test_an_alarm_that_nobody_hears_warns_until_somebody_confirms(provisioner, confirm):
    """A pending subscription and its alarm warn with what to do, and pass when it is confirmed."""
    made = provisioner.apply(SPEC)
    report = made.verify(SPEC)
    pending = found(report, "subscriptions", KEY)
    assert (report.ok, pending.status) == (True, Status.WARNED)
    assert "the owner of ops@example.com must click the link" in pending.remedy
    alarm = found(report, "alarms", "alarm/load")
    assert alarm.status is Status.WARNED
    assert "reaches nobody: no subscription of its topic is confirmed" in alarm.detail
    assert "the link in the message" in str(report)
    (finding,) = made.diagnose().findings
    assert (finding.cause, finding.key) == ("nobody-notified", "alarm/load")
    confirm(made.resources[KEY])
    report = made.verify(SPEC)
    assert found(report, "subscriptions", KEY).status is Status.PASSED
    assert found(report, "alarms", "alarm/load").detail == "CRITICAL, 1 destination"
    assert made.diagnose().findings == ()


def test_a_topic_without_subscriptions_reaches_nobody(provisioner):
    """An alarm whose topic has no subscription warns."""
    spec = evolve(SPEC, topic=TopicSpec("oncall"))
    made = provisioner.apply(spec)
    assert found(made.verify(), "alarms", "alarm/load").detail == "reaches nobody: its topic has no subscription"


def test_somebody_who_subscribed_by_hand_is_reached(provisioner, sdk, confirm):
    """A confirmed subscription that somebody made in the console counts."""
    made = provisioner.apply(evolve(SPEC, topic=TopicSpec("oncall")))
    members = {"topicId": made.resources["topic/oncall"], "compartmentId": provisioner.emulator.compartment_id}
    details = {**members, "protocol": "EMAIL", "endpoint": "me@example.com"}
    confirm(sdk("ons.NotificationDataPlaneClient").create_subscription(details).data["id"])
    assert verdicts(made.verify(), "alarms") == {"alarm/load": "passed"}


def test_a_topic_of_somebody_else_may_reach_anybody(provisioner, sdk):
    """Of a foreign topic it is only known whether it exists: an alarm warns when it is gone."""
    control = sdk("ons.NotificationControlPlaneClient")
    topic = control.create_topic({"name": "other", "compartmentId": provisioner.emulator.compartment_id})
    topic_id = topic.data["topicId"]
    made = provisioner.apply(evolve(SPEC, topic=None, alarms=[evolve(ALARM, destinations=[topic_id])]))
    assert verdicts(made.verify(), "alarms") == {"alarm/load": "passed"}
    control.delete_topic(topic_id)
    check = found(made.verify(), "alarms", "alarm/load")
    assert check.status is Status.WARNED
    assert topic_id in check.detail
    assert [one.cause for one in made.diagnose().findings] == ["nobody-notified"]


@pytest.mark.usefixtures("real_containers")
def test_an_alarm_without_data_warns(provisioner, sdk, clock):
    """An alarm whose metric nobody has posted in the last hour cannot fire, which is a warning."""
    other = evolve(ALARM, name="idle", query="Idle[1m].absent()")
    made = provisioner.apply(DeploymentSpec("web", [FULL], alarms=[ALARM, other], topic=SPEC.topic))
    metric = {"namespace": "app", "compartmentId": provisioner.emulator.compartment_id, "name": "Load"}
    metric |= {"dimensions": {"host": "a"}}
    metric |= {"datapoints": [{"timestamp": datetime.fromtimestamp(clock.time(), UTC), "value": 0.0}]}
    sdk("monitoring.MonitoringClient").post_metric_data({"metricData": [metric]})
    report = made.verify(read_only=True, telemetry_timeout_seconds=60)
    assert verdicts(report, "alarm-data") == {"alarm/load": "passed", "alarm/idle": "warned"}
    assert "cannot fire" in found(report, "alarm-data", "alarm/idle").detail


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Load[1m].max() > 80", "Load[1m].max()"),
        (
            'Load[1m]{host = "a>b"}.groupBy(host).percentile(0.9) >= 1',
            'Load[1m]{host = "a>b"}.groupBy(host).percentile(0.9)',
        ),
        ("Load[1m].mean() in (1, 2)", "Load[1m].mean()"),
        ("Load[1m].mean() not in (1, 2)", "Load[1m].mean()"),
        ("Load[5m].groupBy(host).absent()", "Load[5m].groupBy(host).count()"),
        ("Load[5m].absent(1h)", "Load[5m].count()"),
        ("Load[1m].max() > 80 && Idle[1m].min() < 1", "Load[1m].max()"),
        ("Load[1m].max() > 80 || Idle[1m].absent()", "Load[1m].max()"),
        ("Load[1m].mean()", "Load[1m].mean()"),
    ],
)
def test_the_data_of_an_alarm_are_its_query_without_the_condition(query, expected):
    """The first selection stays, its threshold goes, and absence becomes a count."""
    assert data_query(query) == expected
