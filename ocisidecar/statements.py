"""Which rights a deployment's containers need, gathered from what they declare.  Pure."""

from __future__ import annotations

from ocisidecar.compose import compose
from ocisidecar.spec import DeploymentSpec, Statement


def statements_of(spec: DeploymentSpec, image_prefix: str | None) -> tuple[Statement, ...]:
    """Return the statements of all the deployment's containers, each once, sorted."""
    found = {
        (one.principal, one.resource_type, one.verb, one.where or ""): one
        for instance in spec.instances
        for _, one in compose(spec, instance, replica=0, image_prefix=image_prefix).statements
    }
    return tuple(found[name] for name in sorted(found))
