"""Carrying out plans: ready nodes in parallel, the deepest first, on one coordinating thread.

The thread that called `apply` owns all state; worker threads make requests and post what came of them to one
queue.  Several plans run side by side without sharing a fate: when a node fails, nothing more is started for its
deployment, what is in flight finishes, and the others go on.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from attrs import define, evolve, field, frozen

from ocisidecar.apply.failures import no_room, resource_failed, timed_out
from ocisidecar.apply.outcome import Outcome
from ocisidecar.apply.requests import RUNGS, Attempt, Done, Job, complete, perform, read_secret
from ocisidecar.apply.waiter import Goal, Sight, Verdict, Waiter, Watch, look
from ocisidecar.cancel import Cancel
from ocisidecar.client.retry import is_capacity_shortage
from ocisidecar.client.session import Caller, Session
from ocisidecar.errors import Cancelled, OciSidecarError
from ocisidecar.events import (
    Event,
    Handler,
    ReplacementReady,
    StepFailed,
    StepFinished,
    StepRetrying,
    StepStarted,
    StepWaiting,
)
from ocisidecar.plan.operations import Node, NodeId, Verb, nodes_of
from ocisidecar.plan.plan import Action, Plan
from ocisidecar.resources.capabilities import CompletedWhenReady
from ocisidecar.resources.kind import Site, Started
from ocisidecar.resources.kinds import KINDS, NEEDS
from ocisidecar.state.desired import VAULT_SECRET, Rollout
from ocisidecar.state.observed import Live, Phase, value_of
from ocisidecar.wire import Key, Ref

_IDLE_SECONDS = 3600.0
_GOALS: Mapping[Verb, Goal] = {Verb.STOP: Goal.STOPPED, Verb.RESTART: Goal.RESTARTED}


@frozen
class Limits:
    """How much at a time and how long."""

    max_workers: int = 16
    wait_timeout_in_seconds: float = 1200.0


@frozen
class _Post:
    """A worker has done, or failed to do, what a node asks for."""

    node: NodeId
    future: Future[Done]

    @property
    def error(self) -> BaseException | None:
        return self.future.exception()

    @property
    def started(self) -> Started | None:
        return None if self.error is not None else self.future.result().started


@frozen
class _Looked:
    """A worker has looked, or failed to look, at what is waited for."""

    watches: tuple[Watch, ...]
    future: Future[tuple[Sight, ...]]


@frozen
class _Retried:
    event: StepRetrying


@frozen
class _Wake:
    """The run was cancelled."""


@define
class Executor:
    """One run of one or more plans.

    Args:
        session: makes the calls.
        pool: runs the workers.
        plans: what to carry out, with the site of each.
        snapshot_of: `Ref` of a shared deployment → its value.
        cancel: ends the run.
        handler: receives the events, on the calling thread.
    """

    session: Session
    pool: ThreadPoolExecutor
    plans: Sequence[tuple[Plan, Site]]
    limits: Limits
    cancel: Cancel
    handler: Handler | None
    _nodes: dict[NodeId, Node] = field(factory=dict, init=False)
    _plans: dict[str, tuple[Plan, Site]] = field(factory=dict, init=False)
    _blocked: dict[NodeId, set[NodeId]] = field(factory=dict, init=False)
    _waiting_for: dict[NodeId, list[NodeId]] = field(factory=dict, init=False)
    _ready: list[NodeId] = field(factory=list, init=False)
    _attempts: dict[NodeId, Attempt] = field(factory=dict, init=False)
    _resources: dict[tuple[str, Key], Live] = field(factory=dict, init=False)
    _causes: dict[str, dict[str, Exception]] = field(factory=dict, init=False)
    _completed: set[NodeId] = field(factory=set, init=False)
    _done: set[NodeId] = field(factory=set, init=False)
    _inbox: queue.SimpleQueue[_Post | _Looked | _Retried | _Wake] = field(factory=queue.SimpleQueue, init=False)
    _waiter: Waiter = field(factory=Waiter, init=False)
    _in_flight: int = field(default=0, init=False)
    _started: float = field(default=0.0, init=False)
    _sequence: int = field(default=0, init=False)

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
            self.handler = None
            self._drain()
            raise
        finally:
            self.cancel.forget(self._wake)
        return tuple(self._outcome(plan) for plan, _ in self.plans)

    def emit(self, event: Event) -> None:
        """Stamp and deliver an event."""
        self._sequence += 1
        elapsed = self._now() - self._started
        if self.handler is not None:
            self.handler(evolve(event, elapsed_seconds=elapsed, sequence=self._sequence))

    # -- the loop ------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._started = self._now()
        for plan, site in self.plans:
            self._plans[plan.name] = (plan, site)
            for step in plan.steps:
                if step.live is not None:
                    self._resources[plan.name, step.key] = step.live
                elif step.old:
                    self._resources[plan.name, step.key] = step.old[-1]
            for node in nodes_of(plan, NEEDS):
                self._nodes[node.id] = node
        for node in self._nodes.values():
            self._blocked[node.id] = set(node.needs)
            for need in node.needs:
                self._waiting_for.setdefault(need, []).append(node.id)
        self._ready = [node for node, needs in self._blocked.items() if not needs]

    def _loop(self) -> None:
        while True:
            self._start_ready()
            now = self._now()
            for watches in self._waiter.take_due(now):
                self._submit_look(watches)
            due = self._waiter.seconds_until_due(now)
            if not self._in_flight and (due is None or self.cancel.reason is not None):
                return
            seconds = min(due if due is not None else _IDLE_SECONDS, self.cancel.seconds_left or _IDLE_SECONDS)
            message = self._receive(seconds)
            if message is not None:
                self._handle(message)

    def _receive(self, seconds: float) -> _Post | _Looked | _Retried | _Wake | None:
        return self.session.clock.receive(self._inbox, seconds, is_busy=self._in_flight > 0)

    def _wake(self) -> None:
        """Interrupt a poll sleep; called on whatever thread cancels."""
        self._inbox.put(_Wake())

    def _drain(self) -> None:
        """Let what is in flight finish, and start nothing."""
        while self._in_flight:
            message = self._inbox.get()
            if isinstance(message, _Post):
                self._in_flight -= 1
                self._record(message)
            elif isinstance(message, _Looked):
                self._in_flight -= 1

    def _handle(self, message: _Post | _Looked | _Retried | _Wake) -> None:
        if isinstance(message, _Retried):
            self.emit(message.event)
        elif isinstance(message, _Post):
            self._in_flight -= 1
            self._settle(message)
        elif isinstance(message, _Looked):
            self._in_flight -= 1
            self._see(message)

    def _start_ready(self) -> None:
        if self.cancel.reason is not None:
            return
        self._ready.sort(key=lambda node: (self._nodes[node].depth, node.key), reverse=True)
        while self._ready and self._in_flight < self.limits.max_workers:
            node = self._ready.pop(0)
            if node.deployment in self._causes:
                continue
            self._submit(node)

    # -- nodes ---------------------------------------------------------------------------------------------

    def _submit(self, node_id: NodeId) -> None:
        node = self._nodes[node_id]
        if node_id not in self._attempts:
            self.emit(StepStarted(deployment=node_id.deployment, key=str(node_id.key), action=_word(node)))
        future = self.pool.submit(perform, self._job(node))
        self._in_flight += 1
        future.add_done_callback(lambda done: self._inbox.put(_Post(node_id, done)))

    def _job(self, node: Node) -> Job:
        plan, site = self._plans[node.id.deployment]
        deployment, key, action = node.id.deployment, str(node.id.key), _word(node)

        def notify(reason: str, attempt: int, wait_seconds: float) -> None:
            event = StepRetrying(
                deployment=deployment,
                key=key,
                action=action,
                reason=reason,
                attempt=attempt,
                wait_seconds=wait_seconds,
            )
            self._inbox.put(_Retried(event))

        caller = self.session.caller(self.cancel, key=key, notify=notify)
        return Job(
            node,
            KINDS[node.id.key.kind],
            site,
            plan.desired.get(node.id.key),
            self._lookup_of(plan, caller),
            caller,
            self._attempts.get(node.id, Attempt()),
        )

    def _lookup_of(self, plan: Plan, caller: Caller) -> Callable[[Ref], str]:
        def lookup(ref: Ref) -> str:
            if ref.key.kind == VAULT_SECRET:
                return read_secret(caller, ref)
            if ref.deployment:
                return value_of(plan.snapshot.of(ref.deployment)[ref.key][0], ref)
            return value_of(self._resources[plan.name, ref.key], ref)

        return lookup

    def _settle(self, post: _Post) -> None:
        """Take in what a worker did: finished, to be waited for, or failed."""
        node, started = self._nodes[post.node], post.started
        self._record(post)
        if post.error is not None:
            self._fail(node, post.error)
        elif post.node.verb is Verb.DELETE:
            self._watch(node, Goal.GONE, node.live.id if node.live else "", "", "DELETING")
        elif started is not None:
            self._attempts[post.node] = post.future.result().attempt
            if started.phase is Phase.READY:
                self._go_on(node)
            else:
                goal = _GOALS.get(node.id.verb, Goal.READY)
                self._watch(node, goal, started.id, started.work_request_id, started.state)

    def _go_on(self, node: Node) -> None:
        """Take the next step with a resource that is ready: complete it, see that it is healthy, or finish."""
        kind = KINDS[node.id.key.kind]
        live = self._resources[node.id.deployment, node.id.key]
        is_new = node.id.verb in {Verb.CREATE, Verb.AWAIT}
        if isinstance(kind, CompletedWhenReady) and is_new and node.id not in self._completed:
            self._completed.add(node.id)
            future = self.pool.submit(complete, self._job(node), live)
            self._in_flight += 1
            future.add_done_callback(lambda done: self._inbox.put(_Post(node.id, done)))
        elif self._must_be_healthy(node):
            self._watch(node, Goal.HEALTHY, live.id, "", live.state)
        else:
            self._finish(node)

    def _record(self, post: _Post) -> None:
        """Remember what exists, as soon as it does."""
        if post.started is not None and post.started.id:
            live = _live_of(self._nodes[post.node], post.started)
            self._resources[post.node.deployment, post.node.key] = live

    def _watch(self, node: Node, goal: Goal, live_id: str, work_request_id: str, state: str) -> None:
        if self._is_over(node.id):
            return
        plan, site = self._plans[node.id.deployment]
        kind, caller = KINDS[node.id.key.kind], self.session.caller(self.cancel)
        want, rollout = plan.desired.get(node.id.key), self._rollout_of(node)
        timeout = self.limits.wait_timeout_in_seconds
        if goal is Goal.HEALTHY and rollout is not None:
            timeout = float(rollout.healthy_timeout_in_seconds)
        shown = want or node.live
        parent_id = kind.parent_id(shown.body, self._lookup_of(plan, caller)) if shown is not None else ""
        probe = rollout.probe if rollout is not None else None
        watch = Watch(
            node.id, kind, site, goal, live_id, self._now(), timeout, work_request_id, parent_id, state, probe
        )
        self._waiter.add(watch, self._now())
        self._tell_state(node, state, live_id)

    def _must_be_healthy(self, node: Node) -> bool:
        """Return whether others wait for the resource: its predecessor, or the next replica of a rollout."""
        is_replacing = node.step.action is Action.REPLACE and self._rollout_of(node) is not None
        return node.id.verb is not Verb.DELETE and (is_replacing or node.step.predecessor is not None)

    def _rollout_of(self, node: Node) -> Rollout | None:
        want = self._plans[node.id.deployment][0].desired.get(node.id.key)
        return None if want is None else want.rollout

    def _finish(self, node: Node) -> None:
        deployment, key = node.id.deployment, node.id.key
        live = self._resources.get((deployment, key))
        if node.id.verb is Verb.DELETE:
            if live is not None and node.live is not None and live.id == node.live.id:
                del self._resources[deployment, key]
        elif node.step.predecessor is not None and live is not None:
            self.emit(
                ReplacementReady(
                    deployment=deployment,
                    key=str(key),
                    action=_word(node),
                    old_resource_id=node.step.predecessor.id,
                    new_resource_id=live.id,
                )
            )
        resource_id = live.id if live is not None else ""
        self._done.add(node.id)
        self.emit(StepFinished(deployment=deployment, key=str(key), action=_word(node), resource_id=resource_id))
        for later in self._waiting_for.get(node.id, ()):
            self._blocked[later].discard(node.id)
            if not self._blocked[later]:
                self._ready.append(later)

    def _fail(self, node: Node, problem: BaseException) -> None:
        error = problem if isinstance(problem, Exception) else OciSidecarError(f"a worker ended with {problem!r}")
        if isinstance(error, Cancelled):
            return
        self._causes.setdefault(node.id.deployment, {})[str(node.id.key)] = error
        self._stop_watching()
        self.emit(
            StepFailed(deployment=node.id.deployment, key=str(node.id.key), action=_word(node), error=str(error))
        )

    # -- looks ---------------------------------------------------------------------------------------------

    def _submit_look(self, watches: tuple[Watch, ...]) -> None:
        future = self.pool.submit(look, watches, self.session.caller(self.cancel))
        self._in_flight += 1
        future.add_done_callback(lambda done: self._inbox.put(_Looked(watches, done)))

    def _see(self, looked: _Looked) -> None:
        now = self._now()
        error = looked.future.exception()
        if error is not None:
            for watch in looked.watches:
                self._waiter.remove(watch.node, now)
                self._fail(self._nodes[watch.node], error)
        else:
            for sight in looked.future.result():
                self._take_in(sight, now)
        self._waiter.looked(looked.watches, now)

    def _take_in(self, sight: Sight, now: float) -> None:
        watch, node = sight.watch, self._nodes[sight.watch.node]
        if sight.live is not None and node.id.verb is not Verb.DELETE:
            self._resources[node.id.deployment, node.id.key] = sight.live
        if self._is_over(node.id):
            self._waiter.remove(watch.node, now)
        elif sight.verdict is Verdict.REACHED:
            self._waiter.remove(watch.node, now)
            if watch.goal is Goal.READY:
                self._go_on(node)
            else:
                self._finish(node)
        elif sight.verdict is Verdict.NOT_YET:
            self._still_waiting(watch, node, sight, now)
        else:
            self._waiter.remove(watch.node, now)
            self._recover(node, sight)

    def _still_waiting(self, watch: Watch, node: Node, sight: Sight, now: float) -> None:
        state = sight.live.state if sight.live is not None else watch.state
        if state != watch.state:
            watch.state = state
            self._tell_state(node, state, watch.live_id)
        waited = now - watch.since
        if waited >= watch.timeout_seconds:
            self._waiter.remove(watch.node, now)
            self._fail(node, timed_out(watch, waited_seconds=waited))

    def _recover(self, node: Node, sight: Sight) -> None:
        """Go on after a failure or a disappearance: another placement, another token, or the end.

        What an earlier run began and failed is made again, as if it had been found failed.
        """
        attempt = self._attempts.get(node.id, Attempt())
        want = self._plans[node.id.deployment][0].desired.get(node.id.key)
        is_made = node.id.verb is Verb.CREATE or (node.id.verb is Verb.AWAIT and node.step.is_created_again)
        is_older = node.step.is_created_again and attempt == Attempt()
        if is_made and attempt.rung + 1 < RUNGS and (sight.verdict is Verdict.VANISHED or is_older):
            self._retry(node, attempt.next_rung(), sight)
        elif want is None or not is_made or not is_capacity_shortage(" ".join(sight.evidence)):
            self._fail(node, resource_failed(node, sight))
        elif attempt.placement + 1 < len(want.placements):
            self._retry(node, attempt.next_placement(), sight)
        else:
            self._fail(node, no_room(want, operation=f"create_{sight.watch.kind.noun}"))

    def _retry(self, node: Node, attempt: Attempt, sight: Sight) -> None:
        reason = "; ".join(sight.evidence) or "it vanished"
        event = StepRetrying(
            deployment=node.id.deployment,
            key=str(node.id.key),
            action=_word(node),
            reason=reason,
            attempt=attempt.placement + attempt.rung,
            wait_seconds=0.0,
        )
        self.emit(event)
        self._attempts[node.id] = attempt
        self._submit(node.id)

    def _stop_watching(self) -> None:
        for watch in self._waiter.watches:
            if self._is_over(watch.node):
                self._waiter.remove(watch.node, self._now())

    def _is_over(self, node: NodeId) -> bool:
        """Return whether nothing more is asked about a resource: its deployment failed, and its OCID is known.

        What is under way in the service goes on there; applying again waits for it.
        """
        return node.deployment in self._causes and (node.deployment, node.key) in self._resources

    # -- small things --------------------------------------------------------------------------------------

    def _tell_state(self, node: Node, state: str, live_id: str) -> None:
        self.emit(
            StepWaiting(
                deployment=node.id.deployment,
                key=str(node.id.key),
                action=_word(node),
                state=state,
                resource_id=live_id,
            )
        )

    def _outcome(self, plan: Plan) -> Outcome:
        resources = {key: live for (name, key), live in self._resources.items() if name == plan.name}
        causes = self._causes.get(plan.name, {})
        is_complete = all(node in self._done for node in self._nodes if node.deployment == plan.name)
        return Outcome(plan, resources, causes, is_cancelled=not is_complete and not causes)

    def _now(self) -> float:
        return self.session.clock.time()


def _word(node: Node) -> str:
    return node.id.verb.value


def _live_of(node: Node, started: Started) -> Live:
    created = started.body.get("timeCreated")
    return Live(
        node.id.key,
        node.id.deployment,
        started.id,
        started.state,
        started.phase,
        started.body or (node.live.body if node.live else {}),
        str(created or ""),
    )
