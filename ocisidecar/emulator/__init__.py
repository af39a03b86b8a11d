"""A local Oracle Cloud: the services that the library uses, behind one loopback port.

    from ocisidecar.emulator import Emulator, Fault, Latencies

    with Emulator(latencies=Latencies(container_instance_create=20), seed=1) as emulator:
        client = oci.core.VirtualNetworkClient(emulator.oci_config, service_endpoint=emulator.endpoint)

It is written from OCI's API, not from this library: any official client works against it.
"""

from ocisidecar.emulator.app import RecordedRequest
from ocisidecar.emulator.emulator import Emulator
from ocisidecar.emulator.faults import Fault
from ocisidecar.emulator.lifecycle import Latencies, Lifetime
from ocisidecar.emulator.outbox import Notification
from ocisidecar.emulator.program import serve
from ocisidecar.emulator.service_limits import TRIAL_LIMITS
from ocisidecar.emulator.simulated_pods import ContainerScript
from ocisidecar.emulator.state import Assumptions

__all__ = [
    "TRIAL_LIMITS",
    "Assumptions",
    "ContainerScript",
    "Emulator",
    "Fault",
    "Latencies",
    "Lifetime",
    "Notification",
    "RecordedRequest",
    "serve",
]
