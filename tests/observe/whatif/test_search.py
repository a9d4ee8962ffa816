"""The search for what a client cannot see, with a runner that knows the answer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from recourse import Policy
from recourse_observe.whatif.fit import fit
from recourse_observe.whatif.process import Rules
from recourse_observe.whatif.record import Record, Tried, recorded_measures
from recourse_observe.whatif.runs import LOAD_BINS, Outcome, Runner, Task
from recourse_observe.whatif.search import Bench
from recourse_observe.whatif.seen import look
from recourse_observe.whatif.series import Series, recorded_series

Maker = Callable[..., Tried]
Recorder = Callable[..., Record]
RULES = Rules(key="k", policies=(Policy("k").normalize(),))
CUT = {"duration_s": 1.0, "outcome": "retryable", "reason": "attempt_timeout"}
OVER = {"outcome": "retryable", "reason": "http_429", "retry_after_s": 1.0}


def knowing(record: Record, part: Callable[[Task], float]) -> Runner:
    """Runs that come to the record, but for the part of what was cut off that is cut off in them."""
    series, measured = recorded_series(record), recorded_measures(record)

    def outcome(task: Task) -> Outcome:
        made: Series = replace(series, cut_off=tuple(round(part(task) * n) for n in series.cut_off))
        return Outcome(series=made, measured=measured, load=(0.0,) * LOAD_BINS)

    def run(tasks: Sequence[Task]) -> list[Outcome]:
        return list(map(outcome, tasks))

    return run


def test_without_a_full_queue_trouble_is_levelled_until_as_many_attempts_are_cut_off(
    tried: Maker, recorded: Recorder
) -> None:
    record = recorded(
        [tried(i, i / 10, **(CUT if 200 <= i < 400 and i % 2 else {})) for i in range(600)]
    )

    def part(task: Task) -> float:
        worst = max((f.slowdown / f.working for f in task.dependency.faults), default=1.0)
        return math.log(worst) / math.log(12.0)

    run = knowing(record, part)
    series, seen = recorded_series(record), look(record)
    bench = Bench(record=record, seen=seen, series=series, rules=RULES, run=run, thin=1)

    found = bench.search()

    # About as many were cut off as something that is twelve times as slow would cut off.
    best = found[0].guess
    assert seen.full is None
    assert 6.0 < best.slowdown / best.working < 18.0
    assert found == sorted(found, key=lambda one: one.distance)


def test_a_quota_is_searched_around_what_was_read_off(tried: Maker, recorded: Recorder) -> None:
    record = recorded(
        [tried(i, i / 10, **(OVER if 200 <= i < 400 and i % 2 else {})) for i in range(600)]
    )

    fitted = fit(record, RULES, knowing(record, lambda _: 1.0))

    quotas = {one.dependency.quota_per_s for one in fitted.fittings}
    assert len(quotas) == 5
    assert min(q for q in quotas if q) < 5.0 < max(q for q in quotas if q)
    # Whether it keeps what was not asked for, nobody has seen.
    assert {one.dependency.quota_spare_s for one in fitted.fittings} == {1.0, 0.2}
    assert any("a quota of" in one for one in fitted.mechanisms)
