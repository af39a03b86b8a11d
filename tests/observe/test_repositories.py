"""Where the repositories are from which OCI pulls a deployment's images."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ocisidecar.emulator.services.object_storage import NAMESPACE
from ocisidecar.errors import ApplyFailed
from ocisidecar.provisioner import Provisioner
from ocisidecar.spec import AccessSpec, DeploymentSpec, InstanceSpec, RepositorySpec

WEB = InstanceSpec("web", image_url=f"fra.ocir.io/{NAMESPACE}/shop/web:1.4")
WHERE = "where target.repo.name='shop/web'"


@pytest.fixture
def push(emulator, sdk) -> Callable[..., str]:
    """Pushes the image into a repository of a compartment; returns the compartment."""

    def make(compartment_id: str) -> str:
        details = {"compartmentId": compartment_id, "displayName": "shop/web"}
        made = sdk("artifacts.ArtifactsClient").create_container_repository(details).data
        emulator.push_image(made["id"], "1.4")
        return compartment_id

    return make


@pytest.fixture
def make_compartment(sdk) -> Callable[..., str]:
    """Makes a compartment below another."""

    def make(parent: str) -> str:
        details = {"compartmentId": parent, "name": "images", "description": "images"}
        made: str = sdk("identity.IdentityClient").create_compartment(details).data["id"]
        return made

    return make


def statements(plan) -> list[str]:
    """Return the statements that a plan writes about repositories."""
    policies = [want for key, want in plan.desired.items() if key.kind == "policy"]
    written = [str(one) for want in policies for one in want.body["statements"]]
    return [one for one in written if "repos" in one]


def test_a_repository_in_the_compartment_is_named_there(provisioner, emulator, push) -> None:
    """The right to a repository of the deployment's compartment is written for that compartment."""
    push(emulator.compartment_id)
    plan = provisioner.plan(WEB)
    assert statements(plan)[0].endswith(f"read repos in compartment id {emulator.compartment_id} {WHERE}")
    assert plan.warnings == ()
    provisioner.apply(plan)
    assert not provisioner.plan(WEB).changes


def test_a_repository_below_is_named_there(provisioner, emulator, push, make_compartment) -> None:
    """The right to a repository in a compartment below the deployment's is written for the compartment below."""
    below = push(make_compartment(emulator.compartment_id))
    plan = provisioner.plan(WEB)
    assert statements(plan)[0].endswith(f"read repos in compartment id {below} {WHERE}")
    deployment = provisioner.apply(plan)
    assert not provisioner.plan(WEB).changes
    deployment.verify(WEB).raise_for_failures()


class TestElsewhere:
    """A repository in a compartment for which the deployment's policy cannot count."""

    @pytest.fixture
    def warning(self, provisioner, emulator, push, make_compartment) -> str:
        """The only warning of the plan, for a repository in another compartment."""
        push(make_compartment(emulator.tenancy_id))
        plan = provisioner.plan(WEB)
        assert statements(plan) == []
        (warning,) = plan.warnings
        return warning

    def test_the_plan_says_which_statement_others_must_write(self, warning, sdk, emulator) -> None:
        """The plan writes no statement for it and warns with the one that is missing."""
        (images,) = sdk("identity.IdentityClient").list_compartments(emulator.tenancy_id, name="images").data
        assert "Allow dynamic-group ocisidecar-web-" in warning
        assert warning.endswith(f" to read repos in compartment id {images['id']} {WHERE}")

    def test_the_statement_is_what_is_missing(self, warning, provisioner, emulator, sdk) -> None:
        """The apply fails without the statement, and works when it is written."""
        with pytest.raises(ApplyFailed, match="could not be pulled"):
            provisioner.apply(WEB)
        policy = {
            "compartmentId": emulator.tenancy_id,
            "name": "images",
            "description": "images",
            "statements": [warning[warning.index("Allow ") :]],
        }
        sdk("identity.IdentityClient").create_policy(policy)
        provisioner.apply(WEB)
        provisioner.get("web").verify(WEB).raise_for_failures()

    def test_an_existing_group_is_named(self, warning, provisioner) -> None:
        """The warning names the group that the deployment uses."""
        assert warning
        spec = DeploymentSpec("web", [WEB], access=AccessSpec.existing("ours"))
        assert any("Allow dynamic-group ours to read repos" in one for one in provisioner.plan(spec).warnings)


def test_a_missing_repository_is_a_warning(provisioner) -> None:
    """The plan warns about an image whose repository the tenancy does not have."""
    (warning,) = provisioner.plan(WEB).warnings
    assert "the tenancy has no repository (target.repo.name='shop/web') in this region" in warning


def test_a_repository_of_the_spec_is_not_missing(provisioner) -> None:
    """The plan does not warn about a repository that it creates."""
    spec = DeploymentSpec("web", [WEB], repositories=[RepositorySpec("shop/web")])
    assert provisioner.plan(spec).warnings == ()


@pytest.mark.parametrize("host", ["iad.ocir.io", "ocir.us-ashburn-1.oci.oraclecloud.com"])
def test_another_region_is_not_searched(provisioner, emulator, host) -> None:
    """An image in the registry of another region costs no request."""
    plan = provisioner.plan(InstanceSpec("web", image_url=f"{host}/{NAMESPACE}/shop/web:1.4"))
    assert plan.warnings == ()
    listed = [one for one in emulator.requests if one.operation == "list_container_repositories"]
    assert all("displayName" not in one.query for one in listed)


def test_another_tenancy_is_not_searched(provisioner, emulator) -> None:
    """An image in the namespace of another tenancy is not looked up."""
    assert provisioner.plan(InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4")).warnings == ()
    listed = [one for one in emulator.requests if one.operation == "list_container_repositories"]
    assert all("displayName" not in one.query for one in listed)


class TestCompartmentAdministrator:
    """A caller who may see the deployment's compartment only."""

    @pytest.fixture
    def team(self, emulator, connect) -> Provisioner:
        """A provisioner for such a caller."""
        config = emulator.add_user("user", groups=["team"])
        emulator.add_policy(f"Allow group team to manage all-resources in compartment id {emulator.compartment_id}")
        return connect(emulator, config=config)

    def test_finds_what_is_there(self, team, emulator, push) -> None:
        """A repository in the compartment is found."""
        push(emulator.compartment_id)
        plan = team.plan(DeploymentSpec("web", [WEB], access=AccessSpec.existing("ours")))
        assert statements(plan)[0].endswith(f"read repos in compartment id {emulator.compartment_id} {WHERE}")
        assert not any("shop/web" in one for one in plan.warnings)

    def test_is_told_what_may_be_missing_elsewhere(self, team, emulator, push) -> None:
        """A repository that the caller cannot see is a warning with the statement."""
        push(emulator.tenancy_id)
        plan = team.plan(DeploymentSpec("web", [WEB], access=AccessSpec.existing("ours")))
        assert any("others are not visible to the caller" in one for one in plan.warnings)
