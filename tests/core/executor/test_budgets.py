"""Budgets as calls use them: asked once, at launch, and given back once, when a run has stopped."""

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import pytest

from recourse import (
    BudgetRef,
    CircuitPolicy,
    Circuits,
    Executor,
    GrpcThrottle,
    HedgePolicy,
    InflightRatio,
    OutcomeKind,
    Policy,
    RetryPolicy,
    RetryRatio,
    TokenBucket,
)
from recourse.budget import Ask, Decision
from recourse.errors import CircuitOpenError, DeadlineExceeded
from recourse.events import AttemptEnd, BudgetDecision, BudgetRelease, RetryScheduled
from recourse.plan.release import Releaser
from recourse.policy.model import Jitter
from recourse.reasons import BudgetKind, BudgetReason, Disposition
from recourse.testing import VirtualClock

KEY: Final = "svc.Op"


class Booked:
    """A budget that remembers every question, and counts what it gave and got back."""

    def __init__(self, *answers: str, peek: bool | None = None) -> None:
        self.answers = list(answers)
        self.asked: list[Ask] = []
        self.given = 0
        self.back = 0
        self.lock = threading.Lock()
        if peek is not None:
            self.peek = lambda _: peek

    def ask(self, request: Ask) -> Decision:
        with self.lock:
            self.asked.append(request)
            if self.answers and self.answers.pop(0) == "no":
                return Decision(allowed=False, reason=BudgetReason.BUDGET_DENIED)
            self.given += 1
        return Decision(allowed=True, release=self.release, balance_after=7.0)

    def release(self) -> None:
        with self.lock:
            self.back += 1


def budgeted(budget: Any, cost: int = 1, **retry: Any) -> dict[str, Any]:
    ref = BudgetRef("b", cost)
    return {
        "retry": RetryPolicy(budget=ref, jitter=Jitter.NONE, **retry),
        "budgets": {"b": budget},
    }


@pytest.mark.parametrize(
    "options",
    [
        {"budgets": None},
        {"budgets": {}},
        {"budgets": {"b": None}},
        {"budgets": {"b": Booked("no", "no")}},
        {"budgets": {"b": TokenBucket(1, 0)}},
    ],
    ids=["no registry", "missing", "nil", "denying", "bucket"],
)
def test_r35_a_first_attempt_always_runs_and_is_never_charged(
    both: Any, options: dict[str, Any]
) -> None:
    told = both(["done"], **{**budgeted(None), **options})

    assert told.value == "done"
    assert told.of(BudgetDecision) == []
    record = told.timeline.attempts[0]
    assert (record.budget_allowed, record.budget_reason) == (True, "first_attempt")


def test_r36_a_retry_asks_once_at_its_launch(both: Any) -> None:
    budget = Booked()

    told = both([OSError, OSError, "done"], **budgeted(budget, cost=3))

    assert told.value == "done"
    assert [request[:4] for request in budget.asked] == [
        (KEY, 1, BudgetKind.RETRY, 3),
        (KEY, 2, BudgetKind.RETRY, 3),
    ]
    assert [request.now_s for request in budget.asked] == pytest.approx([0.05, 0.15])
    decision = told.of(BudgetDecision)[0]
    assert (decision.kind, decision.budget_name, decision.cost) == (BudgetKind.RETRY, "b", 3)
    assert (decision.mode, decision.allowed, decision.reason) == ("standard", True, "allowed")
    assert (decision.attempt, decision.hedge_index, decision.balance_after) == (1, 0, 7.0)
    assert [record.budget_reason for record in told.timeline.attempts] == [
        "first_attempt",
        "allowed",
        "allowed",
    ]


def test_r36_a_denied_attempt_did_not_run(both: Any) -> None:
    told = both([OSError("one"), OSError("two"), "never"], **budgeted(Booked("yes", "no")))

    denied = told.timeline.attempts[2]
    assert (denied.attempt, denied.ran, denied.duration_s) == (2, False, 0.0)
    assert denied.waited_before_s == pytest.approx(0.1)
    assert denied.outcome.kind is OutcomeKind.ABORT
    assert denied.outcome.reason == denied.budget_reason == "budget_denied"
    assert not denied.budget_allowed
    assert told.timeline.attempts_run == told.runs == 2


