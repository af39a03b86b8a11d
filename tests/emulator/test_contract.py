"""Every declared operation is called by the real SDK, and its response is compared with the SDK's models."""

import json

import pytest

from ocisidecar.emulator import Emulator
from tests.emulator.contract.sdk import methods_of
from tests.emulator.contract.sdk_contract import faults, members_of, model_of
from tests.emulator.contract.walk import exchanges

OPERATIONS = {f"{one.client.split('.')[0]}.{one.name}": one for one in Emulator().operations}


@pytest.fixture(scope="module")
def walked():
    return exchanges()


@pytest.fixture(params=OPERATIONS)
def operation(request):
    return OPERATIONS[request.param]


@pytest.fixture
def answers(walked, operation):
    called = (operation.client, operation.name)
    return [one for one in walked if (one.client, one.name) == called and one.status < 400]


def test_each_declared_operation_answers_as_the_sdk_expects(operation, answers):
    """Every response has the status, headers, types, members and enum values that the SDK's models require."""
    assert answers, f"no step of the walk calls {operation.client}.{operation.name}"
    assert {one.path_template for one in answers} == {operation.path}
    assert {one.method for one in answers} == {operation.method}
    assert [fault for answer in answers for fault in faults(answer)] == []


def test_each_declaration_matches_its_responses(operation, answers):
    """Every response has the status, the headers and the kind of list that its operation declares."""
    for answer in answers:
        assert answer.status == operation.status
        assert set(operation.headers) <= set(answer.headers)
        if operation.listing is not None:
            assert isinstance(answer.body, list if operation.listing == "array" else dict)
    assert operation.is_create is ("opc_retry_token" in methods_of(operation.client)[operation.name].options)


@pytest.mark.parametrize(
    "read",
    [
        one
        for one in OPERATIONS.values()
        if one.collection is not None
        and one.name == f"get_{one.collection.noun}"
        and one.collection.create_phases
        and one.collection.state_member
    ],
    ids=lambda one: one.name,
)
def test_each_state_on_the_way_is_one_that_the_sdk_knows(read, walked):
    """A resource that takes time to be created or deleted shows only states that the SDK's model has."""
    answer = next(one for one in walked if (one.client, one.name) == (read.client, read.name) and one.status < 400)
    (states,) = [one for one in members_of(model_of(answer)) if one.name == read.collection.state_member]
    phases = (*read.collection.create_phases, *read.collection.delete_phases)
    assert [fault for state, _ in phases for fault in states.word_faults(state, read.name)] == []


def test_a_refusal_is_a_code_and_a_message(walked):
    """The body of every error is an object with exactly code and message, and it has a request id."""
    refusals = [one for one in walked if one.status >= 400]
    assert refusals
    for refusal in refusals:
        body = json.loads(refusal.content)
        assert {name: type(text) for name, text in body.items()} == {"code": str, "message": str}
        assert refusal.headers["opc-request-id"]
