"""Breakers inside calls: asked, leased, settled, and told of once."""

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Final

import pytest

from recourse import (
    BudgetRef,
    CircuitOpenError,
    CircuitPolicy,
    Circuits,
    Executor,
    Health,
    HedgePolicy,
    Outcome,
    OutcomeKind,
    Policy,
    PolicyKey,
    RetryPolicy,
    TokenBucket,
    deadline,
)
from recourse.budget import Ask, Decision
from recourse.errors import DeadlineExceeded
from recourse.events import CallEnd, CallStart, CircuitDecision, CircuitState, HedgingDisabled
from recourse.policy.model import Jitter
from recourse.reasons import (
    BreakerState,
    BudgetReason,
    CircuitCause,
    CircuitReason,
    Disposition,
    HedgingOff,
)
from recourse.testing import VirtualClock

KEY: Final = "svc.Op"
ONCE: Final = RetryPolicy(max_attempts=1)
TOUCHY: Final = CircuitPolicy(threshold=1, cooldown_s=10.0)


def touchy(side: Any, **options: Any) -> Executor:
    executor: Executor = side.executor(**{"retry": ONCE, "circuit": TOUCHY, **options})
    return executor


def opened(side: Any, **options: Any) -> Executor:
    executor = touchy(side, **options)
    side([OSError("opens it")], executor=executor)
    assert executor.circuits[KEY].state is BreakerState.OPEN
    return executor


def half_open(side: Any, **options: Any) -> Executor:
    executor = opened(side, **options)
    side.clock.advance(10.0)
    return executor


def test_r56_an_open_breaker_refuses_without_running_anything(both: Any) -> None:
    executor = opened(both)
    both.clock.advance(4.0)

    told = both(["never"], executor=executor)

    assert isinstance(told.error, CircuitOpenError)
    assert told.error.args[:3] == (KEY, "open", "circuit_open")
    assert told.error.retry_after_s == pytest.approx(6.0)
    assert told.runs == 0
    assert told.timeline.attempts == ()
    assert told.timeline.attempts_run == 0
    assert told.timeline.disposition is Disposition.CIRCUIT_OPEN
    assert told.timeline.attributes["circuit_state"] == "open"
    assert told.names == ["CallStart", "PolicyResolved", "CircuitDecision", "CallEnd"]
    assert (len(told.of(CallStart)), len(told.of(CallEnd))) == (1, 1)
    assert told.of(CallEnd)[0].outcome.reason == "circuit_open"


def test_r56_a_rejection_is_not_recorded_to_the_breaker(both: Any) -> None:
    executor = opened(both)
    before = repr(executor.circuits[KEY])

    for _ in range(5):
        both(["never"], executor=executor)

    assert repr(executor.circuits[KEY]) == before


def test_r56_a_breaker_that_opens_within_a_call_stops_its_retries(both: Any) -> None:
    error = OSError("second")

    told = both([OSError("first"), error, "never"], circuit=CircuitPolicy(threshold=2))

    assert told.error is error
    assert told.runs == 2
    assert told.timeline.disposition is Disposition.CIRCUIT_OPEN
    assert told.sleeps == (0.05,)


def test_r56_a_breaker_that_others_open_during_the_sleep_stops_the_retry(both: Any) -> None:
    class Isolating:
        def peek(self, request: Ask) -> bool:
            executor.circuits[KEY].isolate()  # between the last attempt and the wait
            return True

        def ask(self, request: Ask) -> Decision:
            raise AssertionError

    executor = both.executor(
        retry=RetryPolicy(budget=BudgetRef("b"), jitter=Jitter.NONE),
        circuit=CircuitPolicy(),
        budgets={"b": Isolating()},
    )
    error = OSError("the only")

    told = both([error, "never"], executor=executor)

    assert told.error is error
    assert told.timeline.disposition is Disposition.CIRCUIT_OPEN
    assert [event.reason for event in told.of(CircuitDecision)] == ["circuit_forced_open"]


