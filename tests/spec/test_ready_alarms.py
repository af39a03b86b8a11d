"""Ready alarms: what each rests on, and where it is refused because nothing sends that."""

import pytest
from attrs import evolve

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    ScrapeTarget,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
    dump_spec,
    load_spec,
)
from ocisidecar.spec.ready_alarms import READY
from ocisidecar.spec.validate.spec import validate

WEB = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1", memory_in_gbs=8, scrape=ScrapeTarget(8080))
PROMETHEUS = SidecarSpec.prometheus()
FORWARDER = SidecarSpec.metrics_forwarder()
AGENT = SidecarSpec.management_agent(response_file="x")
PROBES = SidecarSpec.blackbox_exporter()
START = SidecarSpec.metrics_forwarder(metrics=["up", "process_start_time_seconds", "probe_success"])
NATIVE = {"cpu-utilization", "memory-utilization", "ephemeral-storage", "absence"}


def instance(*sidecars):
    """Return the app with sidecars; those that ship logs read a volume."""
    made = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    for sidecar in sidecars:
        made = made.with_sidecar(sidecar)
    return made


def problems(alarm, *sidecars):
    spec = DeploymentSpec(
        "shop", [instance(*sidecars)], alarms=[alarm], topic=TopicSpec("t", subscriptions=["sms:+14255550100"])
    )
    return [one.message for one in validate(spec, accepts_symbolic_images=True) if one.path.startswith("alarms")]


@pytest.mark.parametrize("word", READY)
def test_every_ready_alarm_is_what_its_table_says(word):
    """The class method of each row makes the alarm of that row, and a spec file may name it."""
    ready, made = READY[word], getattr(AlarmSpec, word)()
    body = ready.body and ready.body.replace("{interval}", "1h")
    assert (made.name, made.body, made.measured_by) == (word.replace("_", "-"), body, ready.measured_by)
    assert made.query.startswith(ready.query.replace("{interval}", "1h").partition("{threshold}")[0])
    spec = DeploymentSpec("shop", [WEB], alarms=[made])
    assert load_spec(f"name: shop\ninstances: [{{name: a, image_url: a/b:1}}]\nalarms: [{word}]").alarms == (made,)
    assert load_spec(dump_spec(spec)) == spec


def test_how_long_no_log_line_comes_is_an_argument():
    """`no_log_lines` takes the time within which a line must come, alone in a spec file too."""
    made = AlarmSpec.no_log_lines("10m")
    assert made.query.startswith("log_forwarder_acknowledged_entries_total[10m]{")
    assert "within 10m:" in made.body
    loaded = load_spec("name: shop\ninstances: [{name: a, image_url: a/b:1}]\nalarms: [{no_log_lines: 10m}]")
    assert loaded.alarms == (made,)


@pytest.mark.parametrize(
    ("alarm", "sidecars", "reason"),
    [
        (AlarmSpec.cpu_utilization(), (), None),
        (AlarmSpec.absence(), (), None),
        (AlarmSpec.scrape_target_down(), (), "add SidecarSpec.prometheus()"),
        (AlarmSpec.scrape_target_down(), (PROMETHEUS,), "add SidecarSpec.metrics_forwarder()"),
        (AlarmSpec.scrape_target_down(), (PROMETHEUS, FORWARDER), None),
        (AlarmSpec.scrape_target_down(), (PROMETHEUS, AGENT), None),
        (AlarmSpec.scrape_target_down(metric_namespace="other"), (PROMETHEUS, AGENT), "the namespace 'other'"),
        (AlarmSpec.silent_agent(), (FORWARDER,), "add SidecarSpec.prometheus()"),
        (AlarmSpec.silent_agent(), (PROMETHEUS, FORWARDER), None),
        (AlarmSpec.unhealthy_container(), (PROMETHEUS, FORWARDER), "no metric of health checks"),
        (AlarmSpec.unhealthy_container(), (PROMETHEUS, FORWARDER, PROBES), None),
        (AlarmSpec.restarts(), (PROMETHEUS, FORWARDER), "metrics=['process_start_time_seconds', …]"),
        (AlarmSpec.restarts(), (PROMETHEUS, START), None),
        (AlarmSpec.restarts(), (PROMETHEUS, AGENT), None),
        (AlarmSpec.no_log_lines(), (PROMETHEUS, FORWARDER), "no metric of lines in a log"),
        (AlarmSpec.no_log_lines(), (PROMETHEUS, FORWARDER, SidecarSpec.log_forwarder()), None),
        (AlarmSpec.no_log_lines(), (PROMETHEUS, AGENT, SidecarSpec.log_forwarder()), "counters as they stand"),
        (AlarmSpec.no_log_lines(), (PROMETHEUS, START, SidecarSpec.log_forwarder()), "select it"),
    ],
)
def test_an_alarm_is_refused_where_nothing_sends_its_metric(alarm, sidecars, reason):
    """A ready alarm that could never fire is refused with what to add; otherwise it is valid."""
    found = problems(alarm, *sidecars)
    assert found == [] if reason is None else len(found) == 1 and reason in found[0], found


