"""How a create continues after its resource failed or disappeared."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ocisidecar.apply.recovery import Deferred, IamWrites, next_attempt, reason_for
from ocisidecar.apply.requests import MAX_TOKEN_GENERATIONS, Attempt
from ocisidecar.apply.waiter import Observation, WaitStatus
from ocisidecar.client.retry import IAM_SECONDS
from ocisidecar.plan.plan import Action, Operation, OperationId, Plan
from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key

KEY = Key("container-instance", "web-0")
CREATE = Operation(id=OperationId("web", KEY, Action.CREATE))
WANT = Desired(key=KEY, body={}, mutable=frozenset(), sections={})
REFUSED = "InternalError: A container's image could not be pulled because the image does not exist or requires "


def failed(*errors: str, status: WaitStatus = WaitStatus.FAILED) -> Observation:
    """Return the observation of a resource that failed for these reasons."""
    return Observation(None, status, None, errors)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [WaitStatus.FAILED, WaitStatus.DISAPPEARED])
def test_a_refused_image_is_tried_again_while_iam_may_lag(status) -> None:
    """An instance whose image was refused gets another token while IAM may not have taken effect, else none."""
    refused = failed(f"{REFUSED}authorization.", status=status)
    following = next_attempt(CREATE, Attempt(), WANT, refused, may_iam_lag=True)
    assert following is not None
    assert (following.generation, following.wait_seconds > 0) == (1, True)
    assert next_attempt(CREATE, Attempt(), WANT, refused) is None
    assert reason_for(refused).startswith("waiting for IAM to take effect: ")


def test_the_waits_grow_to_a_limit() -> None:
    """Each wait is twice the one before, up to a limit."""
    waits, attempt = [], Attempt()
    for _ in range(4):
        following = next_attempt(CREATE, attempt, WANT, failed(f"{REFUSED}authorization."), may_iam_lag=True)
        assert following is not None
        attempt = following
        waits.append(attempt.wait_seconds)
    assert waits == [10, 20, 40, 40]


def test_the_tokens_are_bounded() -> None:
    """The last generation of tokens has no successor."""
    last = Attempt(generation=MAX_TOKEN_GENERATIONS - 1)
    assert next_attempt(CREATE, last, WANT, failed(f"{REFUSED}authorization."), may_iam_lag=True) is None


def test_another_failure_is_final_while_iam_may_lag() -> None:
    """A failure for another reason is not tried again because IAM was written."""
    assert next_attempt(CREATE, Attempt(), WANT, failed("InternalError: no"), may_iam_lag=True) is None


def test_deferred_operations_begin_when_they_are_due() -> None:
    """An operation is deferred until its moment, and the earliest is the next."""
    deferred, other = Deferred(), OperationId("web", Key("container-instance", "web-1"), Action.CREATE)
    assert deferred.seconds_until_due(0.0) is None
    deferred.add(CREATE.id, 20.0)
    deferred.add(other, 10.0)
    assert deferred.seconds_until_due(4.0) == 6.0
    assert deferred.take_due(9.0) == ()
    assert deferred.take_due(10.0) == (other,)
    assert deferred.take_due(25.0) == (CREATE.id,)
    assert deferred.seconds_until_due(25.0) is None
    deferred.add(CREATE.id, 20.0)
    deferred.drop("web")
    assert deferred.take_due(25.0) == ()


class TestIamWrites:
    """Until when IAM may lag."""

    @pytest.mark.parametrize(
        ("kind", "action", "may_lag"),
        [
            ("policy", Action.CREATE, True),
            ("dynamic-group", Action.UPDATE, True),
            ("policy", Action.DELETE, False),
            ("vcn", Action.CREATE, False),
        ],
    )
    def test_a_run_writes_with_groups_and_policies(self, kind, action, may_lag) -> None:
        """A group or policy that was created or changed may lag for a quarter of an hour."""
        writes = IamWrites()
        writes.note(Operation(id=OperationId("web", Key(kind, "main"), action)), 1000.0)
        assert writes.may_lag("web", 1000.0 + IAM_SECONDS - 1) is may_lag
        assert not writes.may_lag("web", 1000.0 + IAM_SECONDS)
        assert not writes.may_lag("api", 1000.0)

    def test_what_an_earlier_run_created_counts(self) -> None:
        """A policy that was created shortly before the run may lag too, but not that of another deployment."""
        created = datetime.fromtimestamp(1000, UTC).isoformat()
        live = Live(Key("policy", "main"), "web", "ocid1.policy", "ACTIVE", Phase.READY, {}, created)
        plans = [
            Plan(identity=Identity("t", "r", "c", name), steps=(), snapshot=Snapshot((live,)))
            for name in ("web", "api")
        ]
        writes = IamWrites.before(plans)
        assert writes.may_lag("web", 1060.0)
        assert not writes.may_lag("api", 1060.0)
