"""An alarm that fires and ends: its notifications at a real HTTP endpoint, and its history."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.webhook import Webhook

NOW = 1_800_000_000.0 // 60 * 60 + 30
TRANSITIONS = {"alarm_historytype": "STATE_TRANSITION_HISTORY"}


@pytest.fixture
def clock(clock):
    clock.advance(NOW - clock.time())
    return clock


@pytest.fixture
def monitoring(client):
    return client("monitoring.MonitoringClient")


@pytest.fixture
def webhook():
    with Webhook() as running:
        yield running


@pytest.fixture
def topic_id(emulator, client, webhook):
    home = {"compartmentId": emulator.compartment_id}
    control = client("ons.NotificationControlPlaneClient")
    topic_id = control.create_topic({"name": "alerts", **home}).data.topic_id
    members = {"topicId": topic_id, "protocol": "CUSTOM_HTTPS", "endpoint": webhook.url}
    data = client("ons.NotificationDataPlaneClient")
    data.create_subscription(home | members)
    emulator.deliver()
    webhook.confirm()
    email = data.create_subscription(home | members | {"protocol": "EMAIL", "endpoint": "ops@example.com"}).data
    data.get_confirm_subscription(email.id, emulator.confirmation_token(email.id), "EMAIL")
    return topic_id


@pytest.fixture
def make_alarm(emulator, monitoring, topic_id):
    def make_alarm(**members):
        details = {
            "displayName": "load",
            "compartmentId": emulator.compartment_id,
            "metricCompartmentId": emulator.compartment_id,
            "namespace": "app",
            "query": "Load[1m].max() > 80",
            "severity": "CRITICAL",
            "destinations": [topic_id],
            "isEnabled": True,
            **members,
        }
        return monitoring.create_alarm(details).data

    return make_alarm


@pytest.fixture
def pass_minutes(emulator, client, clock):
    """Posts one value for each minute, None for no data, and has alarms evaluated after each."""
    ingestion = client("monitoring.MonitoringClient", path="/telemetry-ingestion")

    def pass_minutes(*values):
        for value in values:
            point = {"timestamp": datetime.fromtimestamp(clock.time(), UTC), "value": value}
            metric = {"namespace": "app", "compartmentId": emulator.compartment_id, "name": "Load"}
            metric |= {"dimensions": {"host": "a"}, "datapoints": [point]}
            if value is not None:
                ingestion.post_metric_data({"metricData": [metric]})
            clock.advance(60)
            emulator.deliver()

    return pass_minutes


def types(webhook):
    """Return the types of the alarm notifications that the endpoint received."""
    return [one.json()["type"] for one in webhook.of_type("Notification")]


def test_a_webhook_learns_that_an_alarm_fires_and_that_it_ends(make_alarm, monitoring, pass_minutes, webhook):
    """The endpoint gets OK_TO_FIRING and FIRING_TO_OK, once each; the history shows both with their times."""
    alarm = make_alarm(body="call ops")
    pass_minutes(90, 95, 20, 20, 20, 20, 20)
    fired, ended = (one.json() for one in webhook.of_type("Notification"))
    assert (fired["type"], ended["type"]) == ("OK_TO_FIRING", "FIRING_TO_OK")
    assert (fired["title"], fired["body"], fired["severity"]) == ("load", "call ops", "CRITICAL")
    assert fired["dedupeKey"] == ended["dedupeKey"]
    (details,) = fired["alarmMetaData"]
    assert (details["id"], details["status"], details["query"]) == (alarm.id, "FIRING", "Load[1m].max() > 80")
    assert (details["dimensions"], details["totalMetricsFiring"]) == ([{"host": "a"}], 1)
    assert ended["alarmMetaData"][0]["status"] == "OK"
    last, first = monitoring.get_alarm_history(alarm.id, **TRANSITIONS).data.entries
    assert [first.summary, last.summary] == [
        "State transitioned from OK to Firing",
        "State transitioned from Firing to OK",
    ]
    assert first.timestamp - first.timestamp_triggered == timedelta(minutes=3)
    assert first.timestamp_triggered.timestamp() == fired["timestampEpochMillis"] / 1000
    assert last.timestamp - first.timestamp == timedelta(minutes=2)


def test_an_alarm_whose_data_stop_is_reset(make_alarm, pass_minutes, webhook):
    """The endpoint gets RESET ten minutes after the last datapoint of a firing alarm."""
    make_alarm()
    pass_minutes(90, *[None] * 12)
    assert types(webhook) == ["OK_TO_FIRING"]
    pass_minutes(None, None)
    assert types(webhook) == ["OK_TO_FIRING", "RESET"]


def test_a_firing_alarm_notifies_again_when_asked_to(make_alarm, pass_minutes, webhook):
    """With a repeat duration of two minutes REPEAT comes every two minutes while the alarm fires."""
    make_alarm(repeatNotificationDuration="PT2M")
    pass_minutes(*[90] * 9)
    assert types(webhook) == ["OK_TO_FIRING", "REPEAT", "REPEAT"]


def test_a_suppressed_alarm_notifies_of_nothing_and_keeps_its_history(
    make_alarm, monitoring, pass_minutes, webhook, clock
):
    """While an alarm is suppressed, its transitions enter the history and reach nobody."""
    span = [datetime.fromtimestamp(clock.time() + offset, UTC) for offset in (0, 5 * 60)]
    alarm = make_alarm(suppression={"timeSuppressFrom": span[0], "timeSuppressUntil": span[1]})
    pass_minutes(90, 20, 20, 20, 20, 20)
    assert types(webhook) == []
    assert len(monitoring.get_alarm_history(alarm.id, **TRANSITIONS).data.entries) == 2
    pass_minutes(90, 20, 20, 20, 20)
    assert types(webhook) == ["OK_TO_FIRING", "FIRING_TO_OK"]


def test_a_changed_threshold_begins_anew(make_alarm, monitoring, pass_minutes, webhook):
    """A change of the query ends a firing state without a notification, and judges later minutes by the new one."""
    alarm = make_alarm()
    pass_minutes(90, 90, 90, 90)
    monitoring.update_alarm(alarm.id, {"query": "Load[1m].max() > 99"})
    pass_minutes(90, 90, 90, 90, 100, 90, 90, 90)
    assert types(webhook) == ["OK_TO_FIRING", "OK_TO_FIRING"]


def test_the_history_shows_states_and_pages(make_alarm, monitoring, pass_minutes):
    """Each evaluated minute is an entry of the states' history; pages and times select from it."""
    alarm = make_alarm()
    pass_minutes(90, 20, 20, 20, 20)
    states = monitoring.get_alarm_history(alarm.id, alarm_historytype="STATE_HISTORY").data.entries
    words = [one.summary.removeprefix("The alarm state is ") for one in reversed(states)]
    assert words == ["OK", "OK", "OK", "FIRING", "OK"]
    first_page = monitoring.get_alarm_history(alarm.id, limit=2)
    second_page = monitoring.get_alarm_history(alarm.id, limit=2, page=first_page.headers["opc-next-page"])
    assert len(first_page.data.entries) == len(second_page.data.entries) == 2
    moment = states[0].timestamp
    later = {"timestamp_greater_than_or_equal_to": moment}
    assert {one.timestamp for one in monitoring.get_alarm_history(alarm.id, **later).data.entries} == {moment}
    earlier = monitoring.get_alarm_history(alarm.id, timestamp_less_than=moment).data.entries
    assert moment not in {one.timestamp for one in earlier}
    assert monitoring.get_alarm_history(alarm.id, alarm_historytype="RULE_HISTORY").data.entries == []