def test_r36_a_peek_that_says_no_spares_the_sleep(both: Any) -> None:
    budget = Booked("no", peek=False)

    told = both([OSError("only"), "never"], **budgeted(budget))

    assert told.sleeps == ()
    assert told.took_s == 0
    assert str(told.error) == "only"
    assert told.timeline.disposition is Disposition.BUDGET_DENIED
    assert len(budget.asked) == 1
    assert [
        (event.delay_s, event.source, event.base_backoff_s) for event in told.of(RetryScheduled)
    ] == [(0.0, "policy", 0.05)]


def test_r36_a_peek_that_says_yes_promises_nothing(both: Any) -> None:
    told = both([OSError("only"), "never"], **budgeted(Booked("no", peek=True)))

    assert told.sleeps == (0.05,)
    assert told.timeline.disposition is Disposition.BUDGET_DENIED


def test_r36_an_empty_bucket_that_refills_too_slowly_spares_the_sleep(both: Any) -> None:
    executor = both.executor(**budgeted(TokenBucket(1, 0.1)))

    first = both([OSError, "done"], executor=executor)
    second = both([OSError("only"), "never"], executor=executor)

    assert first.value == "done"
    assert (str(second.error), second.sleeps) == ("only", ())


@pytest.mark.parametrize(
    ("budgets", "reason"),
    [
        (None, "budget_registry_missing"),
        ({}, "budget_not_found"),
        ({"b": None}, "budget_nil"),
        ({"b": TokenBucket(2, 0)}, "cost_exceeds_capacity"),
        ({"b": GrpcThrottle(2, 1)}, "budget_denied"),
    ],
    ids=["no registry", "unknown", "nil", "cost", "denied"],
)
def test_r37_r38_r39_any_denial_raises_the_last_attempts_own_error(
    both: Any, budgets: Any, reason: str
) -> None:
    error = OSError("the last real one")

    told = both([error, "never"], **{**budgeted(None, cost=3), "budgets": budgets})

    assert told.error is error
    assert told.timeline.disposition is Disposition.BUDGET_DENIED
    assert told.timeline.attempts[-1].budget_reason == reason
    decision = told.of(BudgetDecision)[0]
    assert (decision.allowed, decision.reason, decision.mode) == (False, reason, "standard")
    assert f"({reason})" in error.__notes__[0]


@pytest.mark.parametrize(
    ("budgets", "reason"),
    [(None, "budget_registry_missing"), ({}, "budget_not_found"), ({"b": None}, "budget_nil")],
    ids=["no registry", "unknown", "nil"],
)
def test_r38_allow_unsafe_lets_a_missing_budget_pass_and_says_so(
    both: Any, budgets: Any, reason: str
) -> None:
    options = {**budgeted(None), "budgets": budgets, "missing_budget": "allow_unsafe"}

    told = both([OSError, "done"], **options)

    assert told.value == "done"
    decision = told.of(BudgetDecision)[0]
    assert (decision.allowed, decision.reason, decision.mode) == (True, reason, "allow_unsafe")


@pytest.mark.parametrize("ref", [None, BudgetRef()], ids=["none", "empty name"])
def test_r38_a_policy_that_names_no_budget_needs_none(both: Any, ref: BudgetRef | None) -> None:
    told = both([OSError, "done"], retry=RetryPolicy(budget=ref, jitter=Jitter.NONE))

    assert told.value == "done"
    assert told.of(BudgetDecision) == []
    assert told.timeline.attempts[1].budget_reason == "no_budget"


def test_r39_a_budget_that_raises_denies(both: Any) -> None:
    class Broken:
        def ask(self, request: Ask) -> Decision:
            raise ZeroDivisionError

    error = OSError("the operation's")

    told = both([error, "never"], **budgeted(Broken()))

    assert told.error is error
    assert told.timeline.attempts[-1].budget_reason == "budget_error"


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        (["done"], None),
        ([OSError], OSError),
        ([(9.0, "late")], DeadlineExceeded),
        ([KeyboardInterrupt], KeyboardInterrupt),
        ([asyncio.CancelledError], asyncio.CancelledError),
    ],
    ids=["success", "failure", "deadline", "interrupt", "inner cancel"],
)
def test_r40_what_a_retry_holds_is_given_back_once_however_it_ends(
    both: Any, steps: list[Any], error: type[BaseException] | None
) -> None:
    budget = Booked()

    told = both(
        [OSError, *steps], **budgeted(budget, max_attempts=2, overall_timeout_s=1.0), settle_s=10
    )

    assert (budget.given, budget.back) == (1, 1)
    if error is not None and not (error is DeadlineExceeded and not both.is_async):
        assert type(told.error) is error


