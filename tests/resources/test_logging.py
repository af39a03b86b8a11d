"""Log groups and logs: found below their group, and kept when they hold lines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ocisidecar import Action, DeploymentSpec, LoggingSpec, NetworkSpec
from ocisidecar.emulator import Fault, Latencies
from ocisidecar.errors import ApplyFailed, NotAuthorizedOrNotFound, PlanError
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.observed import Phase
from ocisidecar.wire import Ref
from tests.plan_values import key
from tests.readers import reader_of

NOWHERE = NetworkSpec.existing("ocid1.subnet.oc1..unused")
GROUP_ID = "ocid1.loggroup.oc1.eu-frankfurt-1.existing"
LOGS = DeploymentSpec("web", network=NOWHERE, logging=LoggingSpec.deployment(log_names=["app", "audit"]))


def kinds_of(desired):
    return {name for name in desired if name.startswith("log")}


@pytest.fixture
def write(provisioner, sdk, clock):
    """Writes a line into a log of the deployment."""

    def write(name):
        log_id = provisioner.get("web").resources[f"log/{name}"]
        now = datetime.fromtimestamp(clock.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entry = {"data": "hello", "id": "1", "time": now}
        batch = {"entries": [entry], "source": "test", "type": "test", "defaultlogentrytime": now}
        sdk("loggingingestion.LoggingClient").put_logs(log_id, {"specversion": "1.0", "logEntryBatches": [batch]})

    return write


class TestDesire:
    """Which logs."""

    def test_a_group_with_a_log_for_each_name(self, wanted):
        """The group's name tells whose it is; a log keeps its lines as long as the spec says."""
        desired = wanted(network=NOWHERE, logging=LoggingSpec.deployment(retention_duration_in_days=60))
        assert kinds_of(desired) == {"log-group/main", "log/app"}
        assert desired["log-group/main"].body["displayName"] == "ocisidecar-web"
        body = desired["log/app"].body
        assert (body["logGroupId"], body["retentionDuration"]) == (Ref(key("log-group/main")), 60)

    def test_an_existing_group_gets_logs(self, wanted):
        """And is neither changed nor deleted."""
        desired = wanted(network=NOWHERE, logging=LoggingSpec.existing(log_group_id=GROUP_ID))
        assert kinds_of(desired) == {"log/app"}
        assert desired["log/app"].body["logGroupId"] == GROUP_ID
        assert desired["log/app"].needs == frozenset()

    @pytest.mark.parametrize(
        "logging",
        [
            LoggingSpec.existing(log_id="ocid1.log.oc1.eu-frankfurt-1.existing"),
            LoggingSpec.of("platform"),
            LoggingSpec.none(),
            None,
        ],
        ids=["log", "shared", "none", "unused"],
    )
    def test_otherwise_nothing_is_made(self, wanted, logging):
        """Logs of others are used; without a container that refers to one there is none."""
        assert kinds_of(wanted(network=NOWHERE, logging=logging)) == set()


class TestLifecycle:
    """Creates answer without a body: the OCID is found by the tags."""

    def test_logs_are_found_below_their_group(self, provisioner):
        """One list for each group."""
        resources = provisioner.apply(LOGS).resources
        assert set(resources) == {"log-group/main", "log/app", "log/audit"}
        assert provisioner.plan(LOGS).changes == ()

    def test_a_failed_create_is_told_by_its_work_request(self, make_provisioner):
        """No list ever shows it; the work request's errors are in the message."""
        fault = Fault.failed("create_log", message="The log is not to be.")
        provisioner = make_provisioner(latencies=Latencies(logging=8), faults=[fault])
        with pytest.raises(ApplyFailed, match=r"The log is not to be\."):
            provisioner.apply(LOGS)
        assert set(provisioner.apply(LOGS).resources) == {"log-group/main", "log/app", "log/audit"}

    def test_a_log_that_was_switched_off_is_switched_on(self, provisioner, sdk):
        """Whatever its state is called then, it is there and not to be started."""
        assert KINDS["log"].phase("INACTIVE") is Phase.READY
        resources = provisioner.apply(LOGS).resources
        off = {"displayName": "app", "isEnabled": False}
        sdk("logging.LoggingManagementClient").update_log(resources["log-group/main"], resources["log/app"], off)
        (step,) = provisioner.plan(LOGS).changes
        assert (str(step.key), step.action, step.changed_fields) == ("log/app", Action.UPDATE, {"isEnabled"})
        provisioner.apply(LOGS)
        assert provisioner.plan(LOGS).changes == ()

    def test_logs_in_a_foreign_group_are_found_and_removed_alone(self, provisioner, emulator):
        """The group stays, with what others have in it."""
        provisioner.apply(DeploymentSpec("other", network=NOWHERE, logging=LoggingSpec.deployment()))
        group = provisioner.get("other").resources["log-group/main"]
        guest = DeploymentSpec(
            "web", network=NOWHERE, logging=LoggingSpec.existing(log_group_id=group, log_names=["mine"])
        )
        provisioner.apply(guest)
        assert provisioner.plan(guest).changes == ()
        provisioner.destroy(guest, purge=True)
        assert len(emulator.live()["log"]) == 1


