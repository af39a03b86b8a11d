"""Carrying out plans: ready operations in parallel, the deepest first, on one coordinating thread.

The thread that called `apply` owns all state; worker threads make requests and post the results to one queue.
Several plans run side by side and independently: when an operation fails, no further one is started for its
deployment, requests in flight finish, and the other plans continue.  The plan determines the operations, their
order and what each waits for; only reactions to failures are decided here.
"""

from __future__ import annotations

import heapq
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from graphlib import TopologicalSorter

from attrs import define, evolve, field

from ocisidecar.apply.failures import out_of_capacity, resource_failed, timed_out, unhealthy
from ocisidecar.apply.leftovers import remove_leftovers
from ocisidecar.apply.limits import Limits
from ocisidecar.apply.lookups import lookup_of
from ocisidecar.apply.messages import Message, Performed, Polled, Retried, Wake
from ocisidecar.apply.obstacles import Postponed, carry_out
from ocisidecar.apply.outcome import Outcome
from ocisidecar.apply.recovery import Deferred, IamWrites, lacks_capacity, next_attempt, reason_for
from ocisidecar.apply.reporter import Reporter, retrying
from ocisidecar.apply.requests import Attempt, Done, Job, complete, give_way, live_of
from ocisidecar.apply.rivals import may_have_rivals
from ocisidecar.apply.waiter import Observation, Waiter, WaitStatus, Watch, poll
from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Caller, Session
from ocisidecar.errors import Cancelled, OciSidecarError
from ocisidecar.observe.own_writes import OwnWrites
from ocisidecar.plan.plan import Action, Goal, Operation, OperationId, Plan
from ocisidecar.resources.capabilities import CompletedWhenReady
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import Desired, HealthCriteria
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Key, Ref

_IDLE_SECONDS = 3600.0