def test_r40_a_timed_out_attempt_gives_back_and_so_does_the_next_one(both: Any) -> None:
    budget = Booked()

    both([(9.0, "late")], **budgeted(budget, timeout_per_attempt_s=0.5), settle_s=10)

    given = 2 if both.is_async else 0  # a cooperative operation takes its time, and succeeds late
    assert (budget.given, budget.back) == (given, given)


def test_r40_an_abandoned_thread_gives_back_when_it_ends(sync_side: Any) -> None:
    budget = Booked()
    executor = sync_side.executor(
        **budgeted(budget, timeout_per_attempt_s=0.5, max_attempts=2), sync_timeout="thread"
    )

    sync_side([OSError, (3.0, "late")], executor=executor)
    held = (budget.given, budget.back)
    sync_side.clock.mailbox().take(10.0)

    assert held == (1, 0)
    assert (budget.given, budget.back) == (1, 1)


def test_r40_a_cancelled_caller_gives_back(async_side: Any) -> None:
    budget = Booked()
    executor = async_side.executor(**budgeted(budget))

    async def cancelled_in_its_retry() -> None:
        call = asyncio.create_task(
            executor.acall(KEY, async_side.operation([OSError, (9.0, "never")]))
        )
        await asyncio.sleep(1.0)  # noqa: TID251  # on the virtual loop
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    async_side.clock.run(cancelled_in_its_retry())

    assert (budget.given, budget.back) == (1, 1)


def test_r40_a_winner_a_loser_and_a_denied_hedge_settle_their_accounts(async_side: Any) -> None:
    budget = Booked("yes", "no")
    hedge = HedgePolicy(hedge_delay_s=0.1, max_hedges=2, budget=BudgetRef("b"))

    told = async_side([(1.0, "slow"), (0.5, "quick")], hedge=hedge, budgets={"b": budget})

    assert told.value == "quick"
    assert [request.kind for request in budget.asked] == [BudgetKind.HEDGE] * 2
    assert (budget.given, budget.back) == (1, 1)


def test_r40_a_refused_probe_takes_nothing(both: Any) -> None:
    budget = Booked()
    executor = both.executor(**budgeted(budget), circuit=CircuitPolicy(threshold=1))

    told = both([OSError("opens it"), "never"], executor=executor)

    assert told.timeline.disposition is Disposition.CIRCUIT_OPEN
    assert budget.asked == []


def test_r56_an_open_breaker_leaves_budgets_untouched(both: Any) -> None:
    ratio, inflight = RetryRatio(0.5, 0), InflightRatio()
    options: dict[str, Any] = {"circuit": CircuitPolicy(threshold=1)}
    for budget in (ratio, inflight):
        executor = both.executor(**budgeted(budget), **options)
        both([OSError("opens it")], executor=executor)
        before = repr(budget)

        told = both(["never"], executor=executor)

        assert isinstance(told.error, CircuitOpenError)
        assert repr(budget) == before


def test_r40_a_share_of_what_is_in_flight_counts_first_attempts_until_they_end(both: Any) -> None:
    budget = InflightRatio(0.5, 1)
    seen: list[str] = []

    def operation() -> Any:
        seen.append(repr(budget))
        yield 0.0
        raise OSError

    both(operation, **budgeted(budget, max_attempts=2))

    assert ["firsts=1, held=0" in seen[0], "firsts=0, held=1" in seen[1]] == [True, True]
    assert "firsts=0, held=0" in repr(budget)


def test_r41_a_release_that_raises_changes_nothing_and_is_told(both: Any) -> None:
    class Failing(Booked):
        def release(self) -> None:
            super().release()
            raise ZeroDivisionError("cannot give back")

    budget = Failing()

    told = both([OSError, "done"], **budgeted(budget))

    assert told.value == "done"
    assert budget.back == 1
    (event,) = told.of(BudgetRelease)
    assert isinstance(event.release_error, ZeroDivisionError)
    assert (event.attempt, event.hedge_index, event.budget_name) == (1, 0, "b")


