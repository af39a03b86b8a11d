"""Updates while another client changes the same resource; the 412 answers are the emulator's, not injected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from attrs import define

from ocisidecar import DeploymentSpec, InstanceSpec, LoggingSpec, NetworkSpec
from ocisidecar.client.session import Caller, Response
from ocisidecar.errors import Conflict
from ocisidecar.resources.kinds import KINDS
from tests.plan_values import key
from tests.readers import reader_of

SPEC = DeploymentSpec(
    "web", [InstanceSpec("web", image_url="docker.io/acme/web:1.4")], logging=LoggingSpec.deployment()
)
LOGS = DeploymentSpec("logs", network=NetworkSpec.existing("ocid1.subnet.oc1..u"), logging=LoggingSpec.deployment())
MAX_UPDATES = 5


@define
class OvertakenCaller:
    """A caller after whose reads of a resource another client changes it.

    Attributes:
        caller: makes the calls.
        read: the operation after which the other client changes the resource.
        changes: the other client's changes, one after each of the first reads.
    """

    caller: Caller
    read: str
    changes: Iterator[Callable[[], object]]

    def call(self, client: str, operation: str, *args: object, **options: object) -> Response:
        answer = self.caller.call(client, operation, *args, **options)
        if operation == self.read:
            next(self.changes, lambda: None)()
        return answer


@pytest.fixture
def overtake(provisioner, sdk):
    """Updates `displayName` while another client changes the resource `times` times; returns body and statuses."""

    def overtake(name, *, times, spec=SPEC):
        kind = KINDS[key(name).kind]
        provisioner.apply(spec)
        reader = reader_of(provisioner, spec.name)
        (live,) = reader.snapshot().of(spec.name)[key(name)]
        theirs = sdk(kind.client)
        path = kind.path_of(live)

        def tagged_by_others(number):
            def change():
                now = getattr(theirs, f"get_{kind.noun}")(*path).data
                same = {field: now[field] for field in kind.repeated}
                tags = {**now["freeformTags"], f"theirs-{number}": "kept"}
                getattr(theirs, f"update_{kind.noun}")(*path, {**same, "freeformTags": tags})

            return change

        changes = (tagged_by_others(number) for number in range(times))
        caller = OvertakenCaller(reader.caller, f"get_{kind.noun}", changes)
        before = len(provisioner.emulator.requests)
        try:
            ours = {"displayName": "ours", "freeformTags": dict(live.tags)}
            kind.update(caller, reader.site, live, {**{name: live.body[name] for name in kind.repeated}, **ours})
        finally:
            shown = getattr(theirs, f"get_{kind.noun}")(*path).data
            requests = provisioner.emulator.requests[before:]
            sent = Counter(one.status for one in requests if one.operation == f"update_{kind.noun}")
        return shown, sent

    return overtake


@pytest.mark.parametrize(
    ("name", "spec"),
    [("vcn/main", SPEC), ("container-instance/web-0", SPEC), ("log/app", LOGS)],
    ids=["vcn", "instance", "log"],
)
class TestOvertaken:
    """Another client changes a resource after it was read and before the update arrives."""

    def test_the_update_is_repeated_with_the_new_state(self, overtake, name, spec):
        """The service answers 412 once, and the other client's tag is still there after the second update."""
        shown, sent = overtake(name, times=1, spec=spec)
        assert sent[412] == 1
        assert (shown["displayName"], shown["freeformTags"]["theirs-0"]) == ("ours", "kept")

    def test_it_is_repeated_up_to_four_times(self, overtake, name, spec):
        """Four refusals in a row are retried, and no change of the other client is lost."""
        shown, sent = overtake(name, times=MAX_UPDATES - 1, spec=spec)
        assert sent[412] == MAX_UPDATES - 1
        assert shown["displayName"] == "ours"
        assert {f"theirs-{number}" for number in range(MAX_UPDATES - 1)} <= shown["freeformTags"].keys()


def test_an_update_that_is_always_overtaken_fails_and_changes_nothing(overtake, provisioner):
    """The fifth refusal raises Conflict, and the display name is unchanged."""
    with pytest.raises(Conflict, match="412 NoEtagMatch"):
        overtake("vcn/main", times=MAX_UPDATES)
    reader = reader_of(provisioner, "web")
    (live,) = reader.snapshot().of("web")[key("vcn/main")]
    assert live.body["displayName"] != "ours"
    assert live.tags[f"theirs-{MAX_UPDATES - 1}"] == "kept"
