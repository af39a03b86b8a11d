"""Checks before an apply: each finds what it looks for, changes nothing, and hides no other."""

from __future__ import annotations

import json
import re

import oci
import pytest
from attrs import evolve
from cryptography.hazmat.primitives import serialization

from ocisidecar import (
    AccessSpec,
    AlarmSpec,
    Cancel,
    ChecksFailed,
    DeploymentSpec,
    ImagePullSecret,
    InstanceSpec,
    NetworkSpec,
    PlacementSpec,
    RepositorySpec,
    SecretRef,
    SidecarSpec,
    SpecError,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import TRIAL_LIMITS, Assumptions, Emulator, Fault
from ocisidecar.preflight.limits import limits_of
from ocisidecar.preflight.preflight import preflight

WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4")
FORWARDING = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs").with_sidecar(
    SidecarSpec.log_forwarder()
)
NAMES = [
    "credentials",
    "clock",
    "region",
    "compartment",
    "availability-domains",
    "rights",
    "shapes",
    "limits",
    "images",
    "secrets",
]


def found(report, name):
    """Return pairs of status and text of the checks of a name."""
    return [(one.status.value, one.detail or one.reason) for one in report.checks if one.name == name]


def the(report, name):
    """Return the only check of a name."""
    (check,) = [one for one in report.checks if one.name == name]
    return check


@pytest.fixture
def started(clock):
    """Starts emulators with the options of `Emulator`."""
    running = []

    def start(**options):
        running.append(Emulator(clock=clock, **options).start())
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def everything(emulator):
    """A spec with something for each check."""
    secret = SecretRef(emulator.store_secret(b"pa55"))
    web = FORWARDING.with_volume(VolumeSpec.config_file("config", {"token": secret}), mount_path="/config")
    alarm = AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])
    return DeploymentSpec("web", [web], alarms=[alarm], repositories=[RepositorySpec("shop/web")])


class TestReport:
    """What every report holds."""

    def test_only_reads(self, provisioner, emulator, everything) -> None:
        """No request writes anything, and no secret's content is read."""
        before = len(emulator.requests)
        assert provisioner.preflight(everything).ok
        made = emulator.requests[before:]
        assert [one.operation for one in made if one.is_write or one.method != "GET"] == []
        assert "get_secret_bundle" not in {one.operation for one in made}

    def test_has_every_check_in_its_order(self, provisioner, everything) -> None:
        """The checks come in one order, and without a spec only those that need none."""
        report = provisioner.preflight(everything)
        assert list(dict.fromkeys(one.name for one in report.checks)) == NAMES
        assert list(dict.fromkeys(one.name for one in provisioner.preflight().checks)) == NAMES[:6]

    def test_turns_into_json(self, provisioner) -> None:
        """JSON has every check, and the statements that an apply takes."""
        report = provisioner.preflight(DeploymentSpec("web", [WEB], access=AccessSpec.none()))
        data = json.loads(report.to_json())
        assert (data["deployment"], data["ok"]) == ("web", True)
        assert [one["name"] for one in data["checks"]] == [one.name for one in report.checks]
        assert [one.partition(" in ")[0] for one in data["statements"]] == [
            "Allow group <your group> to manage virtual-network-family",
            "Allow group <your group> to manage compute-container-family",
            "Allow group <your group> to inspect compartments",
        ]

    def test_of_an_ordinary_deployment(self, provisioner) -> None:
        """Without a spec the statements are those for a network, an instance, logs, a group and a policy."""
        statements = provisioner.preflight().statements
        assert [one.partition(" to ")[2].partition(" in ")[0] for one in statements] == [
            "manage virtual-network-family",
            "manage dynamic-groups",
            "manage policies",
            "manage logging-family",
            "manage compute-container-family",
            "inspect compartments",
        ]

    def test_raises_for_failures(self, provisioner) -> None:
        """`raise_for_failures` names the failures and holds the report."""
        report = provisioner.preflight(evolve(WEB, shape="X9"))
        with pytest.raises(ChecksFailed, match=r"1 of \d+ checks before an apply of web failed; the report has"):
            report.raise_for_failures()

    def test_an_invalid_spec_is_an_error(self, provisioner, emulator) -> None:
        """A spec that is wrong everywhere is refused with all its problems, before any request."""
        with pytest.raises(SpecError, match="ocpus"):
            provisioner.preflight(evolve(WEB, ocpus=0))
        assert emulator.requests == ()

    @pytest.mark.parametrize(
        ("operation", "name", "key"),
        [
            ("get_compartment", "compartment", "compartment"),
            ("list_alarms", "rights", "manage alarms"),
            ("list_dynamic_groups", "rights", "manage dynamic-groups"),
            ("list_container_images", "images", "fra.ocir.io/{}/shop/web:1"),
            ("list_secret_bundle_versions", "secrets", "{}"),
            ("get_topic", "references", 'alarms["cpu-utilization"].destinations[0]'),
        ],
    )
    def test_an_error_in_one_hides_no_other(self, provisioner, emulator, operation, name, key) -> None:
        """Where the service has a fault in one operation, all other checks say what they say without it."""
        provisioner.apply(DeploymentSpec("registry", [], repositories=[RepositorySpec("shop/web")]))
        url, secret_id = f"fra.ocir.io/{_namespace(emulator)}/shop/web:1", emulator.store_secret(b"x")
        volume = VolumeSpec.config_file("config", {"token": SecretRef(secret_id)})
        web = evolve(FORWARDING, image_url=url).with_volume(volume, mount_path="/config")
        alarm = AlarmSpec.cpu_utilization(80, destinations=["ocid1.onstopic.oc1.eu-frankfurt-1.unknown"])
        spec = DeploymentSpec("web", [web], alarms=[alarm])
        key = key.format(secret_id if name == "secrets" else _namespace(emulator))
        before = provisioner.preflight(spec)
        emulator.inject(Fault.error(operation, "InternalServerError", times=None))
        after = provisioner.preflight(spec)
        differing = [one for one, other in zip(after.checks, before.checks, strict=True) if one != other]
        assert [(one.name, one.status) for one in differing] == [(name, "failed")]
        assert operation in differing[0].detail
        assert differing[0].key == key

    @pytest.mark.parametrize("operation", ["list_limit_definitions", "get_resource_availability", "list_vcns"])
    def test_an_error_of_limits_leaves_them_unknown(self, provisioner, emulator, operation) -> None:
        """A fault of the Limits API is not a failure of the apply."""
        emulator.inject(Fault.error(operation, "InternalServerError", times=None))
        assert not [one for one in provisioner.preflight(WEB).failures if one.name == "limits"]