def test_r41_a_release_that_raises_after_its_call_has_ended_is_told_nobody(async_side: Any) -> None:
    class Failing(Booked):
        def release(self) -> None:
            super().release()
            raise ZeroDivisionError

    budget = Failing()
    hedge = HedgePolicy(hedge_delay_s=0.1, budget=BudgetRef("b"))

    def operation() -> Any:
        if async_side.runs == 1:
            yield 0.2
            return "primary"
        try:
            yield 9.0
        except asyncio.CancelledError:
            yield 1.0  # it takes its time to go
            raise

    told = async_side(operation, hedge=hedge, budgets={"b": budget}, settle_s=5.0)

    assert told.value == "primary"
    assert (budget.given, budget.back) == (1, 1)
    assert told.of(BudgetRelease) == []


def test_r41_a_release_may_be_anything_that_is_called(both: Any) -> None:
    held = threading.Lock()

    class Locking(Booked):
        def ask(self, request: Ask) -> Decision:
            held.acquire()
            return Decision(allowed=True, release=held.release)  # of no module

    told = both([OSError, OSError, "done"], **budgeted(Locking()))

    assert (told.value, told.of(BudgetRelease), held.locked()) == ("done", [], False)


def test_r41_what_our_own_budgets_hold_is_given_back_without_a_thread() -> None:
    budget, threads = InflightRatio(min_concurrency=1), list[threading.Thread]()
    releaser = Releaser(VirtualClock(), threads.append)
    ours = budget.ask(Ask(KEY, 1, BudgetKind.RETRY, 1, 0.0)).release
    assert ours is not None

    raised = [releaser.release(ours), releaser.release(list[int]().clear)]

    assert raised == [None, None]
    assert len(threads) == 1
    assert "held=0" in repr(budget)


def test_r41_a_release_that_blocks_holds_nobody_up(both: Any) -> None:
    gate = threading.Event()

    class Blocking(Booked):
        def release(self) -> None:
            gate.wait(20)
            super().release()

    budget = Blocking()

    told = both([OSError, "done"], **budgeted(budget))
    back_at_return = budget.back
    gate.set()

    assert told.value == "done"
    assert told.of(BudgetRelease) == []
    assert back_at_return == 0


def test_r42_a_denied_hedge_is_skipped_and_the_primary_decides(async_side: Any) -> None:
    for cancel in (True, False):
        budget = Booked("no", "yes")
        hedge = HedgePolicy(
            hedge_delay_s=0.1,
            max_hedges=2,
            budget=BudgetRef("b"),
            cancel_on_first_terminal=cancel,
        )

        told = async_side([(1.0, "primary"), (3.0, "hedge")], hedge=hedge, budgets={"b": budget})

        assert told.value == "primary"
        assert [(record.hedge_index, record.ran) for record in told.timeline.attempts] == [
            (0, True),
            (1, False),
            (2, True),
        ]
        decisions = [(event.hedge_index, event.allowed) for event in told.of(BudgetDecision)]
        assert decisions == [(1, False), (2, True)]
        assert told.timeline.disposition is Disposition.SUCCESS


def test_r40_an_observer_that_stops_the_process_leaves_nothing_reserved(both: Any) -> None:
    class Stopping:
        def on_event(self, event: Any) -> None:
            if type(event).__name__ == "AttemptStart" and event.attempt:
                raise KeyboardInterrupt

    budget = Booked()
    executor = both.executor(observers=[Stopping()], **budgeted(budget))

    def called() -> None:
        operation = both.operation([OSError, "never"])
        if both.is_async:
            both.clock.run(executor.acall(KEY, operation))
        else:
            executor.call(KEY, operation)

    with pytest.raises(KeyboardInterrupt):
        called()
    assert (budget.given, budget.back) == (1, 1)


class Learning(Booked):
    """A budget that remembers what it was told of the runs."""

    def __init__(self, *answers: str) -> None:
        super().__init__(*answers)
        self.fed: list[tuple[OutcomeKind, int, float]] = []

    def feed(self, kind: OutcomeKind, attempt: int, now_s: float) -> None:
        self.fed.append((kind, attempt, round(now_s, 9)))


def test_r44_feedback_is_given_once_per_run_of_a_group_that_came_to_its_end(hedged: Any) -> None:
    hedge_fails, hedge_wins = Learning(), Learning()

    hedged([(2.0, "done"), (0.1, OSError)], **budgeted(hedge_fails))
    hedged([(2.0, OSError), (0.1, "done")], **budgeted(hedge_wins))

    assert hedge_fails.fed == [(OutcomeKind.RETRYABLE, 0, 0.6), (OutcomeKind.SUCCESS, 0, 2.0)]
    assert hedge_wins.fed == [(OutcomeKind.SUCCESS, 0, 2.6)]