@pytest.mark.parametrize(
    ("message_format", "is_indented", "is_text"),
    [("RAW", False, False), ("PRETTY_JSON", True, False), ("ONS_OPTIMIZED", False, True)],
)
def test_the_format_decides_how_a_notification_looks(
    emulator, make_alarm, pass_minutes, webhook, message_format, is_indented, is_text
):
    """RAW is JSON in one line, PRETTY_JSON is indented, ONS_OPTIMIZED is text for e-mails and JSON for others."""
    make_alarm(messageFormat=message_format)
    pass_minutes(90, None, None, None)
    (received,) = webhook.of_type("Notification")
    assert received.json()["type"] == "OK_TO_FIRING"
    assert ("\n" in received.body) is is_indented
    (mail,) = (one for one in emulator.notifications if one.protocol == "EMAIL" and one.type == "Notification")
    assert mail.title == "load"
    if is_text:
        assert "Severity: CRITICAL" in mail.body
    else:
        assert json.loads(mail.body) == received.json()


def test_a_minute_can_be_judged_before_the_slack_period_is_over(emulator, make_alarm, pass_minutes, webhook):
    """With no slack the end of the first bad minute is told at once, and never a second time."""
    make_alarm()
    pass_minutes(50, 90)
    assert types(webhook) == []
    emulator.deliver(slack_seconds=0)
    assert types(webhook) == ["OK_TO_FIRING"]
    pass_minutes(90, 90, 90, 90)
    assert types(webhook) == ["OK_TO_FIRING"]
