"""The tree of errors: complete, picklable and readable."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar import errors
from ocisidecar.errors import OciSidecarError, ServiceCallError, SpecError, SpecProblem

CALL = {
    "operation": "create_subnet",
    "key": "subnet/main",
    "status": 409,
    "code": "Conflict",
    "service_message": "The subnet is busy",
    "opc_request_id": "A/B/C",
    "attempts": 3,
    "retry_after_seconds": 2.5,
    "statements": ("Allow group <your group> to manage virtual-network-family in tenancy",),
    "served": "Mon, 30 Nov 2026 14:00:00 GMT",
}
# Parameter of some constructor → a value for it.
VALUES = {
    **CALL,
    "message": "m",
    "problems": [SpecProblem("name", "must not be empty")],
    "source": "web.yaml",
    "warnings": ["unused"],
    "users": ["web"],
    "known": ["web"],
    "name": "web",
    "resource_id": "ocid1.x",
    "state": "FAILED",
    "errors": ["e"],
    "last_state": "CREATING",
    "waited_seconds": 600.0,
    "deployment": "what exists",
    "deployments": ["what exists"],
    "remaining": {"vcn/main": "ocid1.vcn"},
    "causes": {"subnet/main": errors.Conflict(**CALL)},
    "diagnosis": None,
    "rolled_back": ("container-instance/web-0",),
    "report": "every check",
    "reason": "ctrl-c",
    "image": "prometheus",
    "platform": "linux/amd64",
    "step": "RUN false",
    "log": ["made by hand"],
    "others": [],
    "reference": "fra.ocir.io/acme/web:1",
}
CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, OciSidecarError) and cls.__module__ == errors.__name__
]
CALL_ERRORS = [cls for cls in CLASSES if issubclass(cls, ServiceCallError)]


def example(cls):
    """Return an error of the class with all that it can hold."""
    if "__init__" not in {name for parent in cls.__mro__[: cls.__mro__.index(Exception)] for name in vars(parent)}:
        return cls("m")
    return cls(**{name: VALUES[name] for name in inspect.signature(cls).parameters})


def content(error):
    """Return all that an error holds in a form that can be compared."""
    held = {name: value for name, value in vars(error).items() if name != "causes"}
    causes = {key: content(cause) for key, cause in getattr(error, "causes", {}).items()}
    return type(error), str(error), held, causes


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_pickles(cls, protocol):
    """Type, message and attributes of every error survive pickling."""
    error = example(cls)
    assert content(pickle.loads(pickle.dumps(error, protocol))) == content(error)  # noqa: S301 - our own bytes


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_copies(cls):
    """A copy of an error has the same type, message and attributes."""
    assert content(copy.copy(example(cls))) == content(example(cls))


@pytest.mark.parametrize("cls", CLASSES)
def test_the_tree_in_the_docstring_shows_every_error(cls):
    """The tree in the module's docstring names every error class."""
    assert cls.__name__ in errors.__doc__


@pytest.mark.parametrize("cls", CALL_ERRORS)
def test_a_refused_call_says_everything(cls):
    """The message holds what was tried, on which key, the answer, the attempts, the remedy and the request id."""
    message = str(example(cls))
    answer = "409 Conflict after 3 attempts, to be tried again after 2.5 s: The subnet is busy. "
    assert message.startswith(f"create_subnet for subnet/main: {answer}")
    missing = f"If the OCIDs are right, this may be missing: {CALL['statements'][0]}"
    assert message.endswith(f"{cls.advice} {missing} (opc-request-id A/B/C)")


@pytest.mark.parametrize("cls", CALL_ERRORS)
def test_no_two_errors_give_the_same_advice(cls):
    """Each error of a service call gives different advice, because the caller should act differently."""
    assert cls.advice.endswith(".")
    assert [other for other in CALL_ERRORS if other.advice == cls.advice] == [cls]


def test_a_call_without_an_answer_says_so():
    """An error without an answer shows no status, no code and no request id."""
    error = errors.ConnectionLost(operation="get_vcn", service_message="timed out")
    assert str(error) == f"get_vcn: no response: timed out. {errors.ConnectionLost.advice}"


def test_an_answer_without_a_code_says_so():
    """An answer with an empty body is shown by its status alone."""
    error = ServiceCallError(operation="get_vcn", status=400)
    assert str(error).startswith("get_vcn: 400: ")


@given(text=st.text())
def test_a_message_is_one_line_of_bounded_length(text):
    """Whatever the service answers, the message is one line of bounded length."""
    message = str(errors.Conflict(**{**CALL, "service_message": text}))
    assert len(message.splitlines()) == 1
    assert len(message) < 600


def test_the_services_text_is_kept_whole():
    """`service_message` holds the whole text that the message shortens."""
    error = errors.Conflict(**{**CALL, "service_message": "x" * 1000})
    assert error.service_message == "x" * 1000
    assert "x" * 400 not in str(error)


@pytest.mark.parametrize("cls", CALL_ERRORS)
def test_after_changes_the_attempts_only(cls):
    """`after` returns an equal error with another number of attempts."""
    error = example(cls)
    later = error.after(5)
    assert (type(later), later.attempts) == (cls, 5)
    assert content(later.after(3)) == content(error)


@pytest.mark.parametrize(("count", "first_line"), [(1, "1 error in the spec:"), (2, "2 errors in the spec:")])
def test_a_spec_error_lists_every_fault(count, first_line):
    """The message of a SpecError has a line for each problem, with the path in the spec."""
    error = SpecError([SpecProblem(f"instances[{index}].name", "must not be empty") for index in range(count)])
    lines = str(error).splitlines()
    assert lines[0] == first_line
    assert lines[1:] == [f"  - instances[{index}].name: must not be empty" for index in range(count)]
    assert len(error.problems) == count


@pytest.mark.parametrize(
    ("known", "there"), [((), "existing deployments: none."), (("a", "b"), "existing deployments: a, b.")]
)
def test_a_deployment_that_is_not_found_lists_those_that_exist(known, there):
    """The error names the existing deployments, so that a mistyped name is seen at once."""
    error = errors.DeploymentNotFound("wbe", known=known)
    assert str(error).startswith("No deployment 'wbe' in this compartment")
    assert str(error).endswith(there)
