"""Whether narrowed egress narrows anything in a network of others.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ocisidecar.errors import SpecProblem
from ocisidecar.plan.plan import Plan
from ocisidecar.resources.instance_request import group_key
from ocisidecar.resources.openings import openings_of_group, openings_of_list
from ocisidecar.spec import DeploymentSpec
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.state.observed import value_in
from ocisidecar.wire import Key

_LIST = Key("security-list", "main")


def undone_egress(spec: DeploymentSpec, plan: Plan) -> Iterator[SpecProblem]:
    """Yield the instances whose egress the security list of a shared network would undo, since rules add up."""
    shared, snapshot = spec.effective_network.name, plan.snapshot
    lists = snapshot.of(shared).get(_LIST, ()) if shared else ()
    let_out = [one for live in lists for one in openings_of_list(live.body) if one.is_outgoing]
    audience = Audience.PYTHON if spec.source_file is None else Audience.FILE
    remedy = audience.words(python="egress=EgressSpec() in its network", file="network: {private: {egress: {}}}")
    for instance in spec.instances:
        group = plan.desired.get(group_key(instance.name))
        if instance.egress is None or group is None:
            continue
        wanted = openings_of_group(group.body, partial(value_in, snapshot))
        wider = [str(one) for one in let_out if not one.is_covered(wanted)]
        if wider:
            message = f"narrows nothing: the network of {shared} lets {', '.join(wider)} out for everything in it"
            yield SpecProblem(
                f'instances["{instance.name}"].egress', f"{message}; first apply {shared} with {remedy}"
            )
