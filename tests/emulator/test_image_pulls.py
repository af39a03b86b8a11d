"""Which images a container instance can pull, and when."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Assumptions, Latencies
from ocisidecar.emulator.services.object_storage import NAMESPACE

REFUSED = "A container's image could not be pulled because the image does not exist or requires authorization."
READ = "Allow any-user to read repos in compartment id {c} where target.repo.name='web'"
FOREIGN = "fra.ocir.io/acme/web:1.4"
OWN = f"fra.ocir.io/{NAMESPACE}/web:1.4"


@pytest.fixture
def state_of(make_instance, instances):
    """Creates an instance with one image; returns its state and details."""

    def create(image, **changes):
        made = make_instance(containers=[{"displayName": "web", "imageUrl": image}], **changes)
        shown = instances.get_container_instance(made.data.id).data
        return shown.lifecycle_state, shown.lifecycle_details

    return create


@pytest.fixture
def repository(client, compartment):
    """Creates the repository `web`."""
    artifacts = client("artifacts.ArtifactsClient")

    def create(**changes):
        details = {"compartmentId": compartment, "displayName": "web", **changes}
        return artifacts.create_container_repository(details).data.id

    return create


@pytest.mark.parametrize("image", ["web:1.4", "docker.io/library/nginx:1", "ocisidecar/prometheus:0.1.0"])
def test_images_outside_ocir_exist(state_of, image):
    """An image of another registry, or without a registry, is pulled without a right."""
    assert state_of(image) == ("ACTIVE", None)


@pytest.mark.parametrize("image", [FOREIGN, "ocir.eu-frankfurt-1.oci.oraclecloud.com/acme/web:1.4"])
def test_a_private_image_needs_a_statement(state_of, emulator, image):
    """An image of OCIR is refused with the text on record until a statement lets the instance read it."""
    assert state_of(image) == ("FAILED", REFUSED)
    emulator.add_policy(READ.format(c=emulator.compartment_id))
    assert state_of(image) == ("ACTIVE", None)


def test_the_work_request_has_the_text(make_instance, instances):
    """The work request of an instance whose image is refused fails with the text on record."""
    made = make_instance(containers=[{"imageUrl": FOREIGN}])
    request = made.headers["opc-work-request-id"]
    assert instances.get_work_request(request).data.status == "FAILED"
    assert [one.message for one in instances.list_work_request_errors(request).data.items] == [REFUSED]


def test_an_own_image_must_have_been_pushed(state_of, emulator, repository):
    """An image in the tenancy's namespace exists once it is pushed."""
    emulator.add_policy(READ.format(c=emulator.compartment_id))
    assert state_of(OWN)[0] == "FAILED"
    made = repository()
    assert state_of(OWN)[0] == "FAILED"
    emulator.push_image(made, "1.4")
    assert state_of(OWN)[0] == "ACTIVE"


def test_the_right_counts_in_the_compartment_of_the_repository(state_of, emulator, repository):
    """A statement for the instance's compartment does not open a repository in the root compartment."""
    emulator.push_image(repository(compartmentId=emulator.tenancy_id), "1.4")
    emulator.add_policy(READ.format(c=emulator.compartment_id))
    assert state_of(OWN)[0] == "FAILED"
    emulator.add_policy("Allow any-user to read repos in tenancy")
    assert state_of(OWN)[0] == "ACTIVE"


def test_a_public_repository_needs_no_right(state_of, emulator, repository):
    """An image of a public repository is pulled without a right."""
    emulator.push_image(repository(isPublic=True), "1.4")
    assert state_of(OWN)[0] == "ACTIVE"


def test_a_login_takes_the_place_of_the_right(state_of):
    """A pull secret with user name and password for the registry is enough."""
    secret = {"secretType": "BASIC", "registryEndpoint": "fra.ocir.io", "username": "dQ==", "password": "cA=="}
    assert state_of(FOREIGN, imagePullSecrets=[secret])[0] == "ACTIVE"


def test_a_secret_that_cannot_be_read_refuses_the_pull(state_of, emulator):
    """A pull secret in the vault that the instance may not read refuses all images of its registry."""
    secret = {"secretType": "VAULT", "registryEndpoint": "quay.io", "secretId": emulator.store_secret(b"{}")}
    assert state_of("quay.io/acme/web:1.4", imagePullSecrets=[secret])[0] == "FAILED"


@pytest.mark.parametrize(("kind", "state"), [("public", "ACTIVE"), ("missing", "FAILED")])
class TestForeignImages:
    """Images in namespaces of other tenancies are what is assumed."""

    @pytest.fixture
    def emulator(self, make_emulator, kind):
        """An emulator with the assumption."""
        return make_emulator(assumptions=Assumptions(foreign_images=kind))

    def test_are_what_is_assumed(self, state_of, state):
        """A foreign image is public or missing, as assumed."""
        assert state_of(FOREIGN)[0] == state


