"""Properties of all kinds: names of the SDK, lifecycle states, tags, updates and deletions."""

from __future__ import annotations

import importlib

import pytest

from ocisidecar import Cancel, DeploymentSpec, InstanceSpec
from ocisidecar.client.session import Response
from ocisidecar.emulator import Fault
from ocisidecar.errors import Conflict, NotAuthorizedOrNotFound
from ocisidecar.resources.kinds import KINDS
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
OWN_MEANINGS = {
    "container-instance": {"INACTIVE": Phase.STOPPED},
    # nothing can register with an install key that is switched off or over
    "management-agent-install-key": {"INACTIVE": Phase.FAILED, "TERMINATED": Phase.FAILED},
    "subscription": {"PENDING": Phase.READY},  # only its endpoint's owner can change that
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
class TestEveryKind:
    """Properties of every kind in the registry."""

    def test_operations_are_the_sdks(self, kind):
        """The SDK's client has create, get, update, delete and list under the names that the base class derives.

        Only what another resource makes has no create.
        """
        module, _, name = kind.client.partition(".")
        client = getattr(importlib.import_module(f"oci.{module}"), name)
        for operation in (f"{verb}_{kind.noun}" for verb in ("get", "update", "delete")):
            assert callable(getattr(client, operation))
        assert hasattr(client, f"create_{kind.noun}") is not bool(kind.follows)
        assert callable(getattr(client, f"list_{kind.plural}"))

    def test_every_state_word_has_its_phase(self, kind):
        """Every lifecycle state of the SDK's model has a known phase."""
        details, _ = model(kind, "{}" if kind.name != "topic" else "NotificationTopic")
        words = {value for name, value in vars(details).items() if name.startswith("LIFECYCLE_STATE_")}
        assert words
        expected = {**MEANINGS, **OWN_MEANINGS.get(kind.name, {})}
        assert {word: kind.phase(word) for word in words} == {word: expected[word] for word in words}

    def test_is_named_like_its_key(self, kind):
        """A kind's name is the SDK's noun with dashes, and its key in the registry."""
        assert KINDS[kind.name] is kind
        assert kind.name == kind.noun.replace("_", "-")

    def test_needs_only_known_kinds(self, kind):
        """Every kind that a kind needs is in the registry."""
        assert set(kind.needs) <= set(KINDS)


class TestStates:
    """Phases of states that a kind does not list."""

    def test_an_unknown_state_is_pending(self):
        """An unknown state is PENDING, because a resource that counted as gone would be created a second time."""
        assert VCN.phase("MOVING") is Phase.PENDING

    def test_without_a_state_a_resource_is_ready(self):
        """An answer without a lifecycle state is READY."""
        assert VCN.phase("") is Phase.READY
        assert VCN.accepted(Response(200, {"id": "ocid1.vcn"}, {})).phase is Phase.READY

    def test_an_answer_without_a_body_is_pending(self):
        """An answer without a body is PENDING, has the work request, and the OCID if that was known before."""
        accepted = VCN.accepted(Response(202, None, {"opc-work-request-id": "wr"}))
        assert (accepted.id, accepted.phase, accepted.work_request_id) == ("", Phase.PENDING, "wr")
        assert VCN.accepted(Response(202, None, {}), BARE).id == BARE.id


class TestFailure:
    """The evidence for a failure of a kind without work requests."""

    @pytest.mark.parametrize(("body", "evidence"), [({"lifecycleDetails": "no room"}, ("no room",)), ({}, ())])
    def test_lifecycle_details_are_the_evidence(self, site, body, evidence):
        """The evidence for a failed resource is its lifecycle details, and is empty without them."""
        assert VCN.failure(None, site, Live(BARE.key, "web", "id", "FAILED", Phase.FAILED, body), "") == evidence
        assert VCN.failure(None, site, None, "") == ()


class TestWireForm:
    """Reading of responses."""

    @pytest.mark.parametrize(("entry", "shown"), [({}, ""), ({"a": None}, ""), ({"a": 1}, "1"), ({"a": "x"}, "x")])
    def test_text_is_never_none(self, entry, shown):
        """A field that is null or absent is read as an empty text, any other as its text."""
        assert text(entry, "a") == shown

    @pytest.mark.parametrize(("value", "found"), [(None, []), ("text", []), ([{"a": 1}, None, "x"], [{"a": 1}])])
    def test_objects_are_what_a_list_holds(self, value, found):
        """The entries of a list that are objects are returned, and none for any other value."""
        assert objects(value) == found


class TestWork:
    """Phases of work requests."""

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
    def test_its_status_has_a_phase(self, status, phase):
        """SUCCEEDED is READY, FAILED and CANCELED are FAILED, and any other status is PENDING."""

        class Service:
            def call(self, *_, **__):
                return Response(200, {"status": status}, {})

        assert KINDS["log"].work_phase(Service(), "ocid1.workrequest") is phase


class TestRequests:
    """Updates and deletions of one resource."""

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

    def test_a_refused_update_reads_the_resource_again(self, emulator, reader, vcn):
        """After each of four 412 answers the resource is read again before the update is sent again."""
        emulator.inject(Fault.error("update_vcn", "NoEtagMatch", times=4))
        assert VCN.update(reader.caller, reader.site, vcn, {"displayName": "new"}).body["displayName"] == "new"
        operations = [one.operation for one in emulator.requests if one.operation.endswith("_vcn")]
        assert operations[-10:] == ["get_vcn", "update_vcn"] * 5

    def test_the_fifth_refusal_ends_an_update(self, emulator, reader, vcn):
        """The fifth 412 answer is raised with the service's words."""
        emulator.inject(Fault.error("update_vcn", "NoEtagMatch", times=None))
        with pytest.raises(Conflict, match="412 NoEtagMatch"):
            VCN.update(reader.caller, reader.site, vcn, {"displayName": "new"})

    def test_other_conflicts_end_it_at_once(self, emulator, reader, vcn):
        """A 409 is raised at once, because reading again would not help."""
        emulator.inject(Fault.error("update_vcn", "InvalidatedRetryToken", status=409))
        with pytest.raises(Conflict, match="409 InvalidatedRetryToken"):
            VCN.update(reader.caller, reader.site, vcn, {"displayName": "new"})

    def test_an_update_of_what_cannot_be_read_is_sent_unchecked(self, emulator, reader, vcn):
        """Where reading is refused and writing is allowed, the update is sent without if-match."""
        emulator.inject(Fault.error("get_vcn", "NotAuthorizedOrNotFound"))
        assert VCN.update(reader.caller, reader.site, vcn, {"displayName": "new"}).body["displayName"] == "new"

    def test_a_deleted_resource_is_none(self, provisioner, reader, vcn):
        """Reading a deleted resource returns None, and deleting it again is not an error."""
        provisioner.destroy("web")
        assert VCN.get(reader.caller, reader.site, vcn.id) is None
        VCN.delete(reader.caller, reader.site, vcn)

    def test_a_resource_without_our_tags_is_none(self, sdk, reader, vcn):
        """A resource without our tags is read as None."""
        sdk("core.VirtualNetworkClient").update_vcn(vcn.id, {"freeformTags": {}})
        assert VCN.get(reader.caller, reader.site, vcn.id) is None

    def test_a_refused_deletion_is_an_error(self, emulator, reader, vcn):
        """A 404 to a delete is raised where a GET still shows the resource."""
        emulator.inject(Fault.error("delete_vcn", "NotAuthorizedOrNotFound"))
        with pytest.raises(NotAuthorizedOrNotFound):
            VCN.delete(reader.caller, reader.site, vcn)

    def test_a_deleted_instance_that_can_still_be_read_is_gone(self, provisioner, emulator):
        """An instance that OCI still shows as DELETED is read as None, and deleting it again is not an error."""
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