def test_r56_an_isolated_breaker_stops_a_call_without_a_wait(both: Any) -> None:
    executor = both.executor(circuit=CircuitPolicy())

    def operation() -> Any:
        executor.circuits[KEY].isolate()
        yield 0.0
        raise OSError

    told = both(operation, executor=executor)

    assert (told.runs, told.sleeps) == (1, ())
    assert told.timeline.disposition is Disposition.CIRCUIT_OPEN


def test_a_wait_that_outlasts_the_cooldown_ends_in_a_probe(both: Any) -> None:
    retry = RetryPolicy(initial_backoff_s=20.0, max_backoff_s=20.0, jitter=Jitter.NONE)

    told = both([OSError, "done"], retry=retry, circuit=TOUCHY)

    assert told.value == "done"
    assert [event.is_probe for event in told.of(CircuitDecision)] == [True]


def test_a_cooldown_that_ends_during_the_attempt_lets_the_retry_probe(both: Any) -> None:
    executor = touchy(both, retry=RetryPolicy(max_attempts=2, jitter=Jitter.NONE))
    another = Executor(
        [Policy(KEY, retry=ONCE, circuit=TOUCHY)], clock=both.clock, circuits=executor.circuits
    )

    def operation() -> Any:
        if both.runs == 1:
            with pytest.raises(OSError, match="opens"):
                another.call(KEY, opening)
            yield 11.0
            raise OSError
        return "done"

    def opening() -> None:
        message = "opens"
        raise OSError(message)

    told = both(operation, executor=executor)

    assert told.value == "done"
    assert [event.is_probe for event in told.of(CircuitDecision)] == [True]
    assert [(event.to_state, event.call_id) for event in told.of(CircuitState)] == [
        (BreakerState.HALF_OPEN, told.timeline.call_id),
        (BreakerState.CLOSED, told.timeline.call_id),
    ]
    assert executor.circuits[KEY].state is BreakerState.CLOSED


def test_a_wait_as_long_as_the_cooldown_ends_in_a_probe_too(both: Any) -> None:
    retry = RetryPolicy(initial_backoff_s=10.0, max_backoff_s=10.0, jitter=Jitter.NONE)

    told = both([OSError, "done"], retry=retry, circuit=TOUCHY)

    assert (told.value, told.sleeps) == ("done", (10.0,))


def test_a_call_waits_for_its_retry_while_others_probe(both: Any) -> None:
    probes: list[Any] = []

    class Meanwhile:
        def peek(self, request: Ask) -> bool:
            executor.circuits[KEY].settle(probes.pop(), Health.HEALTHY, 0.0, request.now_s)
            return True

        def ask(self, request: Ask) -> Decision:
            return Decision(allowed=True)

    executor = touchy(
        both,
        retry=RetryPolicy(budget=BudgetRef("b"), jitter=Jitter.NONE),
        budgets={"b": Meanwhile()},
    )

    def operation() -> Any:
        yield 0.0
        if both.runs > 1:
            return "done"
        breaker, now_s = executor.circuits[KEY], both.clock.monotonic_s()
        breaker.settle(breaker.admit(now_s), Health.UNHEALTHY, 0.0, now_s)
        yield 10.0
        probes.append(breaker.admit(both.clock.monotonic_s()))
        raise OSError

    told = both(operation, executor=executor)

    assert (told.value, told.sleeps) == ("done", (0.05,))


@pytest.mark.parametrize("allowed", [False, True], ids=["denied", "lost"])
def test_r58_a_hedge_that_shows_nothing_gives_its_probe_back(both: Any, allowed: Any) -> None:
    class Deciding:
        def ask(self, request: Ask) -> Decision:
            return Decision(allowed=allowed, reason=BudgetReason.BUDGET_DENIED)

    executor = touchy(
        both,
        hedge=HedgePolicy(hedge_delay_s=15.0, budget=BudgetRef("b")),
        budgets={"b": Deciding()},
        sync_timeout="thread",
    )

    def operation() -> Any:
        if both.runs > 1:
            yield 60.0
        yield 1.0
        breaker, now_s = executor.circuits[KEY], both.clock.monotonic_s()
        breaker.settle(breaker.admit(now_s), Health.UNHEALTHY, 0.0, now_s)
        yield 19.0
        return "slow"

    slow = both(operation, executor=executor)
    told = both(["done"], executor=executor)

    assert [event.is_probe for event in slow.of(CircuitDecision)] == [True]
    assert (slow.value, told.value) == ("slow", "done")


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (OutcomeKind.RETRYABLE, BreakerState.OPEN),
        (OutcomeKind.NON_RETRYABLE, BreakerState.CLOSED),
        (OutcomeKind.ABORT, BreakerState.CLOSED),
        (OutcomeKind.SUCCESS, BreakerState.CLOSED),
    ],
)
def test_r57_only_retryable_outcomes_speak_against_the_dependency(
    both: Any, kind: OutcomeKind, state: BreakerState
) -> None:
    executor = touchy(
        both,
        retry=RetryPolicy(max_attempts=1, classifier="mine"),
        classifiers={"mine": Fixed(kind)},
    )

    both([OSError], executor=executor)

    assert executor.circuits[KEY].state is state