def test_r44_feedback_is_given_once_per_attempt_that_ran(both: Any) -> None:
    budget = Learning("yes", "no")

    both([OSError, OSError, "never"], **budgeted(budget))
    both(["done"], **budgeted(budget))

    assert budget.fed == [
        (OutcomeKind.RETRYABLE, 0, 0.0),
        (OutcomeKind.RETRYABLE, 1, 0.05),
        (OutcomeKind.SUCCESS, 0, 0.15),
    ]


def test_r44_a_budget_that_counts_calls_is_told_when_each_begins(both: Any) -> None:
    begun: list[float] = []

    class Counted(Booked):
        def begin(self, now_s: float) -> None:
            begun.append(now_s)

    executor = both.executor(**budgeted(Counted()))

    for _ in range(3):
        both([OSError, "done"], executor=executor)

    assert begun == pytest.approx([0.0, 0.05, 0.1])


class Counting(InflightRatio):
    """Counts what it lets through, on top of the real thing."""

    def __init__(self) -> None:
        super().__init__(1.0, 10_000)
        self.given = 0

    def ask(self, request: Ask) -> Decision:
        decision = super().ask(request)
        with self._mutex.lock:
            self.given += decision.allowed
        return decision

    @property
    def outstanding(self) -> int:
        return self._firsts + self._held


class Fed:
    """A budget that only counts what it learns."""

    def __init__(self) -> None:
        self.count = 0
        self.lock = threading.Lock()

    def ask(self, request: Ask) -> Decision:
        raise AssertionError(request)

    def feed(self, kind: OutcomeKind, attempt: int, now_s: float) -> None:
        with self.lock:
            self.count += 1


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # no secret


def failing_calls(options: dict[str, Any]) -> Executor:
    retry = RetryPolicy(
        max_attempts=2, initial_backoff_s=0.001, jitter=Jitter.FULL, budget=BudgetRef("retry")
    )
    return Executor([Policy(KEY, retry=retry, hedge=options.pop("hedge", None))], **options)


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_r43_failing_calls_over_eight_threads_hang_nowhere_and_give_all_back() -> None:
    ours, foreign = Counting(), Booked()
    draw = chance(3)
    foreign.answers = [draw.choice(["yes", "no"]) for _ in range(200)]
    executor = failing_calls({"budgets": {"retry": ours}})
    another = failing_calls({"budgets": {"retry": foreign}})

    def failing() -> None:
        raise OSError

    def work(index: int) -> int:
        failed = 0
        for number in range(1000):
            chosen = another if number % 50 == 0 else executor
            try:
                chosen.call(KEY, failing)
            except OSError:
                failed += 1
        return failed

    with ThreadPoolExecutor(8) as pool:
        failed = sum(pool.map(work, range(8)))

    assert failed == 8000
    assert (ours.given, ours.outstanding) == (8 * 980, 0)
    assert foreign.given == foreign.back > 0


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_r43_failing_tasks_with_hedges_hang_nowhere_and_give_all_back(async_side: Any) -> None:
    ours, hedges = Counting(), Counting()
    hedge = HedgePolicy(hedge_delay_s=0.02, max_hedges=2, budget=BudgetRef("hedge"))
    options = {
        "budgets": {"retry": ours, "hedge": hedges},
        "clock": async_side.clock,
        "hedge": hedge,
    }
    executor = failing_calls(options)
    draw = chance(5)
    failed = 0

    async def failing() -> str:
        await asyncio.sleep(draw.choice([0.0, 0.01, 0.03, 0.05]))  # noqa: TID251  # virtual
        if draw.random() < 0.1:
            return "done"
        raise OSError

    async def calling() -> None:
        nonlocal failed
        try:
            await asyncio.wait_for(executor.acall(KEY, failing), draw.choice([0.04, None, None]))  # noqa: TID251  # cancels some
        except (OSError, TimeoutError):
            failed += 1

    async def everything() -> None:
        await asyncio.gather(*(calling() for _ in range(1000)))
        await asyncio.sleep(1.0)  # noqa: TID251  # virtual

    async_side.clock.run(everything())

    assert failed > 500
    assert ours.given > 500
    assert hedges.given > 500
    assert ours.outstanding == hedges.outstanding == 0


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_r43_hedged_threads_hang_nowhere_and_give_all_back(sync_side: Any) -> None:
    ours, hedges = Counting(), Booked()
    hedge = HedgePolicy(hedge_delay_s=0.02, max_hedges=2, budget=BudgetRef("hedge"))
    executor = failing_calls(
        {
            "budgets": {"retry": ours, "hedge": hedges},
            "clock": sync_side.clock,
            "hedge": hedge,
            "sync_timeout": "thread",
        }
    )
    draw = chance(7)
    failed = 0

    def failing() -> None:
        sync_side.clock.advance(draw.choice([0.01, 0.03, 0.05]))
        raise OSError

    for _ in range(30):
        try:
            executor.call(KEY, failing)
        except OSError:
            failed += 1
    sync_side.clock.mailbox().take(1.0)

    assert failed == 30
    assert ours.outstanding == 0
    assert hedges.given == hedges.back > 30


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_r76_threads_and_loops_that_share_budgets_and_breakers_lose_no_update() -> None:
    budget, fed = Counting(), Fed()
    circuits = Circuits()
    policy = Policy(
        KEY,
        retry=RetryPolicy(
            max_attempts=2, initial_backoff_s=0.001, max_backoff_s=0.001, budget=BudgetRef("b")
        ),
        circuit=CircuitPolicy(threshold=1000),
    )
    other = Policy("svc.Other", retry=RetryPolicy(max_attempts=1, budget=BudgetRef("fed")))
    budgets: dict[str, Any] = {"b": budget, "fed": fed}

    def executor() -> Executor:
        return Executor([policy, other], budgets=budgets, circuits=circuits)

    def failing() -> None:
        raise OSError

    async def afailing() -> None:
        raise OSError

    def work(index: int) -> None:
        mine = executor()
        for _ in range(40):
            with suppress(OSError):
                mine.call(KEY, failing)
            mine.call("svc.Other", str)
        if index % 2:
            asyncio.run(awork(mine))

    async def awork(mine: Executor) -> None:
        for _ in range(40):
            with suppress(OSError):
                await mine.acall(KEY, afailing)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert (budget.given, budget.outstanding) == (12 * 40, 0)
    assert fed.count == 8 * 40
    assert "'failures': 960" in repr(circuits[KEY])


