"""Container Instances: accepted changes, which end when their duration is over and the containers have followed.

Containers may be simulated in no time, or take an unpredictable real time.  So an accepted change leaves its
instance in the transient state and its work request open, until callbacks report the result.

UNCONFIRMED: code and text of a work request's error, and that a start that fails leaves the instance FAILED.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Final

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ocisidecar.emulator.agent_registry import expect_agents
from ocisidecar.emulator.faults import Fail
from ocisidecar.emulator.image_pulls import PULL_REFUSED
from ocisidecar.emulator.lifecycle import GONE, Phase, Timeline
from ocisidecar.emulator.pods import ContainerUsage
from ocisidecar.emulator.resource_principal import issue_token
from ocisidecar.emulator.services.native_metrics import record_usage
from ocisidecar.emulator.state import Cloud, Record
from ocisidecar.emulator.work_requests import WorkRequests

START_FAILED_CODE: Final = "InternalError"


def hold_last_state(record: Record) -> None:
    """Postpone the last planned state of a record until an `InstanceChange` enters it."""
    *points, (_, last) = record.timeline.points
    record.timeline = Timeline((*points, (inf, last)))


@frozen(kw_only=True, eq=False)
class InstanceChange:
    """One accepted change of an instance, and the `PodCallbacks` of the pod that it starts.

    Args:
        cloud: of the instance.
        instance: the record that changes.
        work_requests: of the service.
        request_id: OCID of its work request.
        due: when it ends at the earliest; infinite for one that stalls.
    """

    cloud: Cloud
    instance: Record
    work_requests: WorkRequests
    request_id: str
    due: float

    def launch(self) -> None:
        """Start the containers; the change ends when they run."""
        if isfinite(self.due):
            self.cloud.pods.launch(self.instance.hidden["pod"], self.due, self)

    def halt(self, now: float) -> None:
        """Stop the containers from `now` on; the change ends when they have stopped."""
        self.cloud.pods.halt(self.instance.id, now, self._halted)

    def relaunch(self, now: float) -> None:
        """Stop the containers from `now` on and start them anew."""
        self.cloud.pods.halt(self.instance.id, now, lambda _: None)
        self.launch()

    def remove(self, now: float, release_seconds: float, deleted: Sequence[Phase]) -> None:
        """Remove the containers; the instance is deleted when they are removed.

        Args:
            now: when the removal begins.
            release_seconds: from the end of the removal until the VNIC is released.
            deleted: the phases after the removal.
        """

        def removed(at: float) -> None:
            with self.cloud.lock:
                moment = self._finish(at)
                for record in self._records():
                    record.timeline = record.timeline.then(moment, deleted)
                vnic = self.instance.hidden["vnic"]
                for record in (vnic, *vnic.hidden["addresses"]):
                    record.timeline = record.timeline.then(moment + release_seconds, [(GONE, 0.0)])

        self.cloud.pods.remove(self.instance.id, now, removed)

    def started(self, at: float) -> None:
        """The containers run: the instance is ACTIVE."""
        with self.cloud.lock:
            moment = self._finish(at)
            for record in self._records():
                record.timeline = record.timeline.then(moment, [("ACTIVE", 0.0)])
            expect_agents(self.cloud, self.instance, moment)

    def failed(self, at: float, message: str) -> None:
        """The containers cannot be started: the instance is FAILED."""
        with self.cloud.lock:
            moment = self._finish(at, Fail(code=START_FAILED_CODE, message=message, logs=()))
            self.instance.body["lifecycleDetails"] = message
            for record in self._records():
                record.timeline = record.timeline.then(moment, [("FAILED", 0.0)])

    def refuse_pull(self) -> None:
        """An image cannot be pulled: the instance is FAILED or, if so assumed, deleted when the change is due."""
        if not isfinite(self.due):
            return
        self.failed(self.due, PULL_REFUSED)
        if self.cloud.assumptions.removes_instance_on_refused_pull:
            vnic = self.instance.hidden["vnic"]
            for record in (*self._records(), vnic, *vnic.hidden["addresses"]):
                record.timeline = record.timeline.then(self.due, [(GONE, 0.0)])

    def over(self, at: float) -> None:
        """All containers have ended for good: an instance without another planned change turns INACTIVE."""
        with self.cloud.lock:
            timeline = self.instance.timeline
            if timeline.points[-1][1] == "ACTIVE" and isfinite(timeline.settled_at):
                moment = max(at, timeline.settled_at)
                self.instance.timeline = Timeline((*timeline.points, (moment, "INACTIVE")))

    def sampled(self, at: float, usages: Mapping[str, ContainerUsage]) -> None:
        """The containers use this much: it is stored as metrics."""
        with self.cloud.lock:
            record_usage(self.cloud, self.instance, at, usages)

    def issue_token(self, public: RSAPublicKey, seconds: float) -> str:
        """Return a resource principal token of the instance."""
        return issue_token(self.cloud, self.instance, public, seconds)

    def _halted(self, at: float) -> None:
        with self.cloud.lock:
            self.instance.timeline = self.instance.timeline.then(self._finish(at), [("INACTIVE", 0.0)])

    def _finish(self, at: float, failure: Fail | None = None) -> float:
        """End the work request; returns the time of the change's end."""
        moment = max(at, self.due)
        self.work_requests.finish(self.cloud, self.request_id, moment, failure)
        return moment

    def _records(self) -> tuple[Record, ...]:
        return (self.instance, *self.instance.hidden["containers"])
