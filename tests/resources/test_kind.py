"""What all kinds have in common: names of the SDK, state words, tags, updates and removals."""

from __future__ import annotations

import importlib

import pytest

from ocisidecar import Cancel, DeploymentSpec, InstanceSpec
from ocisidecar.client.session import Response
from ocisidecar.emulator import Fault
from ocisidecar.errors import Conflict, NotAuthorizedOrNotFound
from ocisidecar.resources.kind import Kind
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.network import NetworkKind
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import objects, text
from tests.plan_values import key
from tests.readers import reader_of
from tests.resources.test_models import model

WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4")
VCN = KINDS["vcn"]
BARE = Live(key("vcn/main"), "web", "ocid1.vcn", "AVAILABLE", Phase.READY, {})
MEANINGS = {
    "CREATING": Phase.PENDING,
    "PROVISIONING": Phase.PENDING,
    "UPDATING": Phase.PENDING,
    "ACTIVE": Phase.READY,
    "AVAILABLE": Phase.READY,
    "INACTIVE": Phase.READY,
    "FAILED": Phase.FAILED,
    "DELETING": Phase.GOING,
    "TERMINATING": Phase.GOING,
    "DELETED": Phase.GONE,
    "TERMINATED": Phase.GONE,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
class TestEveryKind:
    """What holds for each of them."""

    def test_operations_are_the_sdks(self, kind):
        """The regular names that the base class makes exist on the client."""
        module, _, name = kind.client.partition(".")
        client = getattr(importlib.import_module(f"oci.{module}"), name)
        for operation in (f"{verb}_{kind.noun}" for verb in ("create", "get", "update", "delete")):
            assert callable(getattr(client, operation))
        assert callable(getattr(client, f"list_{kind.plural}"))

    def test_every_state_word_has_its_meaning(self, kind):
        """A word that the SDK adds is found here, and meanwhile nothing is taken for gone."""
        details, _ = model(kind, "{}" if kind.name != "topic" else "NotificationTopic")
        words = {value for name, value in vars(details).items() if name.startswith("LIFECYCLE_STATE_")}
        assert words
        expected = {**MEANINGS, **({"INACTIVE": Phase.STOPPED} if kind.name == "container-instance" else {})}
        assert {word: kind.phase(word) for word in words} == {word: expected[word] for word in words}

    def test_is_named_like_its_key(self, kind):
        """OCI's singular noun, with dashes."""
        assert KINDS[kind.name] is kind
        assert kind.name == kind.noun.replace("_", "-")

    def test_refers_to_kinds_that_there_are(self, kind):
        """A mistyped need would be no order."""
        assert set(kind.needs) <= set(KINDS)


class TestStates:
    """What a state means where no table says it."""

    def test_an_unknown_word_is_waited_for(self):
        """Taken for gone, the resource would be made a second time."""
        assert VCN.phase("MOVING") is Phase.PENDING

    def test_without_a_word_a_resource_is_ready(self):
        """Some answers show no lifecycle at all."""
        assert VCN.phase("") is Phase.READY
        assert VCN.started(Response(200, {"id": "ocid1.vcn"}, {})).phase is Phase.READY

    def test_an_answer_without_a_body_says_that_it_was_accepted(self):
        """The OCID is known where there was one before."""
        accepted = VCN.started(Response(202, None, {"opc-work-request-id": "wr"}))
        assert (accepted.id, accepted.phase, accepted.work_request_id) == ("", Phase.PENDING, "wr")
        assert VCN.started(Response(202, None, {}), BARE).id == BARE.id


class TestDefaults:
    """What a kind says that has nothing to say."""

    def test_a_resource_is_healthy_when_it_is_ready(self, site):
        """Only container instances have health checks."""
        assert VCN.is_healthy(None, site, BARE)

    @pytest.mark.parametrize(("body", "evidence"), [({"lifecycleDetails": "no room"}, ("no room",)), ({}, ())])
    def test_lifecycle_details_are_the_evidence(self, site, body, evidence):
        """What the service says about a failure."""
        assert VCN.failure(None, site, Live(BARE.key, "web", "id", "FAILED", Phase.FAILED, body), "") == evidence
        assert VCN.failure(None, site, None, "") == ()

    def test_what_a_kind_cannot_do_is_a_mistake_of_the_library(self, provisioner, site):
        """Each is found in the first test of a new kind."""
        caller = provisioner.session.caller(Cancel(), key="vcn/main")
        spec = DeploymentSpec("web")
        with pytest.raises(LookupError, match="Kind does not say what web asks for"):
            Kind().desire(spec, site)
        with pytest.raises(LookupError, match="NetworkKind has no body"):
            list(NetworkKind().desire(spec, site))
        with pytest.raises(LookupError, match="vcn/main holds no data"):
            VCN.holdings(caller, BARE)
        with pytest.raises(LookupError, match="stop of vcn/main is not possible"):
            VCN.act(caller, BARE, "stop")
        with pytest.raises(LookupError, match="vcn/main has no address"):
            VCN.address(caller, BARE)
        with pytest.raises(LookupError, match=r"vcn/main at web.* is complete when made"):
            VCN.complete(caller, site, BARE, {})


class TestWireForm:
    """Reading answers."""

    @pytest.mark.parametrize(("entry", "shown"), [({}, ""), ({"a": None}, ""), ({"a": 1}, "1"), ({"a": "x"}, "x")])
    def test_text_is_never_none(self, entry, shown):
        """Null and absent read the same."""
        assert text(entry, "a") == shown

    @pytest.mark.parametrize(("value", "found"), [(None, []), ("text", []), ([{"a": 1}, None, "x"], [{"a": 1}])])
    def test_objects_are_what_a_list_holds(self, value, found):
        """Whatever else it holds."""
        assert objects(value) == found


class TestWork:
    """What became of a work request."""

    @pytest.mark.parametrize(
        ("status", "phase"),
        [
            ("SUCCEEDED", Phase.READY),
            ("FAILED", Phase.FAILED),
            ("CANCELED", Phase.FAILED),
            ("IN_PROGRESS", Phase.PENDING),
            ("ACCEPTED", Phase.PENDING),
            ("NEW_WORD", Phase.PENDING),
        ],
    )
    def test_its_status_says(self, status, phase):
        """A word that is unknown is waited for."""

        class Told:
            def call(self, *_):
                return Response(200, {"status": status}, {})

        assert VCN.work(Told(), "ocid1.workrequest") is phase


class TestRequests:
    """Changing and removing one resource."""

    @pytest.fixture
    def caller(self, provisioner):
        return provisioner.session.caller(Cancel(), key="vcn/main")

    @pytest.fixture
    def reader(self, provisioner):
        provisioner.apply(DeploymentSpec("web"))
        return reader_of(provisioner, "web")

    @pytest.fixture
    def vcn(self, reader):
        (live,) = reader.snapshot().of("web")[key("vcn/main")]
        return live

    def test_an_update_changes_what_it_read(self, emulator, reader, vcn):
        """Where somebody came between, it is read again."""
        emulator.inject(Fault.error("update_vcn", "NoEtagMatch", times=4))
        assert VCN.update(reader.caller, reader.site, vcn, {"displayName": "new"}).body["displayName"] == "new"
        operations = [one.operation for one in emulator.requests if one.operation.endswith("_vcn")]
        assert operations[-10:] == ["get_vcn", "update_vcn"] * 5

    def test_somebody_who_is_always_between_ends_it(self, emulator, reader, vcn):
        """Five tries, then the service's own words."""
        emulator.inject(Fault.error("update_vcn", "NoEtagMatch", times=None))
        with pytest.raises(Conflict, match="412 NoEtagMatch"):
            VCN.update(reader.caller, reader.site, vcn, {"displayName": "new"})

    def test_other_conflicts_end_it_at_once(self, emulator, reader, vcn):
        """Reading again would not help."""
        emulator.inject(Fault.error("update_vcn", "InvalidatedRetryToken", status=409))
        with pytest.raises(Conflict, match="409 InvalidatedRetryToken"):
            VCN.update(reader.caller, reader.site, vcn, {"displayName": "new"})

    def test_an_update_of_what_cannot_be_read_is_tried_as_it_is(self, emulator, reader, vcn):
        """Somebody may write and not read."""
        emulator.inject(Fault.error("get_vcn", "NotAuthorizedOrNotFound"))
        assert VCN.update(reader.caller, reader.site, vcn, {"displayName": "new"}).body["displayName"] == "new"

    def test_what_is_gone_is_none(self, provisioner, reader, vcn):
        """Reading it is no error."""
        provisioner.destroy("web")
        assert VCN.get(reader.caller, reader.site, vcn.id) is None
        VCN.delete(reader.caller, reader.site, vcn)

    def test_what_is_not_ours_any_more_is_none(self, sdk, reader, vcn):
        """Whoever takes our tags away takes the resource away."""
        sdk("core.VirtualNetworkClient").update_vcn(vcn.id, {"freeformTags": {}})
        assert VCN.get(reader.caller, reader.site, vcn.id) is None

    def test_a_removal_that_is_not_allowed_is_told(self, emulator, reader, vcn):
        """404 means gone only where a GET says so too."""
        emulator.inject(Fault.error("delete_vcn", "NotAuthorizedOrNotFound"))
        with pytest.raises(NotAuthorizedOrNotFound):
            VCN.delete(reader.caller, reader.site, vcn)

    def test_a_deleted_instance_that_can_still_be_read_is_gone(self, provisioner, emulator):
        """OCI shows it for a while; deleting it again is no error."""
        instances = KINDS["container-instance"]
        provisioner.apply(WEB)
        reader = reader_of(provisioner, "web")
        (live,) = reader.snapshot().of("web")[key("container-instance/web-0")]
        provisioner.destroy("web")
        shown = instances.read(reader.caller, reader.site, live.id)
        assert text(shown.body, "lifecycleState") == "DELETED"
        assert instances.get(reader.caller, reader.site, live.id) is None
        instances.delete(reader.caller, reader.site, live)
        assert emulator.live() == {}