class Fixed:
    """A classifier with one answer."""

    def __init__(self, kind: OutcomeKind, health: Health | None = None) -> None:
        self.outcome = Outcome(kind, health=health)

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        return self.outcome


@pytest.mark.parametrize(
    ("health", "state"),
    [
        (Health.UNHEALTHY, BreakerState.OPEN),
        (Health.HEALTHY, BreakerState.CLOSED),
        (Health.NEUTRAL, BreakerState.CLOSED),
    ],
)
def test_r57_an_outcome_may_say_what_it_means_for_the_breaker(
    both: Any, health: Health, state: BreakerState
) -> None:
    for kind in (OutcomeKind.SUCCESS, OutcomeKind.RETRYABLE, OutcomeKind.ABORT):
        executor = touchy(
            both,
            retry=RetryPolicy(max_attempts=1, classifier="mine"),
            classifiers={"mine": Fixed(kind, health)},
        )

        both(["value"], executor=executor)

        assert executor.circuits[KEY].state is state


def test_r61_attempts_that_take_too_long_open_a_breaker_that_looks_at_that(both: Any) -> None:
    slow = CircuitPolicy(kind="slow_call_rate", slow_call_s=1.0, slow_ratio=0.5, min_calls=2)
    executor = both.executor(retry=ONCE, circuit=slow)

    states = []
    for seconds in (0.5, 0.5, 1.5, 1.5):
        both([(seconds, "done")], executor=executor)
        states.append(executor.circuits[KEY].state)

    assert states == [*["closed"] * 3, "open"]


def test_r57_every_attempt_counts_and_a_healthy_one_resets(both: Any) -> None:
    executor = both.executor(circuit=CircuitPolicy(threshold=5))

    both([OSError, OSError, OSError], executor=executor)
    after_three = repr(executor.circuits[KEY])
    both([OSError, "done"], executor=executor)

    assert "'failures': 3" in after_three
    assert "'failures': 0" in repr(executor.circuits[KEY])


@pytest.mark.parametrize(
    "stop", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
def test_r57_what_is_no_outcome_is_neutral(both: Any, stop: type[BaseException]) -> None:
    executor = touchy(both)

    told = both([stop], executor=executor)

    assert isinstance(told.error, stop)
    assert executor.circuits[KEY].state is BreakerState.CLOSED


@pytest.mark.parametrize("took_s", [1.0, 2.0])
def test_r57_an_attempt_that_the_callers_deadline_cut_short_is_neutral(
    both: Any, took_s: float
) -> None:
    executor = touchy(both, retry=RetryPolicy(max_attempts=1, timeout_per_attempt_s=5.0))

    with deadline(1.0, clock=both.clock):
        told = both([(took_s, TimeoutError("nothing remained"))], executor=executor)

    if both.is_async:
        assert isinstance(told.error, DeadlineExceeded)
    assert executor.circuits[KEY].state is BreakerState.CLOSED


def test_r57_an_attempt_that_had_its_full_time_counts(both: Any) -> None:
    executor = touchy(both, retry=RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0))

    with deadline(1.0, clock=both.clock):
        both([(2.0, TimeoutError("too slow"))], executor=executor)

    assert executor.circuits[KEY].state is BreakerState.OPEN


