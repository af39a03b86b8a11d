"""What a region or tenancy cannot do for a spec is one clear error before any write, with the path of the field."""

from __future__ import annotations

import attrs
import pytest
from attrs import evolve

import ocisidecar
from ocisidecar import (
    AccessSpec,
    AlarmSpec,
    ConfigError,
    DeploymentSpec,
    ImagePullSecret,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    PlacementSpec,
    PlanError,
    SecretRef,
    SpecError,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.emulator import Fault
from ocisidecar.emulator.services.instance_shapes import HARDWARE
from ocisidecar.observe.shapes import OfferedShape
from ocisidecar.plan.feasibility import impossible
from ocisidecar.spec.validate.fields import ELEMENT_VALIDATORS, FIELD_VALIDATORS, Ocid

IMAGE = "docker.io/acme/web:1.4"
WEB = InstanceSpec("web", image_url=IMAGE)
SUBNET = "ocid1.subnet.oc1.eu-frankfurt-1.aaaa"
SHARE = {
    "mount_target_id": "ocid1.mounttarget.oc1.eu-frankfurt-1.aaaa",
    "export_id": "ocid1.export.oc1.eu-frankfurt-1.aaaa",
    "subnet_id": SUBNET,
}


def _with_alarm(destination: str) -> DeploymentSpec:
    return DeploymentSpec("web", [WEB], alarms=[AlarmSpec.cpu_utilization(80, destinations=[destination])])


def _with_secret(secret_id: str) -> DeploymentSpec:
    volume = VolumeSpec.config_file("config", {"token": SecretRef(secret_id)})
    return DeploymentSpec("web", [WEB.with_volume(volume, mount_path="/config")])


def _with_pull_secret(secret_id: str) -> DeploymentSpec:
    secret = ImagePullSecret.vault("ghcr.io", secret_id=secret_id)
    return DeploymentSpec("web", [evolve(WEB, image_pull_secrets=[secret])])


def _with_share(**changes: str) -> DeploymentSpec:
    volume = VolumeSpec.file_system("data", **{**SHARE, **changes})
    return DeploymentSpec("web", [WEB.with_volume(volume, mount_path="/data")])


def _with_log(**changes: str) -> DeploymentSpec:
    return DeploymentSpec("web", [WEB], logging=LoggingSpec.existing(**changes))


_ALARM = 'alarms["cpu-utilization"].destinations[0]'
_VOLUME = 'instances["web"].volumes'
REFERENCES = {
    "NetworkSpec.subnet_id": (
        "subnet",
        lambda one: DeploymentSpec("web", [WEB], network=NetworkSpec.existing(one)),
        "network.subnet_id",
    ),
    "NetworkSpec.nsg_ids": (
        "networksecuritygroup",
        lambda one: DeploymentSpec("web", [WEB], network=NetworkSpec.existing(SUBNET, nsg_ids=[one])),
        "network.nsg_ids[0]",
    ),
    "LoggingSpec.log_id": ("log", lambda one: _with_log(log_id=one), "logging.log_id"),
    "LoggingSpec.log_group_id": ("loggroup", lambda one: _with_log(log_group_id=one), "logging.log_group_id"),
    "AlarmSpec.destinations": ("onstopic", _with_alarm, _ALARM),
    "TopicSpec.subscriptions": (
        "fnfunc",
        lambda one: DeploymentSpec("web", [WEB], topic=TopicSpec("oncall", subscriptions=[one])),
        "topic.subscriptions[0]",
    ),
    "SecretRef.secret_id": ("vaultsecret", _with_secret, f'{_VOLUME}["config"].files["token"].secret_id'),
    "ImagePullSecret.secret_id": (
        "vaultsecret",
        _with_pull_secret,
        'instances["web"].image_pull_secrets[0].secret_id',
    ),
    "VolumeSpec.mount_target_id": (
        "mounttarget",
        lambda one: _with_share(mount_target_id=one),
        f'{_VOLUME}["data"].mount_target_id',
    ),
    "VolumeSpec.export_id": ("export", lambda one: _with_share(export_id=one), f'{_VOLUME}["data"].export_id'),
    "VolumeSpec.subnet_id": ("subnet", lambda one: _with_share(subnet_id=one), f'{_VOLUME}["data"].subnet_id'),
    "AccessSpec.dynamic_group": (
        "dynamicgroup",
        lambda one: DeploymentSpec("web", [WEB], access=AccessSpec.existing(one)),
        "access.dynamic_group",
    ),
}
"""Field of a spec → type of the OCID that it takes, a function that makes a spec with it, and its path."""


def test_every_field_that_takes_an_ocid_is_here():
    """Each field of a spec's classes with an OCID has a test below."""
    classes = {value for name in ocisidecar.__all__ if attrs.has(value := getattr(ocisidecar, name))}
    found = {
        f"{cls.__name__}.{attribute.name}"
        for cls in classes
        for attribute in attrs.fields(cls)
        for validators in (FIELD_VALIDATORS, ELEMENT_VALIDATORS)
        if any(isinstance(one, Ocid) for one in attribute.metadata.get(validators, ()))
    }
    assert found == REFERENCES.keys()


@pytest.fixture
def refused(provisioner, emulator):
    """A function that returns the problems of an apply that is refused, after checking that nothing was written."""

    def make(spec):
        before = len(emulator.requests)
        with pytest.raises(SpecError) as caught:
            provisioner.apply(spec)
        assert [one.operation for one in emulator.requests[before:] if one.is_write] == []
        assert emulator.live() == {}
        return {problem.path: problem.message for problem in caught.value.problems}

    return make


class TestOcids:
    """An OCID that shows another realm or region, or another type, is refused by the path of its field."""

    @pytest.mark.parametrize("field", REFERENCES)
    @pytest.mark.parametrize(
        ("realm_and_region", "message"),
        [
            ("oc2.us-langley-1", "must be of the realm oc1, like the tenancy, got one of oc2"),
            ("oc1.phx", "must be in the region of the deployment, eu-frankfurt-1, got one in us-phoenix-1"),
            ("oc1.uk-london-1", "must be in the region of the deployment, eu-frankfurt-1, got one in uk-london-1"),
        ],
    )
    def test_of_another_realm_or_region(self, refused, emulator, field, realm_and_region, message) -> None:
        """The error names realm or region of the OCID and of the deployment; no request is sent."""
        kind, make, path = REFERENCES[field]
        found = refused(make(f"ocid1.{kind}.{realm_and_region}.aaaa"))
        assert list(found) == [path]
        assert found[path].startswith(message)
        assert emulator.requests == ()

    @pytest.mark.parametrize("field", REFERENCES)
    def test_of_another_type(self, refused, field) -> None:
        """The OCID of a VCN stands for none of them."""
        kind, make, path = REFERENCES[field]
        assert kind in refused(make("ocid1.vcn.oc1.eu-frankfurt-1.aaaa"))[path]

    @pytest.mark.parametrize("word", ["eu-frankfurt-1", "fra", "", "r4"])
    def test_of_this_region(self, provisioner, word) -> None:
        """An OCID with this region's name or code, without a region or with a word that is none is accepted."""
        spec = DeploymentSpec("web", [WEB], network=NetworkSpec.existing(f"ocid1.subnet.oc1.{word}.aaaa"))
        assert provisioner.plan(spec).changes

    def test_of_a_resource_to_adopt(self, provisioner, writes) -> None:
        """A repository of another region is not adopted."""
        spec = DeploymentSpec("web", [WEB])
        foreign = "ocid1.subnet.oc1.phx.aaaa"
        with pytest.raises(SpecError, match=r"resources\['subnet/main'\]: must be in the region of the deployment"):
            provisioner.adopt(spec, {"subnet/main": foreign})
        assert writes() == []

    def test_of_a_spec_file_have_its_paths(self, provisioner, tmp_path) -> None:
        """The error about a spec file names the file and the path."""
        path = tmp_path / "web.yaml"
        path.write_text(
            "name: web\ninstances:\n- {name: web, image_url: 'docker.io/acme/web:1.4'}\n"
            "network: {existing: {subnet_id: ocid1.subnet.oc1.phx.aaaa}}\n"
        )
        where = r"web\.yaml:\n  - line 4, column 22: network\.subnet_id"
        with pytest.raises(SpecError, match=f"{where}: must be in the region"):
            provisioner.plan(ocisidecar.load_spec(path))


class TestCompartments:
    """The compartment is given by an OCID of the tenancy."""

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("production", "'production' is not the OCID of a compartment"),
            ("ocid1.vcn.oc1.eu-frankfurt-1.aaaa", "is not the OCID of a compartment"),
            ("ocid1.compartment.oc2..aaaa", "is not in the tenancy of the credentials"),
            ("ocid1.tenancy.oc1..another", "is not in the tenancy of the credentials"),
        ],
    )
    @pytest.mark.parametrize("call", ["plan", "apply", "destroy", "get"])
    def test_that_cannot_be(self, emulator, connect, given, message, call) -> None:
        """A name, another resource, another realm and another tenancy are refused before any request."""
        before = len(emulator.requests)
        with pytest.raises(ConfigError, match=message):
            getattr(connect(emulator, compartment_id=given), call)("web" if call in {"destroy", "get"} else WEB)
        assert emulator.requests[before:] == ()


