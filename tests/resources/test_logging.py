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
    """The desired log groups and logs of a spec."""

    def test_a_group_with_a_log_for_each_name(self, wanted):
        """A group named after the deployment is created, with a log per name and the spec's retention."""
        desired = wanted(network=NOWHERE, logging=LoggingSpec.deployment(retention_duration_in_days=60))
        assert kinds_of(desired) == {"log-group/main", "log/app"}
        assert desired["log-group/main"].body["displayName"] == "ocisidecar-web"
        body = desired["log/app"].body
        assert (body["logGroupId"], body["retentionDuration"]) == (Ref(key("log-group/main")), 60)

    def test_an_existing_group_gets_logs(self, wanted):
        """If the spec names an existing group, only logs are created, which need no other resource."""
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
    def test_otherwise_nothing_is_created(self, wanted, logging):
        """No log is created if the spec names an existing one or disables logging, or no container uses one."""
        assert kinds_of(wanted(network=NOWHERE, logging=logging)) == set()


class TestLifecycle:
    """Logs and groups, whose creates answer without a body, so that their OCIDs are found by tags."""

    def test_logs_are_found_below_their_group(self, provisioner):
        """Group and logs are created, and the next plan finds them."""
        resources = provisioner.apply(LOGS).resources
        assert set(resources) == {"log-group/main", "log/app", "log/audit"}
        assert provisioner.plan(LOGS).changes == ()

    def test_a_failed_create_has_the_errors_of_its_work_request(self, make_provisioner):
        """The error of a log that no list shows has the work request's message, and the next apply succeeds."""
        fault = Fault.failed("create_log", message="The log is not to be.")
        provisioner = make_provisioner(latencies=Latencies(logging=8), faults=[fault])
        with pytest.raises(ApplyFailed, match=r"The log is not to be\."):
            provisioner.apply(LOGS)
        assert set(provisioner.apply(LOGS).resources) == {"log-group/main", "log/app", "log/audit"}

    def test_a_log_that_was_switched_off_is_switched_on(self, provisioner, sdk):
        """An INACTIVE log is READY: it is updated and not started."""
        assert KINDS["log"].phase("INACTIVE") is Phase.READY
        resources = provisioner.apply(LOGS).resources
        off = {"displayName": "app", "isEnabled": False}
        sdk("logging.LoggingManagementClient").update_log(resources["log-group/main"], resources["log/app"], off)
        (step,) = provisioner.plan(LOGS).changes
        assert (str(step.key), step.action, step.changed_fields) == ("log/app", Action.UPDATE, {"isEnabled"})
        provisioner.apply(LOGS)
        assert provisioner.plan(LOGS).changes == ()

    def test_logs_in_a_group_of_others_are_found_and_removed_alone(self, provisioner, emulator):
        """Logs in a group of another deployment are found, and destroy deletes them and keeps the group."""
        provisioner.apply(DeploymentSpec("other", network=NOWHERE, logging=LoggingSpec.deployment()))
        group = provisioner.get("other").resources["log-group/main"]
        guest = DeploymentSpec(
            "web", network=NOWHERE, logging=LoggingSpec.existing(log_group_id=group, log_names=["mine"])
        )
        provisioner.apply(guest)
        assert provisioner.plan(guest).changes == ()
        provisioner.destroy(guest, purge=True)
        assert len(emulator.live()["log"]) == 1


class TestDeletedGroups:
    """Groups that another client deletes while their logs are listed."""

    @pytest.fixture
    def reader(self, provisioner):
        provisioner.apply(LOGS)
        return reader_of(provisioner, "web")

    def group(self, reader):
        (live,) = reader.snapshot().of("web")[key("log-group/main")]
        return live

    def test_a_deleted_group_has_no_logs(self, provisioner, reader):
        """Listing the logs of a deleted group returns none."""
        group = self.group(reader)
        provisioner.destroy("web")
        assert KINDS["log"].list_live(reader.caller, reader.site, group.id) == ()

    def test_a_group_that_may_not_be_read_is_an_error(self, emulator, reader):
        """A 404 for the logs of a group that exists is raised: otherwise they would be created again."""
        group = self.group(reader)
        emulator.inject(Fault.error("list_logs", "NotAuthorizedOrNotFound", times=None))
        with pytest.raises(NotAuthorizedOrNotFound, match="list_logs"):
            KINDS["log"].list_live(reader.caller, reader.site, group.id)

    def test_without_a_work_request_there_is_no_evidence(self, reader):
        """Without a live log and a work request there is no evidence for a failure."""
        assert KINDS["log"].failure(reader.caller, reader.site, None, "") == ()


class TestAdopting:
    """Adoption of existing logs."""

    def test_a_log_is_taken_over_with_its_group(self, provisioner, emulator, sdk):
        """A log is found in one of several groups, and taken over with its group."""
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

    def test_a_log_that_does_not_exist_cannot_be_taken_over(self, provisioner):
        """A log that is in no group of the compartment is an error of the plan."""
        with pytest.raises(
            PlanError, match=r"log/app cannot be taken over: no log group .* holds ocid1\.log\.oc1\.\.x"
        ):
            provisioner.adopt(LOGS, {"log/app": "ocid1.log.oc1..x"})


class TestData:
    """A destroy does not delete log lines."""

    def kept(self, provisioner, **options):
        steps = provisioner.plan_destroy("web", **options).steps
        return {str(step.key): step.reason for step in steps if step.action is Action.NOOP}

    def test_empty_logs_are_deleted(self, provisioner, emulator):
        """Logs without lines are not kept by a destroy."""
        provisioner.apply(LOGS)
        assert self.kept(provisioner) == {}
        provisioner.destroy("web")
        assert emulator.live() == {}

    def test_a_log_with_lines_stays_with_its_group(self, provisioner, write):
        """A destroy keeps a log with lines and its group, and deletes the other log."""
        provisioner.apply(LOGS)
        write("app")
        assert self.kept(provisioner) == {
            "log-group/main": "kept holds log lines",
            "log/app": "kept holds log lines",
        }
        assert self.kept(provisioner, purge=True) == {}
        assert set(provisioner.destroy("web").resources) == {"log-group/main", "log/app"}

    def test_old_lines_are_found(self, provisioner, write, clock):
        """A line that is weeks old is found, by several searches over spans that the service accepts."""
        provisioner.apply(LOGS)
        write("app")
        clock.advance(100 * 24 * 3600)
        assert "log/app" in self.kept(provisioner)

    def test_a_log_that_cannot_be_searched_is_kept(self, provisioner, emulator):
        """A log whose search is refused is kept, and the reason contains the refusal."""
        provisioner.apply(LOGS)
        emulator.inject(Fault.error("search_logs", "NotAuthorizedOrNotFound", times=None))
        reason = "kept may hold log lines: they cannot be searched (404 NotAuthorizedOrNotFound)"
        assert self.kept(provisioner)["log/app"] == reason