def test_r57_a_success_after_the_deadline_is_healthy(sync_side: Any) -> None:
    executor = touchy(sync_side, circuit=CircuitPolicy(threshold=2))

    sync_side([OSError], executor=executor)
    with deadline(1.0, clock=sync_side.clock):
        late = sync_side([(2.0, "late")], executor=executor)
    sync_side([OSError], executor=executor)

    assert late.value == "late"
    assert executor.circuits[KEY].state is BreakerState.CLOSED


def test_r57_an_error_before_the_deadline_counts(both: Any) -> None:
    executor = touchy(both)

    with deadline(1.0, clock=both.clock):
        both([(0.5, OSError)], executor=executor)

    assert executor.circuits[KEY].state is BreakerState.OPEN


def test_r57_the_losers_of_a_race_are_neutral(async_side: Any) -> None:
    executor = touchy(async_side, hedge=HedgePolicy(hedge_delay_s=0.1))

    told = async_side([(9.0, OSError), (0.1, "quick")], executor=executor, settle_s=20)

    assert told.value == "quick"
    assert executor.circuits[KEY].state is BreakerState.CLOSED
    assert "'failures': 0" in repr(executor.circuits[KEY])


def test_r57_runs_that_a_deadline_drops_are_neutral(both: Any) -> None:
    executor = touchy(
        both,
        circuit=CircuitPolicy(threshold=2),
        hedge=HedgePolicy(hedge_delay_s=0.1),
        sync_timeout="thread",
    )

    both([OSError], executor=executor)
    with deadline(1.0, clock=both.clock):
        both([(9.0, "never")], executor=executor)
    both([OSError], executor=executor)

    assert executor.circuits[KEY].state is BreakerState.OPEN


def interrupted(side: Any, executor: Executor) -> None:
    side([KeyboardInterrupt], executor=executor)


def inner_cancelled(side: Any, executor: Executor) -> None:
    side([asyncio.CancelledError], executor=executor)


def cut_by_deadline(side: Any, executor: Executor) -> None:
    with deadline(1.0, clock=side.clock):
        side([(2.0, TimeoutError())], executor=executor)


def refused_by_deadline(side: Any, executor: Executor) -> None:
    with deadline(0.0, clock=side.clock):
        side(["never"], executor=executor)


@pytest.mark.parametrize(
    "act", [interrupted, inner_cancelled, cut_by_deadline, refused_by_deadline]
)
def test_r58_a_probe_that_shows_nothing_gives_its_slot_back_at_once(both: Any, act: Any) -> None:
    executor = half_open(both)

    act(both, executor)
    told = both(["done"], executor=executor)

    assert told.value == "done"
    assert executor.circuits[KEY].state is BreakerState.CLOSED


@pytest.mark.parametrize("kind", [OutcomeKind.ABORT, "unknown"])
def test_r58_an_aborted_probe_gives_its_slot_back(both: Any, kind: Any) -> None:
    class Changing:
        def __init__(self) -> None:
            self.kind: Any = OutcomeKind.RETRYABLE

        def classify(self, value: Any, error: Exception | None) -> Outcome:
            return Outcome(self.kind)

    mine = Changing()
    options: dict[str, Any] = {
        "retry": RetryPolicy(max_attempts=1, classifier="mine"),
        "classifiers": {"mine": mine},
    }
    executor = half_open(both, **options)

    mine.kind = kind
    both(["aborted"], executor=executor)
    mine.kind = OutcomeKind.SUCCESS
    told = both(["done"], executor=executor)

    assert told.value == "done"


def test_r58_a_denied_probe_gives_its_slot_back(both: Any) -> None:
    retry = RetryPolicy(
        max_attempts=2,
        initial_backoff_s=20.0,
        max_backoff_s=20.0,
        jitter=Jitter.NONE,
        budget=BudgetRef("b"),
    )

    class Denying:
        def ask(self, request: Ask) -> Decision:
            return Decision(allowed=False, reason=BudgetReason.BUDGET_DENIED)

    executor = touchy(both, retry=retry, budgets={"b": Denying()})

    denied = both([OSError, "never"], executor=executor)
    state = executor.circuits[KEY].state
    told = both(["done"], executor=executor)

    assert denied.timeline.disposition is Disposition.BUDGET_DENIED
    assert state is BreakerState.HALF_OPEN
    assert told.value == "done"


