"""The emulator's answers against answers that public projects recorded from the real service.

The recordings are not part of this repository: OCISIDECAR_RECORDED_ANSWERS names the JSON file.  They are years
old, some are trimmed, and a member may depend on what was asked for.  So what a recording shows must be in one of
the emulator's answers, and what no recording shows must be explained in `NEWER`.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from ocisidecar.emulator import Emulator
from tests.emulator.contract.sdk import methods_of
from tests.emulator.contract.walk import exchanges

FILE = os.environ.get("OCISIDECAR_RECORDED_ANSWERS")
pytestmark = pytest.mark.skipif(not FILE, reason="OCISIDECAR_RECORDED_ANSWERS names no file of recorded answers")

TRANSPORT = frozenset(
    {"connection", "content-encoding", "content-length", "date", "strict-transport-security"}
    | {"transfer-encoding", "vary", "x-content-type-options"}
)
"""Headers of whatever stands between a client and a service."""

PAGE = frozenset({"opc-next-page"})
"""Headers that depend on how much there is."""

OF_ANY_KIND = "identifier"
"""A member with the OCID of whatever was searched for."""

NEVER_MADE = frozenset({"list_instances", "list_volume_attachments", "list_volumes", "list_boot_volumes"})
"""Lists that recordings show filled, of kinds that the emulator cannot make."""

NEWER = {
    ("Subnet", "ipv4CidrBlocks"): "came with SDK 2.143, after the recordings",
}
"""Members that the emulator sends and no recording shows, by the SDK's model, and why."""

NOT_EMULATED = {
    ("User", "dbUserName"): "names of database users are refused on update",
}
"""Members that recordings show and the emulator never sends."""

OPERATIONS = {(one.method, one.path): one for one in Emulator().operations}
OCID = re.compile(r"ocid1\.(?P<kind>\w+)\.oc1\.(?P<slot>[\w-]*)\.(?:0\.\w+\.)?(?P<unique>[a-z0-9]{60})")
JSON_TYPES = {
    dict: "object",
    list: "list",
    str: "str",
    bool: "bool",
    int: "int",
    float: "float",
    type(None): "null",
}


@frozen
class Recording:
    """One recorded response of an operation that the emulator declares."""

    entry: dict[str, Any]

    @property
    def title(self) -> str:
        return f"{self.entry['operation']}-{self.status}"

    @property
    def status(self) -> int:
        return self.entry["status"]

    @property
    def operation(self) -> Any:
        return OPERATIONS.get((self.entry["method"], self.entry["path_template"]))

    @property
    def model(self) -> tuple[str, int]:
        """What is recorded, in the SDK's words: the same for one resource, for lists of it and for its updates."""
        shown = methods_of(self.operation.client)[self.operation.name].response_type or ""
        return shown.removeprefix("list[").removesuffix("]").removesuffix("Summary"), self.status

    @property
    def is_whole(self) -> bool:
        """Whether it is a complete response of the real service."""
        return self.entry["headers_complete"] and self.entry["fidelity"].startswith("raw-http")

    @property
    def types(self) -> dict[str, set[str]]:
        """The JSON types of each member; a question mark marks members that only some items have."""
        if "body_schema" not in self.entry:
            return {name: {JSON_TYPES[type(value)]} for item in self.items for name, value in item.items()}
        schema = self.entry["body_schema"]
        schema = schema["items"] if isinstance(schema.get("items"), dict) else schema
        return {name.removesuffix("?"): set(str(kinds).split("|")) for name, kinds in schema.items()}

    @property
    def items(self) -> list[Any]:
        return items_of(self.entry["body"])


def load() -> Iterator[Recording]:
    for entry in json.loads(Path(FILE).read_text())["answers"] if FILE else ():
        recording = Recording(entry)
        is_filled = recording.operation is not None and recording.operation.name in NEVER_MADE and recording.items
        if recording.operation is not None and not is_filled:
            yield recording


def items_of(body: Any) -> list[Any]:
    """Return the objects of a list, or the one object."""
    body = body["items"] if isinstance(body, dict) and isinstance(body.get("items"), list) else body
    return body if isinstance(body, list) else [body] if isinstance(body, dict) else []


RECORDINGS = tuple(load())


