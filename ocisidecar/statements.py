"""Which rights a deployment's policy gives, gathered from what its containers declare.  Pure."""

from __future__ import annotations

from ocisidecar.compose import compose
from ocisidecar.spec import DeploymentSpec, Statement


def statements_of(spec: DeploymentSpec, image_prefix: str | None) -> tuple[Statement, ...]:
    """Return the statements of all containers, and of all who share the access, each once, sorted."""
    declared = [
        one
        for instance in spec.instances
        for _, one in compose(spec, instance, replica=0, image_prefix=image_prefix).statements
    ]
    found = {
        (one.principal, one.resource_type, one.verb, one.where or ""): one
        for one in (*spec.effective_access.statements, *declared)
    }
    return tuple(found[name] for name in sorted(found))
