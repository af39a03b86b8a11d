"""What the steps of the walk share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attrs import define, field

from ocisidecar.emulator import Emulator
from tests.emulator.contract.checking_client import CheckingClient, Exchange


@define
class Walk:
    """What the steps share: the emulator, the clients, and the OCIDs of what was made, by a word of ours."""

    emulator: Emulator
    exchanges: list[Exchange] = field(factory=list)
    ids: dict[str, str] = field(factory=dict)
    clients: dict[str, CheckingClient] = field(factory=dict)

    @property
    def home(self) -> str:
        """The compartment in which everything is made."""
        return self.emulator.compartment_id

    def client(self, name: str, path: str) -> Any:
        """Return the client of a service, pointed at the service's own prefix."""
        if name not in self.clients:
            self.clients[name] = CheckingClient(name, self.emulator, self.exchanges, path)
        return self.clients[name]

    @property
    def network(self) -> Any:
        return self.client("core.VirtualNetworkClient", "/iaas")

    @property
    def instances(self) -> Any:
        return self.client("container_instances.ContainerInstanceClient", "/compute-containers")

    def made(self, **members: Any) -> dict[str, Any]:
        """Return the body of a create, in the home compartment and with a tag."""
        return {"compartmentId": self.home, "freeformTags": {"made-by": "walk"}, **members}

    def now(self) -> datetime:
        """Return the time of the emulator's clock."""
        return datetime.fromtimestamp(self.emulator.clock.time(), UTC)