@pytest.fixture(scope="module")
def walked():
    return exchanges()


@pytest.fixture(params=RECORDINGS, ids=lambda one: one.title)
def recording(request):
    return request.param


@pytest.fixture
def answers(recording, walked):
    """Return what the emulator answered in the same case."""
    wanted = (recording.operation.client, recording.operation.name, recording.status)
    found = [one for one in walked if (one.client, one.name, one.status) == wanted]
    assert found, f"the walk leads to no {wanted}"
    return found


@pytest.fixture
def items(answers):
    """Return the objects in the emulator's answers."""
    return [item for answer in answers for item in items_of(answer.body)]


def test_headers_have_the_recorded_names(recording, answers):
    """A response has all recorded headers, and no others than a complete recording."""
    recorded = set(recording.entry["response_headers"]) - TRANSPORT - PAGE
    for answer in answers:
        own = set(answer.headers) - TRANSPORT - PAGE
        assert recorded <= own
        assert not recording.is_whole or own <= recorded


def test_headers_have_the_recorded_values(recording, answers):
    """Fixed values are equal, hexadecimal ones as long as the recorded ones."""
    for name, value in recording.entry.get("header_values", {}).items():
        if name in TRANSPORT | PAGE or value == "SANITISED-BY-SOURCE":
            continue
        pattern = r"\d+" if value.isdecimal() else re.sub(r"[0-9A-F]{32}|[0-9a-f]{8,}", _same_length, value)
        assert [one.headers[name] for one in answers if not re.fullmatch(pattern, one.headers[name])] == []


def _same_length(run: re.Match[str]) -> str:
    return f"[0-9{'A-F' if run[0].isupper() else 'a-f'}]{{{len(run[0])}}}"


def test_a_list_is_what_was_recorded_as_one(recording, answers):
    """The outermost JSON value has the recorded type."""
    assert {type(answer.body) for answer in answers} == {type(recording.entry["body"])}


def test_members_are_the_recorded_ones(recording, items):
    """A response has every recorded member with its type, and no other one without an explanation."""
    known: dict[str, set[str]] = {}
    for one in RECORDINGS:
        for name, kinds in one.types.items() if one.model == recording.model else ():
            known.setdefault(name, set()).update(kinds)
    model, _ = recording.model
    sent = {name for item in items for name in item}
    assert {(model, name) for name in set(recording.types) - sent} <= set(NOT_EMULATED)
    assert {(model, name) for name in sent - set(known)} <= set(NEWER)
    for item in items:
        for name in set(item) & set(known):
            # An explicit null was recorded, so the member has other values too.
            assert known[name] == {"null"} or JSON_TYPES[type(item[name])] in known[name], name


def test_times_are_written_as_recorded(recording, items):
    """Times have three digits after the second and end in Z."""
    times = {name for item in recording.items for name, value in item.items() if name.startswith("time") and value}
    for item in items:
        for name in times & set(item):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item[name])


def test_ids_look_like_the_recorded_ones(recording, items):
    """OCIDs are of the recorded kinds; complete recordings also decide about region slot and unique part."""
    own = {name: [OCID.fullmatch(str(item.get(name))) for item in items] for item in items for name in item}
    for item in recording.items:
        for name, value in item.items():
            wanted = OCID.fullmatch(value) if isinstance(value, str) else None
            ours = [match for match in own.get(name, ()) if match is not None]
            if wanted is None or not ours or name == OF_ANY_KIND:
                continue
            assert wanted["kind"] in {match["kind"] for match in ours} | {"tenancy"}, name
            if recording.is_whole:
                forms = {(bool(match["slot"]), match["unique"][:2]) for match in ours}
                assert (bool(wanted["slot"]), wanted["unique"][:2]) in forms, name


@pytest.mark.parametrize(
    "recording", [one for one in RECORDINGS if one.status >= 400], indirect=True, ids=lambda one: one.title
)
def test_refusals_have_the_recorded_words(recording, answers):
    """Code and text of an error are the recorded ones, whatever OCID stands in it."""
    assert _words(recording.entry["body"]) in [_words(answer.body) for answer in answers]


def _words(body: dict[str, str]) -> tuple[str, str]:
    return body["code"], re.sub(r"ocid1\.[\w.-]+", "<ocid>", body["message"])