class TestConnection:
    """Credentials, clock and region."""

    def test_credentials_that_oci_accepts(self, provisioner, emulator) -> None:
        """The check names user, key and where they are from."""
        check = the(provisioner.preflight(), "credentials")
        assert emulator.oci_config["user"] in check.detail
        assert f"the API key {emulator.oci_config['fingerprint']}, from config" in check.detail

    def test_credentials_that_oci_refuses(self, provisioner, emulator) -> None:
        """A key that is not uploaded fails one check; what cannot be read then is skipped."""
        emulator.inject(Fault.error("list_region_subscriptions", "NotAuthenticated", times=None))
        report = provisioner.preflight(WEB)
        assert [one.name for one in report.failures] == ["credentials"]
        assert "401 NotAuthenticated" in report.failures[0].detail
        assert "public key is uploaded" in report.failures[0].remedy
        assert {one.reason for one in report.checks[2:]} == {"nothing can be read until the credentials work"}
        assert "○  9 others " in str(report)

    def test_no_answer(self, connect, emulator) -> None:
        """Without any answer the credentials fail with the reason, and the clock is not judged."""
        report = connect(emulator, endpoint="http://127.0.0.1:1").preflight()
        assert [one.name for one in report.failures] == ["credentials"]
        assert the(report, "clock").reason == "no response with a date arrived"

    def test_a_session_token(self, connect, emulator) -> None:
        """The check of a session names the user and the day and time at which the token expires."""
        signer = _token_signer(emulator, emulator.issue_token(seconds=3600))
        report = connect(emulator, config=None, signer=signer).preflight()
        detail = the(report, "credentials").detail
        assert f"session of user {emulator.oci_config['user']} until " in detail
        assert re.search(r" until \d{4}-\d\d-\d\d \d\d:\d\d UTC", detail)
        assert report.statements[0].startswith("Allow group <your group> to ")

    def test_a_principal(self, connect, emulator, provisioner) -> None:
        """Statements for a container instance that deploys are for its dynamic group."""
        instance_id = provisioner.apply(WEB).resources["container-instance/web-0"]
        signer = _token_signer(emulator, emulator.issue_token(resource_id=instance_id, seconds=3600))
        report = connect(emulator, config=None, signer=signer).preflight(WEB)
        assert "principal computecontainerinstance until " in the(report, "credentials").detail
        assert "Allow dynamic-group <your dynamic group> to manage virtual-network-family in" in str(report)

    @pytest.mark.parametrize(
        ("ahead", "status", "detail"),
        [
            (0, "passed", "agrees with that of OCI"),
            (30, "passed", "29 s ahead of that of OCI"),
            (-90, "warned", "90 s behind that of OCI"),
            (400, "failed", "399 s ahead of that of OCI"),
            (-400, "failed", "400 s behind that of OCI"),
        ],
    )
    def test_the_clock(self, connect, emulator, clock, ahead, status, detail) -> None:
        """The clock is compared with the date of a response: OCI refuses what is five minutes off."""
        start = int(clock.time()) + ahead
        check = the(connect(emulator, clock=VirtualClock(start=start)).preflight(), "clock")
        assert (check.status, check.detail) == (status, detail)

    def test_the_clock_of_a_refused_request(self, connect, emulator, clock) -> None:
        """A 401 because of the clock has a date too, so that the report names the cause."""
        emulator.inject(Fault.error("list_region_subscriptions", "NotAuthenticated", times=None))
        report = connect(emulator, clock=VirtualClock(start=clock.time() + 900)).preflight()
        assert [one.name for one in report.failures] == ["credentials", "clock"]

    def test_a_region_without_a_subscription(self, connect, emulator) -> None:
        """The check names the regions that the tenancy has; nothing is read in the other."""
        report = connect(emulator, region="ap-tokyo-1").preflight(WEB)
        assert [one.name for one in report.failures] == ["region"]
        assert "eu-frankfurt-1" in report.failures[0].remedy

    def test_an_engine_that_does_not_respond(self, provisioner, monkeypatch) -> None:
        """Where containers run on a Docker engine, the check says why it does not respond."""
        monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
        report = preflight(provisioner._planner, WEB, on_docker=True, cancel=Cancel())
        assert [one.name for one in report.failures] == ["engine"]
        assert "127.0.0.1:1" in report.failures[0].detail


