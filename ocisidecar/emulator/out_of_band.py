"""What reaches and leaves a tenancy in other ways than through the API: images, scan results, messages, secrets."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.emulator.app import App
from ocisidecar.emulator.courier import Courier
from ocisidecar.emulator.metric_store import StreamKey
from ocisidecar.emulator.mql import Datapoint
from ocisidecar.emulator.outbox import Notification
from ocisidecar.emulator.services import vulnerability_scanning
from ocisidecar.emulator.services.artifacts import push_image
from ocisidecar.emulator.services.notification import confirmation_token
from ocisidecar.emulator.services.vault import store_secret


class OutOfBand:
    """The methods of `Emulator` that stand for other programs and people.  Thread-safe."""

    app: App
    _courier: Courier

    def push_image(self, repository_id: str, version: str) -> str:
        """Push an image, tagged `version`, into a container repository; returns its OCID.

        Raises:
            LookupError: the repository does not exist.
        """
        cloud = self.app.cloud
        with cloud.lock:
            return push_image(cloud, repository_id, version).id

    def cover_by_scanning(self, *repositories: str, scan_level: str = "STANDARD") -> str:
        """Add a scan target for repositories of the compartment, for all when none is named; returns its OCID.

        The emulator does not scan: results are those that `store_scan_result` stores.

        Args:
            repositories: without registry and namespace.
            scan_level: STANDARD, or NONE for a recipe that scans nothing.
        """
        cloud = self.app.cloud
        with cloud.lock:
            return vulnerability_scanning.add_target(cloud, repositories, scan_level).id

    def store_scan_result(self, repository: str, tag: str, *problems: Mapping[str, object]) -> str:
        """Store the result of a scan that ended now; returns the result's OCID.

        Args:
            repository: without registry and namespace.
            tag: of the image.
            problems: as in oci.vulnerability_scanning.models.ContainerScanResultProblem, in wire form:
                `{"name": ..., "severity": "HIGH", "state": "OPEN"}`.

        Raises:
            LookupError: no scan target covers the repository.
        """
        cloud = self.app.cloud
        with cloud.lock:
            return vulnerability_scanning.store_result(cloud, repository, tag, problems).id

    def confirmation_token(self, subscription_id: str) -> str:
        """Return the token in the message that asks an endpoint to confirm its subscription.

        Raises:
            LookupError: the subscription does not exist.
        """
        cloud = self.app.cloud
        with cloud.lock:
            return confirmation_token(cloud, subscription_id)

    def deliver(self, *, slack_seconds: float | None = None) -> None:
        """Evaluate all alarms, and send what is due to endpoints on the loopback interface; waits for answers.

        On a clock that runs by itself this also happens without a call, every ten seconds of it, as soon as a
        topic has such an endpoint.

        Args:
            slack_seconds: how long after its end a minute is judged (>= 0), for those who cannot wait for the
                alarms' own slack periods of three minutes and more; what is posted later is not judged any more.
        """
        self._courier.deliver(slack_seconds)

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """All messages to the endpoints of subscriptions, oldest first, those of ended ones included."""
        cloud = self.app.cloud
        with cloud.lock:
            return tuple(delivery.notification for delivery in cloud.outbox.deliveries)

    def store_datapoint(
        self,
        namespace: str,
        name: str,
        value: float,
        dimensions: Mapping[str, str],
        *,
        resource_group: str | None = None,
        at: float | None = None,
    ) -> None:
        """Store a datapoint in the compartment, as if a service or a simulated container had sent it.

        Args:
            namespace: of the metric; any, also those of OCI's services.
            name: of the metric.
            value: of the datapoint.
            dimensions: of the metric stream.
            resource_group: of the metric stream, if any.
            at: its time in seconds since the epoch; now by default.
        """
        cloud = self.app.cloud
        key = StreamKey(
            region=cloud.home_region,
            compartment_id=cloud.compartment_id,
            namespace=namespace,
            resource_group=resource_group,
            name=name,
            dimensions=tuple(sorted(dimensions.items())),
        )
        with cloud.lock:
            cloud.metrics.add(key, [Datapoint(cloud.clock.time() if at is None else at, value)])

    def store_secret(self, *versions: bytes) -> str:
        """Store a secret with these versions, the current one last, in the vault; returns its OCID."""
        cloud = self.app.cloud
        with cloud.lock:
            return store_secret(cloud, versions).id