def test_r58_a_cancelled_probe_gives_its_slot_back(async_side: Any) -> None:
    executor = half_open(async_side)

    async def cancelled() -> None:
        call = asyncio.create_task(executor.acall(KEY, async_side.operation([(9.0, "never")])))
        await asyncio.sleep(1.0)  # noqa: TID251  # on the virtual loop
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    async_side.clock.run(cancelled())
    told = async_side(["done"], executor=executor)

    assert told.value == "done"


def test_r58_an_observer_that_stops_the_process_leaves_no_slot_taken(both: Any) -> None:
    class Stopping:
        armed = False

        def on_event(self, event: Any) -> None:
            if self.armed and type(event).__name__ == "AttemptStart":
                self.armed = False
                raise KeyboardInterrupt

    stopping = Stopping()
    executor = half_open(both, observers=[stopping])
    stopping.armed = True

    def called() -> None:
        operation = both.operation(["never"])
        if both.is_async:
            both.clock.run(executor.acall(KEY, operation))
        else:
            executor.call(KEY, operation)

    with pytest.raises(KeyboardInterrupt):
        called()
    assert executor.circuits[KEY].state is BreakerState.HALF_OPEN
    told = both(["done"], executor=executor)

    assert told.value == "done"


def test_r58_a_probe_that_is_never_settled_expires(both: Any) -> None:
    executor = half_open(both)
    executor.circuits[KEY].admit(both.clock.monotonic_s())

    refused = both(["never"], executor=executor)
    both.clock.advance(10.0)
    told = both(["done"], executor=executor)

    assert isinstance(refused.error, CircuitOpenError)
    assert refused.error.reason == CircuitReason.HALF_OPEN_PROBE_LIMIT
    assert told.value == "done"


@pytest.mark.parametrize("late", ["done", OSError()], ids=["success", "failure"])
def test_r59_what_ends_after_a_transition_is_not_counted(both: Any, late: Any) -> None:
    executor = touchy(both)
    circuit = executor.circuits

    def operation() -> Any:
        yield 0.0
        breaker = circuit[KEY]
        breaker.isolate()
        breaker.reset()
        if isinstance(late, Exception):
            raise late
        return late

    both(["first"], executor=executor)
    both(operation, executor=executor)

    assert circuit[KEY].state is BreakerState.CLOSED
    assert "'failures': 0" in repr(circuit[KEY])


def test_r60_every_transition_is_told_once_with_its_facts(both: Any) -> None:
    executor = half_open(both)

    told = both(["done"], executor=executor)

    events = [event for event in both.heard.events if isinstance(event, CircuitState)]
    assert [
        (event.from_state, event.to_state, event.cause, event.generation) for event in events
    ] == [
        (BreakerState.CLOSED, BreakerState.OPEN, CircuitCause.FAILURE_THRESHOLD, 1),
        (BreakerState.OPEN, BreakerState.HALF_OPEN, CircuitCause.COOLDOWN_ELAPSED, 2),
        (BreakerState.HALF_OPEN, BreakerState.CLOSED, CircuitCause.PROBE_SUCCEEDED, 3),
    ]
    assert events[0].counters == {"failures": 1}
    assert {event.call_id for event in events[1:]} == {told.timeline.call_id}


def test_r60_a_change_by_hand_belongs_to_no_call(both: Any) -> None:
    executor = touchy(both)
    both([(2.0, "done")], executor=executor)

    executor.circuits[KEY].isolate()

    event = both.heard.events[-1]
    assert (event.call_id, event.cause, event.key) == ("", CircuitCause.MANUAL, KEY)
    assert (event.t_mono_ns, event.t_wall_ns) == (2_000_000_000, both.clock.time_unix_ns())