def test_r76_executors_that_are_given_nothing_to_share_share_nothing(both: Any) -> None:
    options = {
        "retry": RetryPolicy(max_attempts=2, jitter=Jitter.NONE, budget=BudgetRef("b")),
        "circuit": CircuitPolicy(threshold=3),
    }

    def executor() -> Any:
        return both.executor(budgets={"b": TokenBucket(1, 0)}, **options)

    spent, fresh = executor(), executor()
    for _ in range(2):
        both([OSError], executor=spent)
    refused = both(["never"], executor=spent)
    spent.close()
    retried = both([OSError, "done"], executor=fresh)

    assert isinstance(refused.error, CircuitOpenError)
    assert retried.value == "done"
    assert [record.budget_reason for record in retried.timeline.attempts] == [
        "first_attempt",
        "allowed",
    ]


def test_every_denied_attempt_tells_its_end(both: Any) -> None:
    told = both([OSError, "never"], **budgeted(Booked("no")))

    ends = [(event.ran, event.budget_allowed) for event in told.of(AttemptEnd)]
    assert ends == [(True, True), (False, False)]


def test_r77_closing_waits_for_a_release_that_takes_its_time() -> None:
    gate, back = threading.Event(), list[str]()

    def slow() -> None:
        gate.wait(20)
        back.append(threading.current_thread().name)

    class Lending:
        def ask(self, request: Ask) -> Decision:
            return Decision(allowed=True, release=slow)

    retry = RetryPolicy(initial_backoff_s=0.001, jitter=Jitter.NONE, budget=BudgetRef("b"))
    executor = Executor([Policy("svc.Op", retry=retry)], budgets={"b": Lending()})
    steps = iter([OSError, None])

    def operation() -> str:
        if step := next(steps):
            raise step
        return "done"

    assert executor.call("svc.Op", operation) == "done"
    threading.Timer(0.02, gate.set).start()
    executor.close(20.0)

    assert back == ["recourse-release"]