class TestPlacement:
    """Shapes, sizes and availability domains that the region does not offer are refused by plan."""

    def test_an_unknown_shape(self, refused) -> None:
        """The error names the nearest shape that the region offers."""
        found = refused(evolve(WEB, shape="CI.Standard.E4.Flexx"))
        assert found == {
            'instances["web"].shape': "must be a shape that the region offers, got 'CI.Standard.E4.Flexx', did you "
            "mean 'CI.Standard.E4.Flex'?"
        }

    def test_a_shape_that_resembles_none(self, refused) -> None:
        """The error lists what the region offers."""
        (message,) = refused(evolve(WEB, shape="X9")).values()
        assert message.endswith(
            "it offers CI.Standard.E3.Flex, CI.Standard.E4.Flex, CI.Standard.E5.Flex, CI.Standard.A1.Flex"
        )

    def test_of_several_shapes_one_suffices(self, provisioner) -> None:
        """A shape that the region lacks, beside one that it offers, is a warning."""
        web = WEB.with_placement(PlacementSpec(shapes=["CI.Standard.E6.Flex"]))
        assert "does not offer 'CI.Standard.E6.Flex'" in " ".join(provisioner.plan(web).warnings)
        assert not any("does not offer" in one for one in provisioner.plan(WEB).warnings)

    @pytest.mark.parametrize(
        ("sizes", "field", "message"),
        [
            ({"ocpus": 1000}, "ocpus", "must be 1 to 80 OCPUs on CI.Standard.X9.Flex in this region, got 1000"),
            (
                {"ocpus": 2, "memory_in_gbs": 200},
                "memory_in_gbs",
                "must be 2 to 128 GB with 2 OCPUs on CI.Standard.X9.Flex in this region, got 200",
            ),
            (
                {"ocpus": 2, "memory_in_gbs": 1},
                "memory_in_gbs",
                "must be 2 to 128 GB with 2 OCPUs on CI.Standard.X9.Flex in this region, got 1",
            ),
        ],
    )
    def test_sizes_beyond_the_shape(self, sizes, field, message) -> None:
        """The ranges are those of the service, also for a shape that this version does not know."""
        shape = OfferedShape(
            name="CI.Standard.X9.Flex", ocpus=(1, 80), memory_in_gbs=(1, 512), memory_in_gbs_per_ocpu=(1, 64)
        )
        web = evolve(WEB, shape=shape.name, **sizes)
        (problem,) = impossible(DeploymentSpec("web", [web]), [shape], ())
        assert (problem.path, problem.message) == (f'instances["web"].{field}', message)

    def test_an_unknown_availability_domain(self, refused) -> None:
        """The error lists the availability domains of the region."""
        web = WEB.with_placement(PlacementSpec(availability_domains=["AD-1", "Abcd:US-ASHBURN-AD-1"]))
        (found,) = refused(web).items()
        assert found[0] == 'instances["web"].placement.availability_domains[1]'
        assert found[1].startswith("must be an availability domain of the region, Emul:EU-FRANKFURT-1-AD-1, ")

    def test_several_faults_come_together(self, refused) -> None:
        """Faults of several instances are one error; paths of several specs begin with their names."""
        one, two = (evolve(WEB, name=name, shape="X9") for name in ("one", "two"))
        assert len(refused(DeploymentSpec("web", [one, two]))) == 2
        assert list(refused([one, WEB])) == ['one: instances["one"].shape']

    def test_an_invisible_list_is_no_obstacle(self, provisioner, emulator) -> None:
        """Where the caller may not list the shapes, a plan leaves the shape to the service."""
        emulator.inject(Fault.error("list_container_instance_shapes", "NotAuthorizedOrNotFound", times=None))
        assert provisioner.plan(evolve(WEB, shape="CI.Standard.E9.Flex")).changes

    def test_an_empty_list_is_no_obstacle(self, provisioner, monkeypatch) -> None:
        """Where the service lists no shape, a plan leaves the shape to the service."""
        for name in list(HARDWARE):
            monkeypatch.delitem(HARDWARE, name)
        assert provisioner.plan(WEB).changes

    def test_what_runs_may_stay(self, provisioner, emulator, connect, monkeypatch) -> None:
        """A deployment whose shape is no longer offered is planned as long as nothing is created."""
        provisioner.apply(WEB)
        monkeypatch.delitem(HARDWARE, WEB.shape)
        later = connect(emulator)
        assert not later.plan(WEB).changes
        with pytest.raises(SpecError, match="must be a shape that the region offers"):
            later.plan(evolve(WEB, replicas=2))


class TestDeployments:
    """A deployment is only changed where it is."""

    @pytest.mark.parametrize("call", ["destroy", "plan_destroy"])
    def test_of_another_region(self, provisioner, emulator, connect, call) -> None:
        """A deployment of another region does not stand for the one of its name here."""
        provisioner.apply(WEB)
        there = connect(emulator, region="uk-london-1").apply(WEB)
        before = len(emulator.requests)
        with pytest.raises(PlanError, match=r"The deployment web is in compartment .* in uk-london-1, but this"):
            getattr(provisioner, call)(there)
        assert emulator.requests[before:] == ()
