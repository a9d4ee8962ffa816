"""What a client cannot see: guesses, the dependencies they stand for, and where a search begins."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from recourse_observe.whatif.dependency import Dependency, Failing, Fault, Reply
from recourse_observe.whatif.full_queue import Full
from recourse_observe.whatif.guess import Guess, dependency_of, told
from recourse_observe.whatif.kinds import Fitting, Kind, chosen, kind_of, leaders, unlike
from recourse_observe.whatif.queue_guesses import filled
from recourse_observe.whatif.record import Record, Tried, recorded_measures
from recourse_observe.whatif.runs import LOAD_BINS, Outcome
from recourse_observe.whatif.seen import Seen, look
from recourse_observe.whatif.series import recorded_series
from recourse_observe.whatif.starts import drawn, near, plain_slowdown, turned

Maker = Callable[..., Tried]
Recorder = Callable[..., Record]
EDGES = (20.0, 40.0)


@pytest.fixture
def record(tried: Maker, recorded: Recorder) -> Record:
    """Ten attempts a second of 20 ms; half of those in trouble are cut off after a second."""
    cut = {"duration_s": 1.0, "outcome": "retryable", "reason": "attempt_timeout"}
    attempts = [tried(i, i / 10, **(cut if 200 <= i < 400 and i % 2 else {})) for i in range(600)]
    return recorded(attempts)


@pytest.fixture
def seen(record: Record) -> Seen:
    return look(record)


def full(**given: Any) -> Full:
    plain: dict[str, Any] = {
        "rate": 20.0,
        "came": 100,
        "filling_s": 4.0,
        "last_s": 36.0,
        "held_per_s": 0.0,
    }
    return Full(**{**plain, **given})


def with_full(seen: Seen, one: Full) -> Seen:
    return Seen(**{**{n: getattr(seen, n) for n in Seen.__dataclass_fields__}, "full": one})


def test_a_guess_is_a_dependency_of_whole_workers(record: Record, seen: Seen) -> None:
    guess = Guess(capacity_per_s=300.0, queue_s=2.0, instances=3, abandons=True)

    made = dependency_of(record, seen, guess)

    assert (made.instances, made.workers, made.queue, made.abandons) == (3, 2, 200, True)
    assert dependency_of(record, seen, Guess()).workers == 0
    assert dependency_of(record, seen, Guess()).queue is None


def test_there_are_no_more_instances_than_workers(record: Record, seen: Seen) -> None:
    made = dependency_of(record, seen, Guess(capacity_per_s=60.0, instances=4))

    assert (made.instances, made.workers) == (1, 1)


def test_trouble_is_laid_over_what_fails_from_outside(record: Record, seen: Seen) -> None:
    errors = (Failing(0.5, Reply("http_500")),)
    failing = Fault(start_s=25.0, end_s=45.0, errors=errors)
    base = Dependency(service_s=seen.base.service_s, faults=(failing,))
    parts = {n: getattr(seen, n) for n in Seen.__dataclass_fields__}
    guess = Guess(slowdown=3.0, from_s=20.0, to_s=40.0)

    made = dependency_of(record, Seen(**{**parts, "base": base}), guess)

    assert [(f.start_s, f.end_s, f.slowdown, f.errors) for f in made.faults] == [
        (20.0, 25.0, 3.0, ()),
        (25.0, 40.0, 3.0, errors),
        (40.0, 45.0, 1.0, errors),
    ]


def test_a_guess_is_told_in_sentences() -> None:
    guess = Guess(40.0, 1.5, 1.0, 22.0, 32.0, instances=2, working=0.5, abandons=True)

    assert told(20.0, guess) == [
        "it has about 50% of its workers for 10 s, from +2 s of the onset",
        "it can take about 40 requests per second, divided among 2 instances",
        "its queue holds about 1.5 s of work",
        "it drops what nobody waits for any more",
    ]
    assert told(20.0, Guess(slowdown=2.5, from_s=20.0, to_s=30.0)) == [
        "it is about 2.5 times as slow for 10 s, from +0 s of the onset"
    ]
    assert told(20.0, Guess(capacity_per_s=9.0)) == ["it can take about 9 requests per second"]


def test_a_guess_blames_the_outside_for_all_of_it_or_for_a_part() -> None:
    whole = Guess(slowdown=2.0, from_s=20.0, to_s=40.0)

    assert kind_of(whole, EDGES) == Kind("slow", short=False, divided=False, shared=False, steep=1)
    assert kind_of(whole._replace(to_s=25.0), EDGES).short
    assert kind_of(whole._replace(slowdown=1.0, working=0.5), EDGES).trouble == "lost"
    assert kind_of(Guess(instances=3), EDGES) == Kind(
        "none", short=True, divided=True, shared=False, steep=0
    )


RECORD = Record(key="k", start_us=0, length_s=1.0, onset_s=0.0, end_s=0.0, calls=(), attempts=())
OUTCOME = Outcome(
    series=recorded_series(RECORD), measured=recorded_measures(RECORD), load=(0.0,) * LOAD_BINS
)


def fitting(distance: float, **given: Any) -> Fitting:
    guess = Guess(
        **{"capacity_per_s": 10.0, "slowdown": 2.0, "from_s": 20.0, "to_s": 40.0, **given}
    )
    return Fitting(Dependency(service_s=(1.0,)), distance, guess, OUTCOME)


def test_what_explains_the_record_as_well_is_kept_and_of_another_kind_what_is_a_little_worse() -> (
    None
):
    best, twin = fitting(0.1), fitting(0.11, slowdown=2.1)
    close, far = fitting(0.13, capacity_per_s=12.0), fitting(0.3, capacity_per_s=14.0)
    short, hopeless = fitting(0.19, to_s=25.0), fitting(0.4, instances=3)
    found = [best, twin, close, short, far, hopeless]

    assert unlike(found) == [best, close, short, far, hopeless]
    assert leaders(found, EDGES) == [best, short, hopeless]
    assert chosen(found, EDGES, 7) == [best, close, short]
    assert chosen([best, far], EDGES, 7) == [best, far]


def test_without_attempts_that_worked_there_is_nothing_to_explain_by_slowness(
    tried: Maker, recorded: Recorder, record: Record, seen: Seen
) -> None:
    refused = {"outcome": "retryable", "reason": "refused"}
    all_refused = recorded([tried(i, i / 10, **refused) for i in range(600)])

    assert plain_slowdown(all_refused, seen) == 1.0
    assert plain_slowdown(record, seen) == pytest.approx(50.0)


def test_the_loser_of_a_race_has_not_suffered(tried: Maker, recorded: Recorder) -> None:
    lost = {"outcome": "cancelled", "reason": "hedge_lost", "hedge_index": 1}
    cut = {"outcome": "retryable", "reason": "attempt_timeout"}

    hedged = recorded([tried(i, i / 10, **(lost if i % 4 == 0 else {})) for i in range(600)])
    ill = recorded([tried(i, i / 10, **(cut if i % 4 == 0 else {})) for i in range(600)])

    assert not look(hedged).suffered
    assert look(ill).suffered


def test_a_full_queue_suggests_slowness_a_short_trigger_and_lost_workers(seen: Seen) -> None:
    plain = filled(with_full(seen, full()))
    held = filled(with_full(seen, full(held_per_s=30.0)))
    stepped = filled(with_full(seen, full(slow_rate=5.0, slow_to_s=30.0)))

    assert len(held) == len(plain) + 6
    seen_short = next(one for one in stepped if one.to_s == 30.0)
    assert (seen_short.capacity_per_s, seen_short.slowdown) == (20.0, 4.0)
    # 100 requests came in 4 s, of which 5 a second were worked off: 80 waited, 4 s of work.
    assert seen_short.queue_s == pytest.approx(4.0)
    assert any(one.working < 1.0 for one in plain)


def test_a_bound_that_was_seen_suggests_shared_workers_that_drop_what_is_given_up(
    seen: Seen,
) -> None:
    plain = filled(with_full(seen, full()))
    bound = filled(with_full(seen, full(held=40)))

    assert not any(one.abandons for one in plain)
    shared = [one for one in bound if one.shares]
    assert shared == [one for one in bound if one.abandons]
    # Those that are worked on and those that wait are the forty that were seen.
    for one in shared:
        wait = one.queue_s * one.capacity_per_s
        assert wait + one.capacity_per_s * seen.mean_s == pytest.approx(40.0)


def test_a_guess_is_turned_into_one_that_works_in_another_way() -> None:
    guess = Guess(capacity_per_s=20.0, slowdown=2.0, from_s=20.0, to_s=40.0)

    turns = turned(guess)

    assert {(one.shares, one.abandons) for one in turns} == {
        (True, False),
        (True, True),
        (False, True),
    }
    assert turns[-1].working == 0.5
    assert "all requests are worked on at once, and slow each other down" in told(20.0, turns[0])


def test_draws_and_steps_stay_within_what_the_record_allows(record: Record, seen: Seen) -> None:
    rng = random.Random(1)  # noqa: S311  # a test
    for one in (seen, with_full(seen, full())):
        for _ in range(200):
            guess = drawn(record, one, rng)
            step = near(record, guess, rng, 0.3)
            for made in (guess, step):
                assert made.slowdown >= 1.0
                assert 0.0 < made.working <= 1.0
                assert made.capacity_per_s > 0.0
            assert step != guess or math.isinf(guess.queue_s) or step.to_s == guess.to_s
    assert seen.least_per_s >= 10.0