def test_an_alarm_of_ones_own_is_not_judged():
    """An alarm that is not ready may rest on a metric that something else sends."""
    assert problems(AlarmSpec("orders", namespace="shop", query="orders[1m].sum() < 1")) == []


def test_what_is_recommended_fits_the_deployment():
    """The recommended alarms are OCI's own, and those whose metrics the sidecars send; all of them are valid."""
    names = [{one.name for one in AlarmSpec.recommended([instance(*sidecars)])} for sidecars in ((), (PROMETHEUS,))]
    assert names == [NATIVE, NATIVE]
    full = instance(PROMETHEUS, START, PROBES)
    assert {one.name for one in AlarmSpec.recommended([full])} - NATIVE == {
        "scrape-target-down",
        "silent-agent",
        "unhealthy-container",
        "restarts",
    }
    spec = DeploymentSpec("shop", [full], alarms="recommended")
    assert spec.effective_alarms == AlarmSpec.recommended([full])
    assert validate(spec, accepts_symbolic_images=True) == ()
    assert AlarmSpec.recommended([]) == ()


def test_what_is_recommended_looks_where_the_metrics_are():
    """The recommended alarms look in the namespace that the sidecars send to."""
    sender = SidecarSpec.metrics_forwarder(metric_namespace="shop_metrics")
    found = {one.name: one.namespace for one in AlarmSpec.recommended([instance(PROMETHEUS, sender)])}
    assert found["scrape-target-down"] == "shop_metrics"
    assert found["absence"] == "oci_computecontainerinstance"


def test_a_list_may_hold_recommended_alarms_and_others():
    """An alarm with the name of a recommended one takes its place."""
    own = AlarmSpec.cpu_utilization(95, severity="CRITICAL")
    other = AlarmSpec("orders", namespace="shop", query="orders[1m].sum() < 1")
    spec = DeploymentSpec("shop", [WEB], alarms=["recommended", own, other])
    found = {one.name: one for one in spec.effective_alarms}
    assert found.keys() == NATIVE | {"orders"}
    assert found["cpu-utilization"] == own
    text = dump_spec(spec)
    assert "- recommended" in text
    assert load_spec(text) == spec
    assert load_spec("name: shop\nalarms: recommended").alarms == ("recommended",)


@pytest.mark.parametrize(
    ("given", "message"),
    [("recomended", "must be"), (["recomended"], "recomended"), ([3], "got 3")],
)
def test_another_word_is_refused(given, message):
    """A misspelt word among the alarms is refused."""
    spec = evolve(DeploymentSpec("shop", [WEB]), alarms=given)
    (problem,) = validate(spec, accepts_symbolic_images=True)
    assert message in problem.message


def test_queries_name_the_deployment(wanted_query):
    """What sidecars send is narrowed to the deployment by the dimension that they add."""
    assert wanted_query(AlarmSpec.scrape_target_down()) == 'up[1m]{deployment = "shop"}.min() < 1'


@pytest.fixture
def wanted_query():
    return lambda alarm: alarm.query_for(["web"], "shop")
