"""Laws that hold for every valid spec."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from attrs import evolve, fields, has
from hypothesis import HealthCheck as Health
from hypothesis import given, settings
from hypothesis import strategies as st

from ocisidecar.resources.instance_request import compose
from ocisidecar.spec import (
    DeploymentSpec,
    InstanceSpec,
    Mount,
    NetworkSpec,
    SecurityContext,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.validate.spec import validate
from tests.strategies import deployments

JUNK: tuple[object, ...] = (
    None,
    -1,
    1.5,
    True,
    "",
    "x",
    "10.0.0.0/24",
    b"x",
    [],
    [1],
    [None],
    {},
    {"a": 1},
    {1: 2},
    {"/x": Mount(5)},  # type: ignore[arg-type]
    float("inf"),
    object(),
    [VolumeSpec(5, kind="z")],  # type: ignore[arg-type]
    [SidecarSpec(5, image_url=5)],  # type: ignore[arg-type]
    NetworkSpec.of(5),  # type: ignore[arg-type]
    SecurityContext(run_as_user="x"),  # type: ignore[arg-type]
)


def with_junk(part: Any) -> Iterator[Callable[[object], Any]]:
    """Yield, for every field at every depth, a function that replaces its value."""
    for attribute in fields(type(part)):
        value = getattr(part, attribute.name)
        put = partial(lambda name, item: evolve(part, **{name: item}), attribute.name)
        yield put
        if has(type(value)):
            yield from (lambda item, inner=inner, put=put: put(inner(item)) for inner in with_junk(value))
        if isinstance(value, tuple) and value and has(type(value[0])):
            for inner in with_junk(value[0]):
                yield lambda item, inner=inner, put=put, rest=value[1:]: put((inner(item), *rest))


slow = settings(max_examples=25, deadline=None, suppress_health_check=[Health.too_slow, Health.data_too_large])


@slow
@given(deployments())
def test_generated_deployments_are_valid(spec: DeploymentSpec):
    """Every spec that the strategy draws passes validation."""
    assert validate(spec, accepts_symbolic_images=True) == ()


@slow
@given(deployments(), st.data())
def test_no_value_is_too_wrong(spec: DeploymentSpec, data: st.DataObject):
    """With any value in any field, construction, repr and validation raise nothing."""
    put = data.draw(st.sampled_from(list(with_junk(spec))))
    for junk in JUNK:
        broken = put(junk)
        assert repr(broken)
        assert all(problem.message for problem in validate(broken))


def test_a_wrong_origin_is_a_problem_like_others():
    """A value that is no origin is reported at its path, and places no other problem."""
    found = validate(DeploymentSpec("shop", [InstanceSpec("web", image_url="")], origin=3))
    assert {problem.path for problem in found} >= {"origin", 'instances["web"].image_url'}


@slow
@given(deployments())
def test_yaml_survives(spec: DeploymentSpec):
    """A spec written as YAML is read back equal."""
    assert load_spec(dump_spec(spec)) == spec


@slow
@given(deployments())
def test_json_survives(spec: DeploymentSpec):
    """A spec written as JSON is read back equal."""
    assert load_spec(dump_spec(spec, syntax="json")) == spec


@slow
@given(deployments())
def test_specs_pickle(spec: DeploymentSpec):
    """A spec pickles to an equal one, so that it can cross processes."""
    assert pickle.loads(pickle.dumps(spec)) == spec  # noqa: S301 - our own bytes


@slow
@given(deployments())
def test_composing_is_deterministic(spec: DeploymentSpec):
    """A spec and its copy from a dump give equal bodies and sections."""
    again = load_spec(dump_spec(spec))
    for one, other in zip(spec.instances, again.instances, strict=True):
        assert compose(spec, one, replica=0) == compose(again, other, replica=0)