def test_r60_executors_that_share_breakers_tell_their_own_calls_only(both: Any) -> None:
    circuits = Circuits(clock=both.clock)
    mine = touchy(both, circuits=circuits)
    heard: list[Any] = []

    class Other:
        def on_event(self, event: Any) -> None:
            heard.append(event)

    other = Executor(
        [Policy(KEY, retry=ONCE, circuit=TOUCHY)],
        observers=[Other()],
        circuits=circuits,
        clock=both.clock,
    )

    both([OSError], executor=mine)
    by_call = [event for event in heard if isinstance(event, CircuitState)]
    circuits[KEY].reset()
    by_hand = [event for event in heard if isinstance(event, CircuitState)]

    assert by_call == []
    assert [event.cause for event in by_hand] == [CircuitCause.MANUAL]
    assert other.circuits is circuits


def test_r60_no_lock_is_held_while_a_transition_is_told(both: Any) -> None:
    seen: list[BreakerState] = []

    class Looking:
        def on_event(self, event: Any) -> None:
            if isinstance(event, CircuitState) and event.cause is not CircuitCause.MANUAL:
                thread = threading.Thread(target=look)
                thread.start()
                thread.join(10)

    def look() -> None:
        executor.circuits[KEY].reset()
        seen.append(executor.circuits[KEY].state)

    executor = touchy(both, observers=[Looking()])

    both([OSError], executor=executor)

    assert seen == [BreakerState.CLOSED]


def test_r60_transitions_are_told_in_their_order_from_eight_threads() -> None:
    clock = VirtualClock()
    heard: list[CircuitState] = []

    class Listening:
        def on_event(self, event: Any) -> None:
            if isinstance(event, CircuitState):
                heard.append(event)

    circuit = CircuitPolicy(threshold=1, cooldown_s=0.1)
    executor = Executor(
        [Policy(KEY, retry=ONCE, circuit=circuit)], observers=[Listening()], clock=clock
    )

    def failing() -> None:
        raise OSError

    def work(seed: int) -> None:
        draw = random.Random(seed)  # noqa: S311  # no secret
        operations: list[Callable[[], Any]] = [str, failing]
        for _ in range(100):
            try:
                executor.call(KEY, draw.choice(operations))
            except (OSError, CircuitOpenError):
                clock.advance(0.05)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    generations = [event.generation for event in heard]
    assert generations == list(range(1, executor.circuits[KEY].generation + 1))
    assert len(generations) > 10
    assert all(earlier.to_state is later.from_state for earlier, later in pairwise(heard))


def test_r60_a_transition_that_is_told_after_its_call_has_ended_is_told_of_no_call() -> None:
    """Another thread is delivering: it takes over, and the call goes on."""
    clock = VirtualClock()
    delivering, ended = threading.Event(), threading.Event()
    heard: list[Any] = []

    class Slow:
        def on_event(self, event: Any) -> None:
            heard.append(event)
            if isinstance(event, CircuitState) and event.key == KEY and event.call_id == "":
                delivering.set()
                ended.wait(10)

    circuit = CircuitPolicy(threshold=1)
    executor = Executor([Policy(KEY, retry=ONCE, circuit=circuit)], observers=[Slow()], clock=clock)
    executor.call(KEY, str)
    breaker = executor.circuits[KEY]

    def by_hand() -> None:
        breaker.disable()

    def failing() -> None:
        raise OSError

    executor.circuits[KEY].reset()
    thread = threading.Thread(target=by_hand)
    thread.start()
    delivering.wait(10)
    breaker._by_hand(BreakerState.CLOSED)  # queued behind the slow delivery
    with pytest.raises(OSError):  # noqa: PT011  # it has no text
        executor.call(KEY, failing)
    ended.set()
    thread.join(10)

    last = [event for event in heard if isinstance(event, CircuitState)][-1]
    assert (last.to_state, last.call_id) == (BreakerState.OPEN, "")
    assert last.cause is CircuitCause.FAILURE_THRESHOLD


class Changing:
    """A provider whose policy the test changes."""

    immediate = True

    def __init__(self, circuit: CircuitPolicy) -> None:
        self.circuit = circuit

    def get(self, key: PolicyKey) -> Policy:
        return Policy(KEY, retry=ONCE, circuit=self.circuit)