class TestCompartment:
    """The compartment exists and is ACTIVE."""

    def test_that_is_active(self, provisioner) -> None:
        """The check reports its name."""
        assert found(provisioner.preflight(), "compartment") == [("passed", "sandbox is ACTIVE")]

    def test_given_by_its_name(self, connect, emulator) -> None:
        """The remedy is the OCID of the compartment of that name."""
        report = connect(emulator, compartment_id="sandbox").preflight(WEB)
        (failure,) = report.failures
        assert failure.remedy == f"of this name is {emulator.compartment_id} (ACTIVE)"

    def test_that_is_deleted(self, connect, emulator, sdk) -> None:
        """A compartment that is deleted fails."""
        identity = sdk("identity.IdentityClient")
        details = {"compartmentId": emulator.compartment_id, "name": "old", "description": "x"}
        compartment_id = identity.create_compartment(details).data["id"]
        identity.delete_compartment(compartment_id)
        report = connect(emulator, compartment_id=compartment_id).preflight(WEB)
        assert found(report, "compartment")[0][0] == "failed"

    def test_that_does_not_exist(self, connect, emulator) -> None:
        """An unknown OCID fails, and the statement that would make it visible is printed."""
        report = connect(emulator, compartment_id="ocid1.compartment.oc1..unknown").preflight(WEB)
        assert found(report, "compartment")[0][0] == "failed"
        assert any("to inspect compartments in" in one for one in report.missing_statements)


