"""What closes where an earlier version made one network security group for all instances.  Pure.

Each instance then admitted the ports of all others too.  Somebody may rely on that, such as a Prometheus in another
instance, so the plan that ends it names what closes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from ocisidecar.resources.instance_request import SHARED_GROUP, group_key
from ocisidecar.resources.openings import openings_of_group
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Snapshot, value_in
from ocisidecar.wire import Key

_BECAUSE = (
    "was open on it only because other instances declare it, and is closed now that each instance has its own "
    "network security group: declare it there too if somebody needs it, such as a Prometheus in another instance"
)


def closed_ports(spec: DeploymentSpec, desired: Mapping[Key, Desired], snapshot: Snapshot) -> Iterator[str]:
    """Yield a warning for each instance that exists and that no longer admits something."""
    live = snapshot.of(spec.name)
    openings_of = partial(openings_of_group, lookup=partial(value_in, snapshot))
    former = {one for group in live.get(SHARED_GROUP, ()) for one in openings_of(group.body) if not one.is_outgoing}
    for instance in spec.instances:
        group, first = desired.get(group_key(instance.name)), Key("container-instance", f"{instance.name}-0")
        if group is not None and first in live:
            kept = openings_of(group.body)
            closed = sorted(one for one in former if not one.is_covered(kept))
            if closed:
                what = f'instances["{instance.name}"].ports: {", ".join(map(str, closed))}'
                yield f"{what} {_BECAUSE}"