def test_r62_a_changed_threshold_holds_from_the_next_call_and_keeps_the_count(both: Any) -> None:
    provider = Changing(CircuitPolicy(threshold=5))
    executor = both.executor(provider=provider)
    for _ in range(3):
        both([OSError], executor=executor)

    provider.circuit = CircuitPolicy(threshold=4)
    both([OSError], executor=executor)

    assert executor.circuits[KEY].state is BreakerState.OPEN


def test_r62_a_changed_cooldown_holds_while_the_breaker_is_open(both: Any) -> None:
    provider = Changing(CircuitPolicy(threshold=1, cooldown_s=100.0))
    executor = both.executor(provider=provider)
    both([OSError], executor=executor)
    both.clock.advance(5.0)

    provider.circuit = CircuitPolicy(threshold=1, cooldown_s=5.0)
    told = both(["done"], executor=executor)

    assert told.value == "done"


def test_r62_another_kind_starts_in_the_old_state(both: Any) -> None:
    provider = Changing(CircuitPolicy(threshold=1))
    executor = both.executor(provider=provider)
    both([OSError], executor=executor)

    provider.circuit = CircuitPolicy(kind="failure_rate", min_calls=2)
    refused = both(["never"], executor=executor)
    both.clock.advance(10.0)
    both(["done"], executor=executor)

    assert isinstance(refused.error, CircuitOpenError)
    assert executor.circuits[KEY].state is BreakerState.CLOSED
    assert "'calls': 0" in repr(executor.circuits[KEY])


@pytest.mark.parametrize("probes", [1, 3])
def test_r63_at_most_so_many_probes_go_at_once(probes: int) -> None:
    clock = VirtualClock()
    circuit = CircuitPolicy(
        threshold=1, cooldown_s=1.0, max_probes=probes, required_successes=probes
    )
    executor = Executor([Policy(KEY, retry=ONCE, circuit=circuit)], clock=clock)

    def failing() -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011  # it has no text
        executor.call(KEY, failing)
    clock.advance(1.0)
    refused = threading.Event()
    reasons: list[str] = []

    def probing() -> str:
        refused.wait(10)
        return "probe"

    def work(_: int) -> str | None:
        try:
            return executor.call(KEY, probing)
        except CircuitOpenError as error:
            reasons.append(error.reason)
            if len(reasons) == 8 - probes:
                refused.set()
            return None

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(work, range(8)))

    assert values.count("probe") == probes
    assert reasons == ["circuit_half_open_probe_limit"] * (8 - probes)
    assert executor.circuits[KEY].state is BreakerState.CLOSED


def test_r63_one_unhealthy_probe_opens_again_and_the_cooldown_starts_anew(both: Any) -> None:
    executor = half_open(both)

    failed = both([OSError("still down")], executor=executor)
    both.clock.advance(9.0)
    refused = both(["never"], executor=executor)
    both.clock.advance(1.0)
    told = both(["done"], executor=executor)

    assert str(failed.error) == "still down"
    assert isinstance(refused.error, CircuitOpenError)
    assert told.value == "done"


def test_r63_so_many_healthy_probes_as_required_close_it(both: Any) -> None:
    circuit = CircuitPolicy(threshold=1, cooldown_s=10.0, required_successes=2)
    executor = half_open(both, circuit=circuit)

    both(["one"], executor=executor)
    after_one = executor.circuits[KEY].state
    both(["two"], executor=executor)

    assert after_one is BreakerState.HALF_OPEN
    assert executor.circuits[KEY].state is BreakerState.CLOSED


def test_a_probe_is_not_hedged(async_side: Any) -> None:
    executor = half_open(async_side, hedge=HedgePolicy(hedge_delay_s=0.1))

    told = async_side([(1.0, "done")], executor=executor)

    assert told.runs == 1
    assert [event.reason for event in told.of(HedgingDisabled)] == [HedgingOff.HALF_OPEN]


def test_a_budget_that_learns_does_not_change_what_a_breaker_counts(both: Any) -> None:
    executor = touchy(
        both,
        retry=RetryPolicy(max_attempts=1, budget=BudgetRef("b")),
        budgets={"b": TokenBucket(1, 0)},
    )

    both([OSError], executor=executor)

    assert executor.circuits[KEY].state is BreakerState.OPEN