class TestLimits:
    """Service limits against what the spec needs."""

    def judged(self, provisioner, spec, key='instances["web"]'):
        (check,) = [one for one in provisioner.preflight(spec).checks if (one.name, one.key) == ("limits", key)]
        return check

    def test_a_shape_that_a_trial_tenancy_lacks(self, started, connect) -> None:
        """A limit of 0 fails, with its name and what is needed."""
        check = self.judged(connect(started(limits=TRIAL_LIMITS)), evolve(WEB, replicas=2))
        assert (check.status, check.detail) == ("failed", "standard-e4-core-count: 0 left, 2 needed")

    def test_another_shape_that_has_room(self, started, connect) -> None:
        """Where another shape has room, a limit of 0 is a warning."""
        web = WEB.with_placement(PlacementSpec(shapes=["CI.Standard.A1.Flex"]))
        check = self.judged(connect(started(limits=TRIAL_LIMITS)), web)
        assert check.status == "warned"
        assert "another shape that it allows is tried" in check.detail

    def test_what_others_use_counts(self, started, connect) -> None:
        """What exists already takes from what is left; the deployment's own instances need nothing more."""
        provisioner = connect(started(limits={"standard-e4-core-count": 1}))
        spec = evolve(WEB, replicas=3)
        provisioner.apply(spec)
        assert found(provisioner.preflight(spec), "limits") == []
        other = DeploymentSpec("other", [WEB], network=NetworkSpec.of("web"), access=AccessSpec.none())
        assert self.judged(provisioner, other).detail == "standard-e4-core-count: 0 left, 1 needed"
        one_more = self.judged(provisioner, evolve(WEB, replicas=4))
        assert one_more.detail == "standard-e4-core-count: 0 left, 1 needed"

    def test_networks_count(self, started, connect) -> None:
        """A deployment with a network of its own needs a VCN."""
        provisioner = connect(started(limits={"vcn-count": 0}))
        assert self.judged(provisioner, WEB, "network").detail == "vcn-count: 0 left, 1 needed"

    @pytest.mark.parametrize("answer", ["missing", "null"])
    def test_what_is_not_known_is_not_zero(self, started, connect, answer) -> None:
        """A 404 and null for an answer mean that nothing is known, whatever the limit."""
        emulator = started(limits=TRIAL_LIMITS, assumptions=Assumptions(availability_of_limits=answer))
        report = connect(emulator).preflight(WEB)
        assert {status for status, _ in found(report, "limits")} == {"skipped"}
        assert report.ok
        assert report.optional_statements == (
            "Allow group <your group> to inspect resource-availability in tenancy",
        )

    @pytest.mark.parametrize(
        ("shape", "names", "limits"),
        [
            ("CI.Standard.E5.Flex", {"standard-e5-core-ad-count", "standard-e5-core-count-reservable"}, 1),
            ("CI.Standard.E5.Flex", {"standard-e50-core-count"}, 2),
            ("CI.Standard.A1.Flex", {"standard-a1-core-count", "standard-a1-core-regional-count"}, 2),
            ("VM.Standard.E4.Flex", {"standard-e4-core-count"}, 0),
        ],
    )
    def test_names_are_read(self, shape, names, limits) -> None:
        """The names of a shape's limits are those that the service lists; where it lists none, the usual ones."""
        assert len(limits_of(shape, frozenset(names))) == limits


class TestImages:
    """Images in the tenancy's registry."""

    @pytest.fixture
    def repository(self, provisioner) -> str:
        """The OCID of the repository shop/web."""
        spec = DeploymentSpec("registry", [], repositories=[RepositorySpec("shop/web")])
        return provisioner.apply(spec).resources["container-repository/shop/web"]

    @pytest.fixture
    def check(self, provisioner, emulator):
        """Returns the check of an image, given by what follows the namespace."""

        def make(rest, host="fra.ocir.io", **more):
            url = f"{host}/{_namespace(emulator)}/{rest}"
            spec = DeploymentSpec("web", [evolve(WEB, image_url=url)], **more)
            return the(provisioner.preflight(spec), "images")

        return make

    def test_that_exist(self, check, emulator, repository) -> None:
        """An image is found by its tag and by its digest."""
        emulator.push_image(repository, "1.4")
        by_tag = check("shop/web:1.4")
        digest = by_tag.detail.partition(";")[0]
        assert (by_tag.status, digest[:7]) == ("passed", "sha256:")
        assert by_tag.detail.endswith("its platform, which is not shown, must be linux/amd64")
        assert check(f"shop/web@{digest}").status == "passed"

    def test_that_do_not_exist(self, check, emulator, repository) -> None:
        """An unknown tag fails with those that exist; so does a repository that does not exist."""
        assert check("shop/web:1.5").detail == "the repository has no 1.5; it is empty"
        emulator.push_image(repository, "1.4")
        assert check("shop/web").detail == "the repository has no latest; it has 1.4"
        assert check("shop/other:1").detail == "the tenancy has no repository shop/other here"

    def test_of_a_repository_that_an_apply_makes(self, check) -> None:
        """A repository of the spec is empty at first, which is a warning."""
        assert check("shop/new:1", repositories=[RepositorySpec("shop/new")]).status == "warned"

    def test_of_elsewhere(self, check, provisioner) -> None:
        """Other regions, tenancies and registries are not looked into."""
        assert check("shop/web:1", host="phx.ocir.io").status == "skipped"
        assert the(provisioner.preflight(WEB), "images").status == "skipped"

    def test_that_are_not_visible(self, connect, emulator) -> None:
        """A repository that the caller cannot see is unknown, with the statement that would show it."""
        team = connect(emulator, config=emulator.add_user("user", groups=["team"]))
        url = f"fra.ocir.io/{_namespace(emulator)}/shop/web:1.4"
        report = team.preflight(evolve(WEB, image_url=url))
        assert the(report, "images").status == "skipped"
        assert "Allow group <your group> to inspect repos in tenancy" in report.optional_statements