@define
class Executor:
    """One run of one or more plans.

    Args:
        session: makes the calls.
        pool: runs the workers.
        plans: what to carry out, with the site of each.
        limits: of requests and of waiting.
        cancel: ends the run.
        reporter: reports the events, on the calling thread.
        own_writes: remembers what the run creates, changes and removes.
    """

    session: Session
    pool: ThreadPoolExecutor
    plans: Sequence[tuple[Plan, Site]]
    limits: Limits
    cancel: Cancel
    reporter: Reporter
    own_writes: OwnWrites
    _plans: dict[str, tuple[Plan, Site]] = field(factory=dict, init=False)
    _operations: dict[OperationId, Operation] = field(factory=dict, init=False)
    _order: TopologicalSorter[OperationId] = field(factory=TopologicalSorter, init=False)
    _ready: list[tuple[int, OperationId]] = field(factory=list, init=False)
    _attempts: dict[OperationId, Attempt] = field(factory=dict, init=False)
    _resources: dict[tuple[str, Key], Live] = field(factory=dict, init=False)
    _causes: dict[str, dict[str, Exception]] = field(factory=dict, init=False)
    _began: dict[OperationId, float] = field(factory=dict, init=False)
    _seen: set[OperationId] = field(factory=set, init=False)
    _completed: set[OperationId] = field(factory=set, init=False)
    _done: set[OperationId] = field(factory=set, init=False)
    _inbox: queue.SimpleQueue[Message] = field(factory=queue.SimpleQueue, init=False)
    _waiter: Waiter = field(factory=Waiter, init=False)
    _deferred: Deferred = field(factory=Deferred, init=False)
    _iam_writes: IamWrites = field(factory=IamWrites, init=False)
    _in_flight: int = field(default=0, init=False)

    def run(self) -> tuple[Outcome, ...]:
        """Carry everything out and return one outcome per plan, in order.  Blocks.

        An exception from the handler, or Ctrl-C, cancels the run: requests in flight finish first, then it
        propagates (Ctrl-C as cancelled outcomes).
        """
        self._prepare()
        self.cancel.listen(self._wake)
        try:
            self._loop()
        except KeyboardInterrupt:
            self.cancel.set("interrupted by Ctrl-C")
            self._drain()
        except BaseException:
            self.cancel.set("the event handler raised an exception")
            self.reporter.handler = None
            self._drain()
            raise
        finally:
            self.cancel.forget(self._wake)
        done = [(plan, site) for plan, site in self.plans if plan.name not in self._causes]
        self._causes.update(remove_leftovers(done, self.session.caller(self.cancel)))
        return tuple(self._outcome(plan) for plan, _ in self.plans)

    def _prepare(self) -> None:
        self._iam_writes = IamWrites.before(plan for plan, _ in self.plans)
        for plan, site in self.plans:
            self._plans[plan.name] = (plan, site)
            for step in plan.steps:
                if step.live is not None:
                    self._resources[plan.name, step.key] = step.live
                elif step.old:
                    self._resources[plan.name, step.key] = step.old[-1]
            for operation in plan.operations:
                self._operations[operation.id] = operation
                self._order.add(operation.id, *operation.needs)
                self._waiter.chains.add(operation)
        self._order.prepare()

    def _loop(self) -> None:
        while True:
            self._start_ready()
            now = self._now()
            for watches in self._waiter.take_due(now):
                self._submit_poll(watches)
            dues = (self._waiter.seconds_until_due(now), self._deferred.seconds_until_due(now))
            due = min((one for one in dues if one is not None), default=None)
            if not self._in_flight and (due is None or self.cancel.reason is not None):
                return
            seconds = min(due if due is not None else _IDLE_SECONDS, self.cancel.seconds_left or _IDLE_SECONDS)
            message = self.session.clock.receive(self._inbox, seconds, is_busy=self._in_flight > 0)
            if message is not None:
                self._handle(message)

    def _wake(self) -> None:
        """Interrupt a poll sleep; called on whatever thread cancels."""
        self._inbox.put(Wake())

    def _drain(self) -> None:
        """Wait for requests in flight, and start no further ones."""
        while self._in_flight:
            message = self._inbox.get()
            if isinstance(message, Performed):
                self._record(message)
            self._in_flight -= isinstance(message, Performed | Polled)

    def _handle(self, message: Message) -> None:
        self._in_flight -= isinstance(message, Performed | Polled)
        match message:
            case Retried():
                self.reporter.emit(message.event)
            case Performed():
                self._handle_performed(message)
            case Polled():
                self._handle_polled(message)

    def _start_ready(self) -> None:
        if self.cancel.reason is not None:
            return
        for name in self._deferred.take_due(self._now()):
            self._submit(name)
        for name in self._order.get_ready():
            heapq.heappush(self._ready, (-self._operations[name].depth, name))
        while self._ready and self._in_flight < self.limits.max_workers:
            _, name = heapq.heappop(self._ready)
            if name.deployment not in self._causes:
                self._began[name] = self._now()
                self.reporter.started(self._operations[name])
                self._submit(name)

    def _submit(self, name: OperationId) -> None:
        self._post(name, self.pool.submit(carry_out, self._job(self._operations[name])))

    def _post(self, name: OperationId, future: Future[Done]) -> None:
        self._in_flight += 1
        future.add_done_callback(lambda done: self._inbox.put(Performed(name, done)))

    def _job(self, operation: Operation) -> Job:
        plan, site = self._plans[operation.id.deployment]

        def notify(reason: str, attempt: int, wait_seconds: float) -> None:
            event = retrying(operation, reason, attempt=attempt, wait_seconds=wait_seconds)
            self._inbox.put(Retried(event))

        may_lag = self._iam_writes.may_lag(operation.id.deployment, self._now())
        caller = self.session.caller(self.cancel, key=str(operation.id.key), notify=notify, has_written_iam=may_lag)
        follows_create = operation.id in self._completed or any(need.is_new for need in operation.needs)
        caller = evolve(caller, follows_create=follows_create)
        return Job(
            operation,
            KINDS[operation.id.key.kind],
            site,
            self._desired(operation),
            self._lookup_of(plan, caller),
            caller,
            self._attempts.get(operation.id, Attempt()),
            self._deferred.blocked_since(operation.id),
            plan,
            partial(self._iam_writes.rights_to_check, operation, self._resources, self._now()),
            self.limits.list_lag_seconds,
        )

    def _lookup_of(self, plan: Plan, caller: Caller) -> Callable[[Ref], str]:
        return lookup_of(plan, self._resources, caller)

    def _handle_performed(self, performed: Performed) -> None:
        """Handle the result of a worker's requests: finished, to be waited for, or failed."""
        operation, accepted = self._operations[performed.id], performed.accepted
        self._record(performed)
        if isinstance(performed.error, Postponed):
            self._postpone(operation, performed.error)
        elif performed.error is not None:
            self._fail(operation, performed.error)
        elif operation.id.action is Action.DELETE:
            if operation.live is not None:
                self.own_writes.note(operation.live, self._now(), is_removal=True)
            work_request_id = performed.future.result().work_request_id
            self._watch(operation, Goal.GONE, operation.id.resource_id, work_request_id, "DELETING")
        elif accepted is not None:
            self._attempts[performed.id] = performed.future.result().attempt
            is_usable = operation.id in self._seen or not may_have_rivals(operation)
            is_done = operation.id.is_new or not accepted.work_request_id
            if accepted.phase is Phase.READY and is_usable and is_done:
                self._advance(operation)
            else:
                goal = Goal.READY if operation.goal is Goal.HEALTHY else operation.goal
                self._watch(operation, goal, accepted.id, accepted.work_request_id, accepted.state)

    def _advance(self, operation: Operation) -> None:
        """Continue with a resource that is ready: complete it, wait until it is healthy, or finish."""
        kind = KINDS[operation.id.key.kind]
        live = self._resources[operation.id.deployment, operation.id.key]
        if isinstance(kind, CompletedWhenReady) and operation.id.is_new and operation.id not in self._completed:
            self._completed.add(operation.id)
            self._post(operation.id, self.pool.submit(complete, self._job(operation), live))
        elif operation.goal is Goal.HEALTHY:
            self._watch(operation, Goal.HEALTHY, live.id, "", live.state)
        else:
            self._finish(operation)

    def _advance_unless_second(self, operation: Operation, observation: Observation) -> None:
        """Continue with a resource of which a list shows that it is the oldest of its key; else use the oldest."""
        own, older = observation.live, observation.rival
        if own is None or older is None:
            self._advance(operation)
            return
        self._resources[operation.id.deployment, operation.id.key] = older
        self.own_writes.note(own, self._now(), is_removal=True)
        self._post(operation.id, self.pool.submit(give_way, self._job(operation), own, older))

    def _record(self, performed: Performed) -> None:
        """Record a resource as soon as it exists."""
        if performed.accepted is not None and performed.accepted.id:
            live = live_of(self._operations[performed.id], performed.accepted)
            self._resources[performed.id.deployment, performed.id.key] = live
            self.own_writes.note(live, self._now())

    def _watch(self, operation: Operation, goal: Goal, live_id: str, work_request_id: str, state: str) -> None:
        if self._is_over(operation.id):
            return
        plan, site = self._plans[operation.id.deployment]
        kind, caller = KINDS[operation.id.key.kind], self.session.caller(self.cancel)
        want, now = self._desired(operation), self._now()
        health = (want.health if want is not None else None) or HealthCriteria()
        timeout = health.timeout_seconds if goal is Goal.HEALTHY else self.limits.wait_timeout_seconds
        shown = operation.live if goal is Goal.GONE else want or operation.live
        parent = kind.parent_id(shown.body, self._lookup_of(plan, caller)) if shown is not None else ""
        watch = Watch(operation.id, kind, site, goal, live_id, now, timeout, work_request_id, parent, state, health)
        watch.began = self._began[operation.id]
        watch.superseded = operation.superseded
        watch.is_change = not operation.id.is_new or operation.id in self._completed
        watch.tags = want.tags(plan.identity) if kind.follows and want is not None else {}
        watch.phase = operation.live.phase if operation.live is not None else Phase.PENDING
        if may_have_rivals(operation) and operation.id not in self._seen:
            watch.listed_by = now + self.limits.list_lag_seconds
        self._waiter.add(watch, now)
        self.reporter.waiting(operation, state=state, resource_id=live_id)

    def _desired(self, operation: Operation) -> Desired | None:
        return self._plans[operation.id.deployment][0].desired.get(operation.id.key)

    def _finish(self, operation: Operation) -> None:
        name = operation.id
        live = self._resources.get((name.deployment, name.key))
        if name.action is Action.DELETE:
            if live is not None and live.id == name.resource_id:
                del self._resources[name.deployment, name.key]
        elif live is not None and operation.predecessor is not None and operation.predecessor.phase is Phase.READY:
            self.reporter.replaced(operation, operation.predecessor, live)
        self._done.add(name)
        self._waiter.chains.ended(name)
        self._iam_writes.note(operation, self._now())
        self.reporter.finished(operation, live)
        self._order.done(name)

    def _fail(self, operation: Operation, problem: BaseException) -> None:
        error = problem if isinstance(problem, Exception) else OciSidecarError(f"a worker ended with {problem!r}")
        if isinstance(error, Cancelled):
            return
        self._causes.setdefault(operation.id.deployment, {})[str(operation.id.key)] = error
        self._deferred.drop(operation.id.deployment)
        for watch in self._waiter.watches:
            if self._is_over(watch.operation):
                self._waiter.remove(watch.operation, self._now())
        self.reporter.failed(operation, error)

    def _submit_poll(self, watches: tuple[Watch, ...]) -> None:
        caller = evolve(self.session.caller(self.cancel), follows_create=True)
        future = self.pool.submit(poll, watches, caller, self.limits.settle_seconds)
        self._in_flight += 1
        future.add_done_callback(lambda done: self._inbox.put(Polled(watches, done)))

    def _handle_polled(self, polled: Polled) -> None:
        now, error = self._now(), polled.error
        if error is not None:
            for watch in polled.watches:
                self._waiter.remove(watch.operation, now)
                self._fail(self._operations[watch.operation], error)
        else:
            for observation in polled.future.result():
                self._handle_observation(observation, now)
        self._waiter.polled(polled.watches, now)

    def _handle_observation(self, observation: Observation, now: float) -> None:
        watch, operation = observation.watch, self._operations[observation.watch.operation]
        if observation.live is not None and operation.id.action is not Action.DELETE:
            self._resources[operation.id.deployment, operation.id.key] = observation.live
            if not watch.live_id:  # no answer showed its OCID
                self.own_writes.note(observation.live, now)
        if observation.status is WaitStatus.PENDING and not self._is_over(operation.id):
            self._still_waiting(watch, operation, observation, now)
            return
        self._waiter.remove(watch.operation, now)
        if self._is_over(operation.id):
            return
        for warning in observation.warnings:
            self.reporter.warned(operation, warning)
        if observation.status is WaitStatus.UNHEALTHY:
            self._fail(operation, unhealthy(operation, observation))
        elif observation.status is not WaitStatus.REACHED:
            self._recover(operation, observation)
        elif watch.goal is Goal.READY:
            self._seen.add(operation.id)
            self._advance_unless_second(operation, observation)
        else:
            self._finish(operation)

    def _still_waiting(self, watch: Watch, operation: Operation, observation: Observation, now: float) -> None:
        state = observation.live.state if observation.live is not None else watch.state
        if state != watch.state:
            watch.state = state
            self.reporter.waiting(operation, state=state, resource_id=watch.live_id)
        waited = now - watch.since
        if waited >= watch.timeout_seconds:
            self._waiter.remove(watch.operation, now)
            self._fail(operation, timed_out(watch, waited_seconds=waited))

    def _recover(self, operation: Operation, observation: Observation) -> None:
        """Try the next attempt after a failure or a disappearance; fail if there is none."""
        attempt, want = self._attempts.get(operation.id, Attempt()), self._desired(operation)
        may_lag = self._iam_writes.may_lag(operation.id.deployment, self._now())
        following = next_attempt(operation, attempt, want, observation, may_iam_lag=may_lag)
        if following is not None:
            number, reason = following.placement + following.generation, reason_for(observation)
            self.reporter.emit(retrying(operation, reason, attempt=number, wait_seconds=following.wait_seconds))
            self._attempts[operation.id] = following
            self._deferred.add(operation.id, self._now() + following.wait_seconds)
        elif want is not None and operation.may_create and lacks_capacity(observation):
            self._fail(operation, out_of_capacity(want, operation=f"create_{observation.watch.kind.noun}"))
        else:
            self._fail(operation, resource_failed(operation, observation))

    def _postpone(self, operation: Operation, obstacle: Postponed) -> None:
        """Try again later, unless the deployment has failed; what is in the way is reported once."""
        if operation.id.deployment not in self._causes:
            event = retrying(operation, obstacle.reason, attempt=1, wait_seconds=obstacle.wait_seconds)
            if self._deferred.block(operation.id, self._now(), obstacle.wait_seconds, obstacle.reason):
                self.reporter.emit(event)

    def _is_over(self, name: OperationId) -> bool:
        """Return whether a resource is not polled any more: its deployment failed, and its OCID is known.

        What is under way in the service continues there; applying again waits for it.
        """
        return name.deployment in self._causes and (name.deployment, name.key) in self._resources

    def _outcome(self, plan: Plan) -> Outcome:
        resources = {key: live for (name, key), live in self._resources.items() if name == plan.name}
        causes = self._causes.get(plan.name, {})
        is_cancelled = not causes and any(operation.id not in self._done for operation in plan.operations)
        return Outcome(plan, resources, causes, is_cancelled, frozenset(self._done))

    def _now(self) -> float:
        return self.session.clock.time()
