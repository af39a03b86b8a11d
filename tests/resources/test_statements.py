"""Which rights containers need, gathered from what they declare."""

from __future__ import annotations

from attrs import evolve

from ocisidecar.resources.access import statements_of
from ocisidecar.spec import DeploymentSpec, ImagePullSecret, InstanceSpec, SidecarSpec, Statement

METRICS = Statement("use", "metrics", where="target.metrics.namespace='web'", reason="posts metrics")
BUCKETS = Statement("read", "objects", reason="reads its data")
WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4", statements=[METRICS])


def test_statements_of_all_containers_are_gathered():
    """The statements of all containers are returned, in an order that does not depend on the spec's."""
    worker = SidecarSpec("worker", image_url="docker.io/acme/worker:1", statements=[BUCKETS])
    forward = DeploymentSpec(
        "web", [WEB, InstanceSpec("api", image_url="docker.io/acme/api:1").with_sidecar(worker)]
    )
    backward = evolve(forward, instances=reversed(forward.instances))
    assert statements_of(forward, None) == (METRICS, BUCKETS)
    assert statements_of(backward, None) == (METRICS, BUCKETS)


def test_a_right_that_many_need_is_given_once():
    """Two containers that need the same right for different reasons have one statement."""
    other = evolve(WEB, name="api", statements=[evolve(METRICS, reason="posts more metrics")])
    assert len(statements_of(DeploymentSpec("web", [WEB, other]), None)) == 1


def test_the_same_right_for_another_principal_is_separate():
    """A right of the management agent is a statement beside the same right of the container instances."""
    agent = evolve(METRICS, principal="managementagent")
    spec = DeploymentSpec("web", [evolve(WEB, statements=[METRICS, agent])])
    assert statements_of(spec, None) == (METRICS, agent)


def test_pulling_from_the_tenancys_registry_is_a_right():
    """Pulling from OCIR needs a statement for that repository, or for the pull secret where there is one."""
    private = InstanceSpec("web", image_url="fra.ocir.io/acme/team/web:1.4")
    (statement,) = statements_of(DeploymentSpec("web", [private]), None)
    assert (statement.verb, statement.resource_type) == ("read", "repos")
    assert statement.where == "target.repo.name='team/web'"
    secret = ImagePullSecret.vault("fra.ocir.io", secret_id="ocid1.vaultsecret.oc1..s")
    (statement,) = statements_of(DeploymentSpec("web", [private.with_pull_secret(secret)]), None)
    assert (statement.verb, statement.resource_type) == ("read", "secret-bundles")
    assert statement.where == "target.secret.id='ocid1.vaultsecret.oc1..s'"
    given = ImagePullSecret.basic("fra.ocir.io", username="u", password="p")
    assert statements_of(DeploymentSpec("web", [private.with_pull_secret(given)]), None) == ()


def test_own_images_are_pulled_from_below_the_prefix():
    """An image of ours needs a right for its repository below the prefix, and none without a prefix."""
    web = InstanceSpec("web", image_url="docker.io/acme/web:1").with_sidecar(
        SidecarSpec("f", image_url="ocisidecar/x:1")
    )
    found = statements_of(DeploymentSpec("web", [web]), "fra.ocir.io/acme/tools")
    assert [one.where for one in found] == ["target.repo.name='tools/x'"]
    assert statements_of(DeploymentSpec("web", [web]), None) == ()


def test_without_a_need_there_is_no_statement():
    """A deployment whose containers declare nothing has no statement."""
    assert statements_of(DeploymentSpec("web", [evolve(WEB, statements=())]), None) == ()
    assert statements_of(DeploymentSpec("platform"), None) == ()