class TestGroupsThatGo:
    """Somebody else may delete a group while its logs are listed."""

    @pytest.fixture
    def reader(self, provisioner):
        provisioner.apply(LOGS)
        return reader_of(provisioner, "web")

    def group(self, reader):
        (live,) = reader.snapshot().of("web")[key("log-group/main")]
        return live

    def test_a_group_that_has_gone_has_no_logs(self, provisioner, reader):
        """It is no error, and nothing is found."""
        group = self.group(reader)
        provisioner.destroy("web")
        assert KINDS["log"].list_live(reader.caller, reader.site, (group,)) == ()

    def test_a_group_that_may_not_be_read_is_an_error(self, emulator, reader):
        """Taken for empty, its logs would be made a second time."""
        group = self.group(reader)
        emulator.inject(Fault.error("list_logs", "NotAuthorizedOrNotFound", times=None))
        with pytest.raises(NotAuthorizedOrNotFound, match="list_logs"):
            KINDS["log"].list_live(reader.caller, reader.site, (group,))

    def test_without_a_work_request_there_is_no_evidence(self, reader):
        """Nothing else tells why a log failed."""
        assert KINDS["log"].failure(reader.caller, reader.site, None, "") == ()


class TestAdopting:
    """Taking over logs that somebody else made."""

    def test_a_log_is_taken_over_with_its_group(self, provisioner, emulator, sdk):
        """No request finds a log without its group, so the groups are gone through."""
        client = sdk("logging.LoggingManagementClient")
        details = {"compartmentId": provisioner.compartment_id, "displayName": "ocisidecar-web"}
        for name in ("another", "ocisidecar-web", "a third"):
            client.create_log_group({**details, "displayName": name})
        groups = {one["displayName"]: one["id"] for one in client.list_log_groups(provisioner.compartment_id).data}
        group = groups["ocisidecar-web"]
        client.create_log(
            group, {"displayName": "app", "logType": "CUSTOM", "isEnabled": True, "retentionDuration": 30}
        )
        (log,) = client.list_logs(group).data
        spec = DeploymentSpec("web", network=NOWHERE, logging=LoggingSpec.deployment())
        plan = provisioner.adopt(spec, {"log-group/main": group, "log/app": log["id"]})
        assert {step.action for step in plan.steps} == {Action.ADOPT}
        provisioner.apply(plan)
        assert provisioner.plan(spec).changes == ()
        assert emulator.live()["log"] == [log["id"]]

    def test_a_log_that_is_nowhere_is_told(self, provisioner):
        """Before anything is changed."""
        with pytest.raises(PlanError, match=r"log/app cannot be taken over: no log group .* holds ocid1\.log\.x"):
            provisioner.adopt(LOGS, {"log/app": "ocid1.log.x"})


class TestHoldings:
    """Destroying does not throw lines away."""

    def kept(self, provisioner, **options):
        steps = provisioner.plan_destroy("web", **options).steps
        return {str(step.key): step.reason for step in steps if step.action is Action.NOOP}

    def test_empty_logs_go(self, provisioner, emulator):
        """Nobody misses them."""
        provisioner.apply(LOGS)
        assert self.kept(provisioner) == {}
        provisioner.destroy("web")
        assert emulator.live() == {}

    def test_a_log_with_lines_stays_with_its_group(self, provisioner, write):
        """The other log goes."""
        provisioner.apply(LOGS)
        write("app")
        assert self.kept(provisioner) == {
            "log-group/main": "kept holds log lines",
            "log/app": "kept holds log lines",
        }
        assert self.kept(provisioner, purge=True) == {}
        assert set(provisioner.destroy("web").resources) == {"log-group/main", "log/app"}

    def test_old_lines_count_too(self, provisioner, write, clock):
        """The whole life of the log is searched, in spans that the service accepts."""
        provisioner.apply(LOGS)
        write("app")
        clock.advance(100 * 24 * 3600)
        assert "log/app" in self.kept(provisioner)

    def test_what_cannot_be_searched_stays(self, provisioner, emulator):
        """In doubt nothing is thrown away, and the reason says why."""
        provisioner.apply(LOGS)
        emulator.inject(Fault.error("search_logs", "NotAuthorizedOrNotFound", times=None))
        reason = "kept may hold log lines: they cannot be searched (404 NotAuthorizedOrNotFound)"
        assert self.kept(provisioner)["log/app"] == reason