class TestSecretsAndReferences:
    """Secrets, and what else a spec names by OCID."""

    def test_secrets(self, provisioner, emulator) -> None:
        """A secret is found with its version, and one of its versions that does not exist is not."""
        secret_id = emulator.store_secret(b"x", b"y")
        for version, status in ((None, "passed"), (1, "passed"), (3, "failed")):
            volume = VolumeSpec.config_file("config", {"t": SecretRef(secret_id, version=version)})
            check = the(provisioner.preflight(WEB.with_volume(volume, mount_path="/c")), "secrets")
            assert check.status == status, version
        assert check.detail == "has no version 3, but 1, 2"

    def test_pull_secrets(self, provisioner, emulator) -> None:
        """A registry's secret is read by the instances: one that the caller cannot see is not a failure."""
        for secret_id, status in (
            (emulator.store_secret(b"{}"), "passed"),
            ("ocid1.vaultsecret.oc1.eu-frankfurt-1.unknown", "skipped"),
        ):
            secret = ImagePullSecret.vault("ghcr.io", secret_id=secret_id)
            check = the(provisioner.preflight(evolve(WEB, image_pull_secrets=[secret])), "secrets")
            assert check.status == status

    def test_a_network_that_exists(self, provisioner) -> None:
        """A subnet that exists passes; an unknown and a foreign one fail with their paths."""
        subnet = provisioner.apply(DeploymentSpec("net", [WEB])).resources["subnet/main"]
        for given, status in (
            (subnet, "passed"),
            ("ocid1.subnet.oc1.eu-frankfurt-1.unknown", "failed"),
            ("ocid1.subnet.oc1.phx.unknown", "failed"),
        ):
            spec = DeploymentSpec("web", [WEB], network=NetworkSpec.existing(given))
            check = the(provisioner.preflight(spec), "references")
            assert (check.key, check.status) == ("network.subnet_id", status)

    def test_what_others_may_see(self, provisioner) -> None:
        """A dynamic group and a topic that are not visible are not a failure: others use them."""
        alarm = AlarmSpec.cpu_utilization(80, destinations=["ocid1.onstopic.oc1.eu-frankfurt-1.unknown"])
        access = AccessSpec.existing("ocid1.dynamicgroup.oc1..unknown")
        report = provisioner.preflight(DeploymentSpec("web", [FORWARDING], alarms=[alarm], access=access))
        assert {one.status for one in report.checks if one.name == "references"} == {"skipped"}


class TestShapes:
    """Shapes and sizes."""

    def test_that_the_region_lacks(self, provisioner) -> None:
        """What plan refuses is a failure with the same path and message."""
        spec = DeploymentSpec("web", [evolve(WEB, shape="CI.Standard.E44.Flex")])
        with pytest.raises(SpecError) as caught:
            provisioner.plan(spec)
        (failure,) = provisioner.preflight(spec).failures
        assert (failure.key, failure.detail) == (
            caught.value.problems[0].path,
            caught.value.problems[0].message,
        )


class TestText:
    """The report as text and in a notebook."""

    def test_statements_are_whole_lines(self, connect, emulator) -> None:
        """Every missing statement is on one line of its own, in a terminal's text and in a notebook."""
        report = connect(emulator, config=emulator.add_user("user", groups=["team"])).preflight(WEB)
        lines = [line.strip() for line in str(report).splitlines()]
        assert set(report.missing_statements) <= set(lines)
        assert max(map(len, report.missing_statements)) > 150
        html = report._repr_html_()
        assert all(one.replace("<", "&lt;").replace(">", "&gt;") in html for one in report.missing_statements)

    def test_of_a_deployment(self, provisioner, golden) -> None:
        """The text has a line for each check, with its evidence."""
        fingerprint = provisioner.emulator.oci_config["fingerprint"]
        golden("preflight.txt", str(provisioner.preflight(WEB)).replace(fingerprint, "<fingerprint>") + "\n")


def _namespace(emulator) -> str:
    client = oci.object_storage.ObjectStorageClient(emulator.oci_config, service_endpoint=emulator.endpoint)
    return str(client.get_namespace().data)


def _token_signer(emulator, token: str) -> oci.auth.signers.SecurityTokenSigner:
    key = serialization.load_pem_private_key(emulator.oci_config["key_content"].encode(), None)
    signer = oci.auth.signers.SecurityTokenSigner(token, key)
    signer.region, signer.tenancy_id = emulator.oci_config["region"], emulator.tenancy_id
    return signer
