"""Runs calls through the executor's own plan against a fitted dependency, event by event.

It is the third driver of the plan, beside threads and the event loop: where they wait, it takes the
next event from a heap. The rules (gates, breakers, budgets, backoff, hedges) are the executor's own.
"""

import heapq
import sys
from collections.abc import Callable, Sequence
from typing import Any, assert_never

from recourse.outcome import Outcome, OutcomeKind
from recourse.plan.call import Call, Run
from recourse.plan.govern import Plan, govern
from recourse.plan.steps import Await, Cancel, Drop, Finish, Launch, Sleep
from recourse_observe.collector import without_collector
from recourse_observe.whatif.dependency import Dependency, Reply
from recourse_observe.whatif.process import Arrival, Failed, Process, Rules, SetClock
from recourse_observe.whatif.server import Server
from recourse_observe.whatif.trace import Ending, Trace

__all__ = ["simulate"]


class _Request:
    """One attempt on its way to the dependency and back."""

    __slots__ = ("call", "flight", "inline", "landed", "lane", "left", "place", "run")

    def __init__(self, flight: "_Flight", run: Run, *, inline: bool) -> None:
        self.flight = flight
        self.run = run
        self.call = flight.index
        self.lane = run.attempt * 8 + run.hedge_index
        self.inline = inline
        self.left = False
        self.landed = False
        self.place = flight.world.trace.began(run.started_s)

    def answered(self, reply: Reply, now_s: float) -> None:
        """The dependency has answered; nobody may wait for it any more."""
        if not self.left:
            self.flight.land(self, reply, now_s)


class _Flight:
    """One call on its way: its plan, and what it waits for."""

    __slots__ = ("arrived", "call", "index", "open", "plan", "ticket", "waiting", "world")

    def __init__(self, world: "_World", index: int, call: Call, plan: Plan) -> None:
        self.world = world
        self.index = index
        self.call = call
        self.plan = plan
        self.open: dict[Run, _Request] = {}
        self.arrived: list[Run] = []
        self.waiting = False
        self.ticket = 0

    def go_on(self, reply: Any) -> None:
        """Send the plan a reply and do what it asks for, until it waits."""
        try:
            while True:
                step = self.plan.send(reply)
                match step:
                    case Run():
                        self._start(step, inline=True)
                        return
                    case Sleep():
                        self.world.later(self.world.clock.now_s + step.seconds, self._woken, None)
                        return
                    case Await() if not self.arrived:
                        self._wait(step.until_s)
                        return
                    case Await():
                        reply, self.arrived = self.arrived, []
                    case Launch():
                        self._start(step.run, inline=False)
                        reply = None
                    case Cancel():
                        reply = self._let_go(step.run)
                    case Drop():
                        reply = not self._let_go(step.run)
                    case _:
                        assert_never(step)
        except StopIteration as end:
            self.world.ended(self, end.value)

    def land(self, request: _Request, reply: Reply, now_s: float) -> None:
        run = request.run
        request.left = request.landed = True
        run.ended_s = now_s
        ending = Ending.ERROR if reply.reason else Ending.SUCCESS
        self.world.trace.finished(request.place, now_s, ending)
        if reply.reason:
            run.error = self.world.error(reply)
        if request.inline:
            self.go_on(None)
            return
        self.arrived.append(run)
        self._wake(self.ticket, now_s)

    def _start(self, run: Run, *, inline: bool) -> None:
        world = self.world
        request = _Request(self, run, inline=inline)
        if inline:
            if run.limit_s is not None:
                world.later(run.limit_s, self._expire, request)
        else:
            self.open[run] = request
        world.server.submit(run.started_s, request)

    def _expire(self, request: _Request, now_s: float) -> None:
        if request.left:
            return
        request.left = True
        self.world.server.leave(now_s, request)
        request.run.expired = True
        request.run.ended_s = now_s
        self.world.trace.finished(request.place, now_s, Ending.CUT_OFF)
        self.go_on(None)

    def _woken(self, _: None, now_s: float) -> None:  # noqa: ARG002  # an event's shape
        self.go_on(None)

    def _wait(self, until_s: float | None) -> None:
        self.waiting = True
        self.ticket += 1
        if until_s is not None:
            self.world.later(max(until_s, self.world.clock.now_s), self._wake, self.ticket)

    def _wake(self, ticket: int, now_s: float) -> None:  # noqa: ARG002  # an event's shape
        if self.waiting and ticket == self.ticket:
            self.waiting = False
            arrived, self.arrived = self.arrived, []
            self.go_on(arrived)

    def _let_go(self, run: Run) -> bool:
        """Stop waiting for a launched run; false when it has finished already."""
        request = self.open[run]
        run.dropped = True
        if request.landed:
            run.dropped = False
            return False
        request.left = True
        now_s = self.world.clock.now_s
        self.world.server.leave(now_s, request)
        self.world.trace.finished(request.place, now_s, Ending.CUT_OFF)
        return True