class TestDisabledPrincipal:
    """The right of the instance counts for a container without a resource principal, if that is assumed."""

    @pytest.fixture(params=[True, False])
    def emulator(self, make_emulator, request):
        """An emulator with the assumption, and one without."""
        made = make_emulator(assumptions=Assumptions(pulls_with_disabled_principal=request.param))
        made.add_policy(READ.format(c=made.compartment_id))
        made.expected = "ACTIVE" if request.param else "FAILED"
        return made

    def test_is_what_is_assumed(self, emulator, make_instance, instances):
        """The image is pulled or refused, as assumed."""
        made = make_instance(containers=[{"imageUrl": FOREIGN, "isResourcePrincipalDisabled": True}]).data
        assert instances.get_container_instance(made.id).data.lifecycle_state == emulator.expected


class TestRemoval:
    """Instances whose image is refused disappear, if that is assumed."""

    @pytest.fixture
    def emulator(self, make_emulator):
        """An emulator with the assumption."""
        return make_emulator(assumptions=Assumptions(removes_instance_on_refused_pull=True))

    def test_the_instance_is_gone(self, make_instance, instances, refused):
        """A GET of the instance is a 404."""
        made = make_instance(containers=[{"imageUrl": FOREIGN}]).data
        refused(404, "NotAuthorizedOrNotFound", instances.get_container_instance, made.id)


class TestPropagation:
    """A group and a policy take effect minutes after they were written."""

    @pytest.fixture
    def emulator(self, make_emulator):
        """An emulator in which IAM takes eight minutes."""
        return make_emulator(latencies=Latencies(iam_propagation=480))

    def test_a_group_can_be_named_when_it_is_known(self, identity, emulator, compartment, refused, clock):
        """A policy that names a group is refused with the text on record until the group has taken effect."""
        rule = f"ALL {{resource.type='computecontainerinstance', resource.compartment.id='{compartment}'}}"
        group = {"compartmentId": emulator.tenancy_id, "name": "web", "description": "web", "matchingRule": rule}
        identity.create_dynamic_group(group)
        policy = {
            "compartmentId": compartment,
            "name": "web",
            "description": "web",
            "statements": [f"Allow dynamic-group web to read repos in compartment id {compartment}"],
        }
        error = refused(400, "InvalidParameter", identity.create_policy, policy)
        assert error.message == (
            "The dynamic_group web specified in the policy statement does not exist under current compartment "
            "hierarchy."
        )
        clock.advance(480)
        identity.create_policy(policy)


@pytest.fixture
def closed_subnet(network, compartment, vcn, make_subnet):
    """A subnet whose security list has no rule."""
    details = {"compartmentId": compartment, "vcnId": vcn.id, "ingressSecurityRules": [], "egressSecurityRules": []}
    return make_subnet(cidrBlock="10.0.9.0/24", securityListIds=[network.create_security_list(details).data.id])


def out(destination, port, kind="CIDR_BLOCK"):
    """Return a rule that lets connections to a TCP port out."""
    span = {"destinationPortRange": {"min": port, "max": port}}
    ends = {"destination": destination, "destinationType": kind}
    return {"direction": "EGRESS", "protocol": "6", "tcpOptions": span, **ends}


SERVICES = ("all-fra-services-in-oracle-services-network", 443, "SERVICE_CIDR_BLOCK")


@pytest.mark.parametrize(
    ("image", "rule", "state"),
    [
        ("docker.io/library/nginx:1", None, "FAILED"),
        ("docker.io/library/nginx:1", ("0.0.0.0/0", 443), "ACTIVE"),
        ("docker.io/library/nginx:1", ("10.0.0.0/8", 443), "FAILED"),
        ("docker.io/library/nginx:1", ("0.0.0.0/0", 80), "FAILED"),
        ("docker.io/library/nginx:1", SERVICES, "FAILED"),
        (FOREIGN, SERVICES, "ACTIVE"),
        ("10.0.7.7:5000/web:1", ("10.0.7.0/24", 5000), "ACTIVE"),
        ("10.0.7.7:5000/web:1", ("10.0.8.0/24", 5000), "FAILED"),
    ],
)
def test_rules_of_the_vnic_must_let_pulls_out(
    state_of, emulator, network, compartment, vcn, closed_subnet, image, rule, state
):
    """An image is pulled if a rule of a group or list of the VNIC lets the connection to its registry out."""
    emulator.add_policy(f"Allow any-user to read repos in compartment id {compartment}")
    group = network.create_network_security_group({"compartmentId": compartment, "vcnId": vcn.id}).data.id
    if rule is not None:
        network.add_network_security_group_security_rules(group, {"securityRules": [out(*rule)]})
    vnics = [{"subnetId": closed_subnet.id, "nsgIds": [group]}]
    assert state_of(image, vnics=vnics)[0] == state
