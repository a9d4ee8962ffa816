"""The fitted dependency: workers, queue, quota, and what comes from outside."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from recourse_observe.whatif.dependency import Dependency, Failing, Fault, Reply, draw
from recourse_observe.whatif.server import Server

SECOND = (1.0,)


class Asked:
    """A request that remembers its answer."""

    def __init__(self, call: int, lane: int = 0) -> None:
        self.call = call
        self.lane = lane
        self.left = False
        self.answer: tuple[str, float] | None = None

    def answered(self, reply: Reply, now_s: float) -> None:
        self.answer = (reply.reason, now_s)


def served(
    spec: Dependency, moments: list[float], *, left: frozenset[int] = frozenset()
) -> list[Any]:
    """Answers to requests at these moments; those in ``left`` are given up at once."""
    events: list[tuple[float, int, Callable[..., None], Any]] = []
    asked = [Asked(number) for number in range(len(moments))]

    order = itertools.count()

    def later(at_s: float, action: Callable[..., None], what: Any) -> None:
        heapq.heappush(events, (at_s, next(order), action, what))

    server = Server(spec, 1, later)

    def submit(one: Asked, now_s: float) -> None:
        server.submit(now_s, one)
        one.left = one.call in left
        if one.left:
            server.leave(now_s, one)

    for one, at_s in zip(asked, moments, strict=True):
        later(at_s, submit, one)
    while events:
        now_s, _, action, what = heapq.heappop(events)
        action(what, now_s)
    return [one.answer for one in asked]


def test_workers_serve_first_come_first_served() -> None:
    spec = Dependency(service_s=SECOND, workers=2)

    assert served(spec, [0.0, 0.1, 0.2, 0.3]) == [("", 1.0), ("", 1.1), ("", 2.0), ("", 2.1)]


def test_without_a_limit_everything_is_served_at_once() -> None:
    assert served(Dependency(service_s=SECOND), [0.0, 0.0, 0.0]) == [("", 1.0)] * 3


def test_a_full_queue_turns_away() -> None:
    spec = Dependency(service_s=SECOND, workers=1, queue=1)

    answers = served(spec, [0.0, 0.1, 0.2])

    assert answers == [("", 1.0), ("", 2.0), ("shed", 0.202)]


def test_work_that_nobody_waits_for_is_done_or_dropped() -> None:
    moments, left = [0.0, 0.1, 0.2], frozenset({1})

    done = served(Dependency(service_s=SECOND, workers=1), moments, left=left)
    dropped = served(Dependency(service_s=SECOND, workers=1, abandons=True), moments, left=left)

    assert [done[2], dropped[2]] == [("", 3.0), ("", 2.0)]
    assert dropped[1] is None


def test_shared_workers_slow_each_other_down_when_more_comes_than_they_are() -> None:
    spec = Dependency(service_s=SECOND, workers=2, shares=True)

    assert served(spec, [0.0, 0.0]) == [("", 1.0)] * 2
    assert served(spec, [0.0] * 4) == [("", 2.0)] * 4
    # The first has done a half when the second comes, and both go on at half the pace.
    one = Dependency(service_s=SECOND, workers=1, shares=True)
    assert served(one, [0.0, 0.5]) == [("", 1.5), ("", 2.0)]


def test_shared_workers_take_so_many_and_no_more() -> None:
    spec = Dependency(service_s=SECOND, workers=1, queue=1, shares=True)

    assert served(spec, [0.0, 0.0, 0.0]) == [("", 2.0), ("", 2.0), ("shed", 0.002)]


def test_what_is_given_up_slows_the_others_or_is_dropped_at_once() -> None:
    moments, left = [0.0, 0.0], frozenset({0})
    spec = Dependency(service_s=SECOND, workers=1, shares=True)

    done = served(spec, moments, left=left)
    dropped = served(replace(spec, abandons=True), moments, left=left)

    assert done == [("", 2.0), ("", 2.0)]
    assert dropped == [None, ("", 1.0)]


def test_shared_workers_are_slow_or_lost_for_their_time_only() -> None:
    slow = Fault(start_s=0.5, end_s=1.5, slowdown=2.0)
    lost = Fault(start_s=0.0, end_s=1.0, working=0.5)
    spec = Dependency(service_s=SECOND, workers=2, shares=True)

    # Half is done before, half of the rest meanwhile.
    assert served(replace(spec, faults=(slow,)), [0.0]) == [("", 1.5)]
    assert served(replace(spec, faults=(lost,)), [0.0, 0.0]) == [("", 1.5)] * 2


def test_shared_workers_without_a_limit_are_as_many_as_are_asked() -> None:
    assert served(Dependency(service_s=SECOND, shares=True), [0.0] * 3) == [("", 1.0)] * 3


def test_a_quota_holds_while_it_is_in_force() -> None:
    spec = Dependency(service_s=SECOND, quota_per_s=1.0, quota_from_s=10.0, quota_to_s=20.0)

    answers = served(spec, [0.0, 0.0, 10.0, 10.1, 10.2, 20.0])

    assert [reason for reason, _ in answers] == ["", "", "", "http_429", "http_429", ""]


def test_a_quota_lets_through_at_once_what_it_has_kept() -> None:
    keeps = Dependency(service_s=SECOND, quota_per_s=4.0)

    def accepted(spec: Dependency) -> int:
        return sum(not reason for reason, _ in served(spec, [10.0] * 6))

    assert accepted(keeps) == 4
    assert accepted(replace(keeps, quota_spare_s=0.5)) == 2


def test_a_slowdown_and_errors_come_at_their_time_only() -> None:
    fault = Fault(
        start_s=10.0, end_s=20.0, slowdown=3.0, errors=(Failing(0.5, Reply("http_503"), 0.01),)
    )
    spec = Dependency(service_s=SECOND, faults=(fault,))

    before, *during, after = served(spec, [0.0, *[15.0] * 400, 20.0])

    assert (before, after) == (("", 1.0), ("", 21.0))
    failed = [at_s for reason, at_s in during if reason]
    assert set(failed) == {15.01}
    assert 150 < len(failed) < 250
    assert {at_s for reason, at_s in during if not reason} == {18.0}


def test_instances_have_workers_and_a_queue_each() -> None:
    spec = Dependency(service_s=SECOND, workers=1, queue=1, instances=2)

    answers = served(spec, [0.0] * 8)

    assert answers.count(("", 1.0)) == 2
    assert answers.count(("", 2.0)) == 2
    assert sum(reason == "shed" for reason, _ in answers) == 4


def test_workers_that_were_lost_take_what_waits_when_they_are_back() -> None:
    lost = Fault(start_s=0.0, end_s=0.5, working=0.5)
    forever = Fault(start_s=5.0, end_s=float("inf"), working=0.5)
    spec = Dependency(service_s=SECOND, workers=2, faults=(lost, forever))

    assert served(spec, [0.0, 0.1]) == [("", 1.0), ("", 1.5)]
    assert served(spec, [6.0, 6.0]) == [("", 7.0), ("", 8.0)]


def test_poison_fails_the_same_calls_at_every_attempt() -> None:
    poison = Failing(0.3, Reply("http_500"))
    fault = Fault(start_s=0.0, end_s=10.0, poison=poison)
    server = Server(Dependency(service_s=SECOND, faults=(fault,)), 1, lambda *_: None)

    hit = [
        [server.refusal(1.0, Asked(call, lane)) is poison for lane in range(4)]
        for call in range(200)
    ]

    assert all(len(set(lanes)) == 1 for lanes in hit)
    assert 40 < sum(lanes[0] for lanes in hit) < 80


def test_draws_depend_on_their_arguments_only_and_are_even() -> None:
    drawn = [draw(1, call, 0, 3) for call in range(2_000)]

    assert drawn == [draw(1, call, 0, 3) for call in range(2_000)]
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.02
    assert draw(2, 1, 0, 3) != draw(1, 1, 0, 3)