class _World:
    """Everything that a run shares: the moment, the events to come, the dependency, the processes."""

    def __init__(
        self, dependency: Dependency, rules: Rules, arrivals: Sequence[Arrival], seed: int
    ) -> None:
        self.clock = SetClock()
        self._events: list[tuple[float, int, Callable[[Any, float], None], Any]] = []
        self._order = 0
        self._arrivals = arrivals
        self._rules = rules
        self._seed = seed
        self._processes: dict[int, Process] = {}
        self._errors: dict[Reply, Failed] = {}
        self.server = Server(dependency, seed, self.later)
        self.trace = Trace(len(arrivals))

    def later(self, at_s: float, action: Callable[[Any, float], None], what: Any) -> None:
        self._order += 1
        heapq.heappush(self._events, (at_s, self._order, action, what))

    def run(self, until_s: float, most: int) -> Trace:
        events, clock, starts = self._events, self.clock, self.trace.starts
        arrivals = iter(enumerate(self._arrivals))
        index, arrival = next(arrivals, (0, None))
        while len(starts) <= most:
            if arrival is not None and (not events or arrival.at_s <= events[0][0]):
                if arrival.at_s >= until_s:
                    break
                clock.now_s = arrival.at_s
                self._begin(index, arrival)
                index, arrival = next(arrivals, (0, None))
            elif events and events[0][0] < until_s:
                at_s, _, action, what = heapq.heappop(events)
                clock.now_s = at_s
                action(what, at_s)
            else:
                break
        return self.trace

    def error(self, reply: Reply) -> Failed:
        found = self._errors.get(reply)
        if found is None:
            kind = OutcomeKind.RETRYABLE if reply.retryable else OutcomeKind.NON_RETRYABLE
            outcome = Outcome(kind, reply.reason, retry_after_s=reply.retry_after_s)
            found = self._errors[reply] = Failed(outcome)
        return found

    def ended(self, flight: _Flight, finish: Finish) -> None:
        trace, index = self.trace, flight.index
        trace.ended_s[index] = self.clock.now_s
        trace.failed[index] = finish.error is not None
        trace.attempts[index] = flight.call.attempts_run
        trace.retries[index] = max(0, flight.call.attempts_run - flight.call.hedges - 1)

    def _begin(self, index: int, arrival: Arrival) -> None:
        process = self._processes.get(arrival.process)
        if process is None:
            process = self._processes[arrival.process] = Process(
                self.clock, self._rules, self._seed + arrival.process
            )
        info = process.runtime.new_call(self._rules.key, arrival.at_s)
        call = Call(process.runtime, info, _nothing, None)
        call.is_async = True
        if arrival.deadline_s is not None:
            call.limit_s = arrival.at_s + arrival.deadline_s
            call.limit_total_s = arrival.deadline_s
        call.bound = process.bound(call, arrival.policy)
        _Flight(self, index, call, govern(call, process.bind)).go_on(None)


def simulate(
    dependency: Dependency,
    rules: Rules,
    arrivals: Sequence[Arrival],
    *,
    seed: int = 0,
    until_s: float = float("inf"),
    most: int = sys.maxsize,
) -> Trace:
    """What calls come to.

    Args:
        dependency: What they run into.
        rules: What they follow.
        arrivals: In order of time.
        seed: Runs with the same seed share every draw of the dependency.
        until_s: Stop there.
        most: Stop after so many attempts: the run is not wanted when it needs more.
    """
    with without_collector():
        return _World(dependency, rules, arrivals, seed).run(until_s, most)


def _nothing() -> None:
    return None
