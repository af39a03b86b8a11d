"""What fails once and would succeed the next time is repeated, whatever the request; the user sees no error."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import AlarmSpec, ApplyFailed, LoggingSpec, StepRetrying
from ocisidecar.emulator import Fault, Latencies
from tests.promises.test_going import EVERYTHING, PUBLIC
from tests.readers import reader_of

CHANGED = evolve(
    EVERYTHING,
    instances=[
        evolve(EVERYTHING.instances[0], ports=[443], vnic_freeform_tags={"a": "1"}, freeform_tags={"b": "1"}),
        evolve(EVERYTHING.instances[0], name="second", ports=[443]),
    ],
    logging=LoggingSpec.deployment(retention_duration_in_days=60),
    alarms=[AlarmSpec.cpu_utilization(90, destinations=EVERYTHING.alarms[0].destinations)],
    freeform_tags={"team": "blue"},
)
ONCE = {
    "500": lambda operation: Fault.error(operation, "InternalError"),
    "503": lambda operation: Fault.error(operation, "ServiceUnavailable", status=503),
    "reset": Fault.reset,
    "lost answer": lambda operation: Fault.reset(operation, after_commit=True),
    "truncated": Fault.truncated,
}


@pytest.fixture
def provisioner(make_provisioner):
    """A provisioner with an emulator in which nothing takes time."""
    return make_provisioner(latencies=Latencies())


def rules_of(provisioner):
    reader = reader_of(provisioner, "shop")
    return sorted(
        f"{key.name}: {rule['description']}"
        for key, (group,) in reader.snapshot().of("shop").items()
        if key.kind == "network-security-group"
        for rule in group.body["securityRules"]
    )


def live_a_life(provisioner):
    """Apply, change and destroy; return the rules after each, and the names of all writes."""
    emulator, rules = provisioner.emulator, []
    for spec in (EVERYTHING, CHANGED):
        deployment = provisioner.apply(spec)
        live = [found for ids in emulator.live().values() for found in ids]
        assert sorted(live) == sorted(deployment.resources.values())
        assert not provisioner.plan(spec).changes
        rules.append(rules_of(provisioner))
    provisioner.destroy("shop", purge=True)
    assert emulator.live() == {}
    return rules, {request.operation for request in emulator.requests if request.is_write}


@pytest.mark.parametrize("name", ONCE)
def test_every_write_that_fails_once_is_repeated(make_provisioner, name):
    """A life in which the first call of every write fails is that of one without faults."""
    expected, writes = live_a_life(make_provisioner())
    assert {"add_network_security_group_security_rules", "remove_network_security_group_security_rules"} <= writes
    faulty = make_provisioner()
    faulty.emulator.inject(*(ONCE[name](operation) for operation in writes))
    assert live_a_life(faulty) == (expected, writes)


BELOW = [
    "add_network_security_group_security_rules",
    "create_alarm",
    "create_container_instance",
    "create_internet_gateway",
    "create_log",
    "create_nat_gateway",
    "create_network_security_group",
    "create_policy",
    "create_route_table",
    "create_security_list",
    "create_service_gateway",
    "create_subnet",
    "get_container",
    "get_vnic",
    "get_work_request",
    "list_network_security_group_security_rules",
    "update_security_list",
]


@pytest.mark.parametrize("code", ["NotAuthorizedOrNotFound", "RelatedResourceNotAuthorizedOrNotFound"])
@pytest.mark.parametrize("spec", [EVERYTHING, PUBLIC], ids=["private", "public"])
def test_what_was_just_created_may_be_unknown_for_a_while(provisioner, spec, code):
    """A 404 for what refers to a new resource is waited out, and the reason says so."""
    provisioner.emulator.inject(*(Fault.error(operation, code, times=3, status=404) for operation in BELOW))
    heard = []
    deployment = provisioner.apply(spec, on_event=heard.append)
    live = [one for ids in provisioner.emulator.live().values() for one in ids]
    assert sorted(live) == sorted(deployment.resources.values())
    reasons = {one.reason for one in heard if isinstance(one, StepRetrying)}
    assert (
        f"404 {code} (waiting until what was just created is known everywhere, at most 30 attempts in 60 s)"
        in reasons
    )


def test_a_resource_that_is_unknown_for_good_ends_the_run(provisioner, clock):
    """After a minute the error names the statement that may be missing."""
    provisioner.emulator.inject(Fault.error("create_subnet", "NotAuthorizedOrNotFound", times=None))
    began = clock.time()
    with pytest.raises(ApplyFailed, match="manage virtual-network-family"):
        provisioner.apply(EVERYTHING)
    assert 30 < clock.time() - began < 120


def test_what_this_run_did_not_create_is_told_at_once(provisioner, clock):
    """A 404 below a parent that existed before the run ends it at once."""
    provisioner.apply(EVERYTHING)
    provisioner.emulator.inject(Fault.error("create_log", "NotAuthorizedOrNotFound", times=None))
    began = clock.time()
    with pytest.raises(ApplyFailed, match="manage logging-family"):
        provisioner.apply(evolve(EVERYTHING, logging=LoggingSpec.deployment(log_names=["app", "more"])))
    assert clock.time() - began < 30


@pytest.mark.parametrize("kind", ["vcn", "topic", "container_instance"])
def test_a_new_resource_that_no_read_shows_yet_is_not_created_again(make_provisioner, kind):
    """While neither list nor GET show what was just created, it is waited for, and stays the only one."""
    provisioner = make_provisioner(
        latencies=Latencies(network=5, notification=5, container_instance_create=5, logging=1)
    )
    provisioner.emulator.inject(
        Fault.stale_list(f"list_{kind}s", seconds=20, times=None),
        Fault.error(f"get_{kind}", "NotAuthorizedOrNotFound", times=5),
    )
    deployment = provisioner.apply(EVERYTHING)
    live = [one for ids in provisioner.emulator.live().values() for one in ids]
    assert sorted(live) == sorted(deployment.resources.values())
