"""How a deployment reaches OCI: through the session, threads and planner of the provisioner that it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Session
from ocisidecar.deployment import Deployment
from ocisidecar.observe.snapshot import Reader
from ocisidecar.plan.plan import Action, Plan
from ocisidecar.plan.planner import Planner
from ocisidecar.plan.start_stop import plan_power
from ocisidecar.state.observed import Live
from ocisidecar.wire import Key

if TYPE_CHECKING:
    from ocisidecar.emulator import Emulator
    from ocisidecar.events import Handler
    from ocisidecar.observe.instances import Instance


class _Get(Protocol):
    def __call__(self, name: str, *, cancel: Cancel | None = None) -> Deployment: ...


@frozen
class ServiceConnection:
    """The `deployment.Connection` of all deployments of one provisioner; thread-safe.

    Attributes:
        session, pool, planner: the provisioner's own.
        emulator: the one that plays OCI, where it runs in this process.
        get_deployment: finds a deployment by name.
        run: carries plans out.
    """

    session: Session
    pool: ThreadPoolExecutor
    planner: Planner
    emulator: Emulator | None
    get_deployment: _Get
    run: Callable[[Sequence[Plan], Handler | None, Cancel], tuple[Deployment, ...]]

    def deployment(self, name: str, resources: Mapping[Key, Live]) -> Deployment:
        """Return a deployment that uses this connection."""
        ids = {str(key): live.id for key, live in sorted(resources.items())}
        return Deployment(self.planner.identity(name), ids, self)

    def get(self, name: str, *, cancel: Cancel | None = None) -> Deployment:
        """Return a deployment by name; raises DeploymentNotFound."""
        return self.get_deployment(name, cancel=cancel)

    def reader(self, name: str, *, cancel: Cancel | None = None) -> Reader:
        """Return the reader of a deployment's resources."""
        caller = self.session.caller(cancel or Cancel(clock=self.session.clock))
        return Reader(caller, self.planner.site(name, caller), self.pool)

    def base_url(self, instance: Instance, port: int) -> str | None:
        """Return the base URL of an instance's port, e.g. `http://10.0.0.2:80`; None when it has none.

        The emulator knows where its real containers listen; simulated ones listen nowhere.
        """
        return self.emulator.reach(instance.id, port) if self.emulator else base_url(instance, port)

    def change_power(
        self,
        name: str,
        action: Action,
        *,
        instance: str | None = None,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment:
        """Start, stop or restart a deployment's instances and wait until they are; see `Deployment.stop`."""
        cancelling = cancel or Cancel(clock=self.session.clock)
        snapshot = self.planner.snapshot(name, cancelling)
        plan = plan_power(self.planner.identity(name), snapshot, action, instance=instance)
        return self.run((plan,), on_event, cancelling)[0]


def base_url(instance: Instance, port: int) -> str | None:
    """Return the base URL of a port at the instance's public address, else at its private one.

    Whether it can be reached depends on where this runs and on the network's rules.
    """
    host = instance.emulated_address or instance.public_ip or instance.private_ip
    return f"http://{host}:{port}" if host else None
