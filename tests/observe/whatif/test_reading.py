"""What is read off a record: service times, failing answers, budgets, measures, counts over time."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from recourse.budget import RetryRatio, TokenBucket
from recourse.budget.protocol import Ask
from recourse.reasons import BudgetKind
from recourse_observe.whatif.budgets import budgets_from, inferred_budget
from recourse_observe.whatif.errors import blame, outside_faults, quota
from recourse_observe.whatif.process import Arrival
from recourse_observe.whatif.record import (
    Asked,
    Record,
    Tried,
    per_second,
    quantile,
    recorded_measures,
)
from recourse_observe.whatif.replay import replayed_failures
from recourse_observe.whatif.seen import look
from recourse_observe.whatif.series import distance, recorded_series, trace_series
from recourse_observe.whatif.service import service_quantiles
from recourse_observe.whatif.trace import Ending, Trace

Recorder = Callable[..., Record]
Maker = Callable[..., Tried]
ERROR = {"outcome": "retryable", "reason": "http_503", "duration_s": 0.002}


# ---------------------------------------------------------------- service times


def test_service_times_are_the_quantiles_of_what_was_seen() -> None:
    assert service_quantiles([(float(i), False) for i in range(400)]) == tuple(
        float(i) for i in range(400)
    )


def test_a_tail_that_was_cut_off_goes_on_as_log_normal() -> None:
    rng = random.Random(1)  # noqa: S311  # a search, no secret
    true = sorted(rng.lognormvariate(-1.0, 0.5) for _ in range(4_000))
    limit_s = true[2_800]

    found = service_quantiles([(min(one, limit_s), one > limit_s) for one in true])

    assert found[200] == pytest.approx(true[2_000], rel=0.05)
    assert found[380] == pytest.approx(true[3_800], rel=0.1)
    assert found == tuple(sorted(found))


@pytest.mark.parametrize(
    ("samples", "least"), [([], 0.01), ([(0.5, True)], 0.5), ([(0.1, False), (0.2, True)], 0.1)]
)
def test_few_samples_give_something_to_work_with(
    samples: list[tuple[float, bool]], least: float
) -> None:
    assert service_quantiles(samples)[0] == pytest.approx(least)


# ---------------------------------------------------------------- failing answers


def test_answers_beside_slow_ones_are_those_of_a_full_queue(
    tried: Maker, recorded: Recorder
) -> None:
    slow = [tried(i, 20.0 + i * 0.1, duration_s=0.5) for i in range(200)]
    full = [tried(200 + i, 20.05 + i * 0.1, **ERROR) for i in range(200)]
    plain = [
        tried(400 + i, 50.0 + i * 0.05, **ERROR, attempt=0)._replace(reason="reset")
        for i in range(50)
    ]
    well = [tried(450 + i, 50.0 + i * 0.05) for i in range(50)]
    record = recorded(sorted([*slow, *full, *plain, *well], key=lambda one: one.at_s))

    found = blame(record, 0.02)

    assert [*found.shed, *found.outside, *found.quota] == ["http_503", "reset"]
    assert found.replies["http_503"].takes_s == pytest.approx(0.002)
    seen = look(record).full
    assert seen is not None
    assert seen.rate == pytest.approx(10.0)
    assert seen.waiting(10.0) == 2.0
    assert seen.held == 5


def test_a_quota_is_the_rate_that_it_lets_pass(tried: Maker, recorded: Recorder) -> None:
    over = {"outcome": "retryable", "reason": "http_429", "retry_after_s": 1.5}
    attempts = [
        tried(i, i * 0.1, **(over if 20 <= i * 0.1 < 40 and i % 2 else {})) for i in range(600)
    ]
    record = recorded(attempts)

    found = blame(record, 0.02)
    rate, from_s, to_s = quota(record, found.quota) or (0.0, 0.0, 0.0)

    assert found.quota == {"http_429"}
    assert found.replies["http_429"].reply.retry_after_s == 1.5
    assert rate == pytest.approx(5.0)
    assert (from_s, to_s) == (20.0, 40.0)
    assert quota(record, []) is None
    seen = look(record)
    assert seen.base.quota_per_s == pytest.approx(5.0)
    assert not seen.suffered


def test_a_quota_that_nothing_contradicts_holds_all_the_time(
    tried: Maker, recorded: Recorder
) -> None:
    over = {"outcome": "retryable", "reason": "http_429"}
    attempts = [tried(i, i * 0.1, **(over if i % 30 == 7 else {})) for i in range(600)]

    assert (quota(recorded(attempts), ["http_429"]) or ())[1:] == (0.0, math.inf)


def test_what_fails_from_outside_has_a_rate_of_its_own_in_every_stretch(
    tried: Maker, recorded: Recorder
) -> None:
    bad = {i for i in range(400, 800) if (i % 4 > 0 if i < 600 else i % 4 == 0)}
    record = recorded([tried(i, i * 0.05, **(ERROR if i in bad else {})) for i in range(1_200)])

    faults = outside_faults(record, blame(record, 0.02))

    assert [(fault.start_s, fault.end_s) for fault in faults] == [(20.0, 30.0), (30.0, 40.0)]
    assert [round(fault.errors[0].share, 2) for fault in faults] == [0.75, 0.25]


def test_calls_that_fail_again_and_again_beside_others_are_poisoned(
    tried: Maker, recorded: Recorder
) -> None:
    attempts: list[Tried] = []
    for call in range(400):
        at_s = call * 0.15
        for attempt in range(3 if call % 5 == 0 else 1):
            end = ERROR if call % 5 == 0 else {}
            attempts.append(tried(call, at_s + attempt * 0.01, attempt=attempt, **end))
    record = recorded(attempts)

    faults = outside_faults(record, blame(record, 0.02))

    assert all(fault.poison is not None and not fault.errors for fault in faults)
    shares = [fault.poison.share for fault in faults if fault.poison is not None]
    assert sum(shares) / len(shares) == pytest.approx(0.2, abs=0.05)


# ---------------------------------------------------------------- budgets


def asked_of(budget: Any, moments: list[float], calls: list[float] | None = None) -> list[Asked]:
    coming = list(calls or [])
    made = []
    for at_s in moments:
        while coming and coming[0] <= at_s:
            budget.begin(coming.pop(0))
        said = budget.ask(Ask("k", 1, BudgetKind.RETRY, 1, at_s))
        made.append(Asked("p", "b", at_s, "c", 1, 1, said.allowed, said.balance_after))
    return made


def test_a_bucket_is_known_by_its_steady_refill(tried: Maker, recorded: Recorder) -> None:
    decisions = asked_of(TokenBucket(20, 1.5), [i * 0.3 for i in range(150)])

    found = inferred_budget(recorded([tried(0, 0.0)], asked=tuple(decisions)), "b")

    assert found is not None
    assert found["kind"] == "token_bucket"
    assert (found["capacity"], found["refill_per_s"]) == (
        pytest.approx(20),
        pytest.approx(1.5, rel=0.02),
    )
    assert budgets_from({"b": found})["b"] is not None


def test_a_share_of_calls_is_known_by_its_line(tried: Maker, recorded: Recorder) -> None:
    rng = random.Random(3)  # noqa: S311  # a search, no secret
    calls = sorted(rng.uniform(0.0, 30.0) for _ in range(300)) + sorted(
        rng.uniform(30.0, 60.0) for _ in range(900)
    )
    decisions = asked_of(RetryRatio(0.2, 1.0), [i * 0.37 for i in range(160)], calls)
    record = recorded([tried(i, at_s) for i, at_s in enumerate(calls)], asked=tuple(decisions))

    found = inferred_budget(record, "b")

    assert found is not None
    assert found["kind"] == "retry_ratio"
    assert found["ratio"] == pytest.approx(0.2, abs=0.03)
    assert found["min_retries_per_s"] == pytest.approx(1.0, abs=0.4)


def test_a_budget_that_denied_nothing_is_unlimited_and_one_without_levels_unknown(
    tried: Maker, recorded: Recorder
) -> None:
    def of(*decisions: Asked) -> Any:
        return inferred_budget(recorded([tried(0, 0.0)], asked=decisions), "b")

    level = Asked("p", "b", 1.0, "c", 1, 1, True, None)  # noqa: FBT003  # allowed

    assert of() == of(level) == {"kind": "unlimited"}
    assert of(level._replace(allowed=False)) is None


def test_levels_that_follow_no_rule_are_unknown(tried: Maker, recorded: Recorder) -> None:
    rng = random.Random(1)  # noqa: S311  # a search, no secret
    wild = [
        Asked("p", "b", i * 0.3, "c", 1, 1, i % 3 > 0, rng.uniform(0.0, 90.0)) for i in range(100)
    ]
    together = [Asked("p", "b", 1.0, "c", 1, 1, False, 0.0)] * 30  # noqa: FBT003  # allowed
    calls = [tried(i, i * 0.1) for i in range(300)]

    assert inferred_budget(recorded(calls, asked=tuple(wild)), "b") is None
    assert inferred_budget(recorded(calls, asked=tuple(together)), "b") is None


# ---------------------------------------------------------------- measures and counts


def test_measures_count_calls_from_the_onset_on(tried: Maker, recorded: Recorder) -> None:
    attempts = [tried(i, i * 0.1, **(ERROR if 200 <= i < 320 else {})) for i in range(600)]

    found = recorded_measures(recorded(attempts))

    assert (found.calls, found.failed, found.attempts, found.per_call) == (400, 120, 400, 1.0)
    assert (found.lost_p50_s, found.latency_p99_s) == (0.002, 0.02)
    assert found.recovery_s == 15.0
    assert found.peak_per_s == pytest.approx(10.0, abs=0.2)


def test_nothing_measures_as_nothing(recorded: Recorder) -> None:
    found = recorded_measures(recorded([]))

    assert (found.calls, found.per_call, found.recovery_s, found.peak_per_s) == (0, 0.0, 0.0, 0.0)
    assert quantile([], 0.5) == 0.0
    assert per_second([-1.0, 0.5, 99.0], 2.0, 1.0) == [1.0, 0.0]


def test_a_run_like_the_record_is_near_it_and_another_is_far(
    tried: Maker, recorded: Recorder
) -> None:
    attempts = [tried(i, i * 0.1, **(ERROR if 200 <= i < 300 else {})) for i in range(600)]
    record = recorded(attempts)
    arrivals = [Arrival(one.at_s) for one in attempts]

    def ran(*, fails: bool) -> Trace:
        trace = Trace(len(attempts))
        for place, one in enumerate(attempts):
            bad = one.outcome != "success" and fails
            trace.began(one.at_s)
            ending = Ending.ERROR if bad else Ending.SUCCESS
            trace.finished(place, one.at_s + one.duration_s, ending)
            trace.ended_s[place] = one.at_s + one.duration_s
            trace.failed[place] = bad
        return trace

    series = recorded_series(record)
    same = distance(series, trace_series(record, arrivals, ran(fails=True)))
    other = distance(series, trace_series(record, arrivals, ran(fails=False)))

    assert same == pytest.approx(0.0, abs=1e-9)
    assert other > 0.3
    empty = recorded_series(recorded([]))
    assert distance(empty, empty) == 0.0


def test_a_call_that_has_not_ended_counts_as_failed(recorded: Recorder) -> None:
    trace = Trace(1)
    trace.began(1.0)

    found = trace_series(recorded([]), [Arrival(1.0)], trace)

    assert (sum(found.failed), sum(found.attempts), sum(found.succeeded)) == (1, 1, 0)


def test_static_replay_takes_what_was_recorded_and_guesses_the_rest(
    tried: Maker, recorded: Recorder
) -> None:
    from recourse import Policy, RetryPolicy

    attempts: list[Tried] = []
    for call in range(100):
        at_s = 20.0 + call * 0.1
        bad = call % 2 == 0
        attempts.append(tried(call, at_s, **(ERROR if bad else {})))
        if bad:
            attempts.append(tried(call, at_s + 0.01, attempt=1, **(ERROR if call % 4 else {})))
    record = recorded(attempts)
    calls = [
        record.calls[0]._replace(
            call_id=str(c),
            at_s=20.0 + c * 0.1,
            lost=c % 4 == 2,
            disposition="exhausted" if c % 4 == 2 else "success",
        )
        for c in range(100)
    ]
    calls.append(calls[-1]._replace(lost=False))
    record = recorded(attempts, calls)

    def failing(most: int) -> float:
        return replayed_failures(
            record, Policy("a.B", retry=RetryPolicy(max_attempts=most)).normalize()
        )

    assert (failing(2), failing(1)) == (25.0, 50.0)
    assert failing(3) == pytest.approx(25 * 0.5, abs=0.5)
