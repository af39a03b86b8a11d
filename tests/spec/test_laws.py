"""Laws that hold for every valid spec."""

from __future__ import annotations

import pickle

from hypothesis import HealthCheck as Health
from hypothesis import given, settings

from ocisidecar.compose import compose
from ocisidecar.spec import DeploymentSpec
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.validate import validate
from tests.strategies import deployments

slow = settings(max_examples=25, deadline=None, suppress_health_check=[Health.too_slow, Health.data_too_large])


@slow
@given(deployments())
def test_generated_deployments_are_valid(spec: DeploymentSpec):
    """The strategy yields only specs without a fault."""
    assert validate(spec, accepts_symbolic_images=True) == ()


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
    """Equal specs give equal bodies and sections, also after a detour through a file."""
    again = load_spec(dump_spec(spec))
    for one, other in zip(spec.instances, again.instances, strict=True):
        assert compose(spec, one, replica=0) == compose(again, other, replica=0)
