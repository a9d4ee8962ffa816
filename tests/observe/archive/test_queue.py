import threading
from typing import Any

import pytest

from recourse import events
from recourse.outcome import Outcome, OutcomeKind
from recourse_observe.archive.fold import Failure
from recourse_observe.archive.queue import Counts, EventQueue, is_important


@pytest.fixture(name="queue")
def sixteen() -> EventQueue:
    return EventQueue(16, lambda: None)


def balanced(counts: Counts) -> bool:
    return counts.emitted == counts.written + counts.queued + sum(counts.dropped.values())


def test_a_full_queue_drops_the_newest_and_keeps_a_reserve_for_what_matters(
    queue: EventQueue, teller: Any
) -> None:
    start, *_, end = teller.success()

    accepted = [queue.put(start) for _ in range(20)]
    reserve = [queue.put(end) for _ in range(3)]

    assert accepted == [True] * 14 + [False] * 6
    assert reserve == [True, True, False]
    counts = queue.counts()
    assert counts == Counts(
        emitted=23, written=0, queued=16, late=0, dropped={"queue_full": 7}, high_water=16
    )
    assert queue.take() == [start] * 14 + [end] * 2
    assert queue.take_cut() == {start.call, end.call}
    assert queue.take() == []
    assert queue.take_cut() == set()
    assert not queue.has_room
    queue.settle(written=16)
    assert queue.has_room


def test_failures_transitions_cancellations_and_ends_matter(teller: Any) -> None:
    told = [*teller.opened(), *teller.hedged(won=True)]
    kinds = {type(event) for event in told if is_important(event)}

    assert kinds == {events.CircuitState, events.HedgeCancel, events.CallEnd, events.AttemptEnd}
    assert is_important(Failure(told[0], "ValueError", None))
    landed = teller.success()[3]
    assert not is_important(landed)
    assert is_important(landed._replace(outcome=Outcome(OutcomeKind.ABORT)))


def test_a_dropped_failure_cuts_its_call(teller: Any) -> None:
    queue = EventQueue(8, lambda: None)
    end = teller.success()[-1]
    for _ in range(8):
        queue.put(end)

    assert not queue.put(Failure(end, "ValueError", None))
    assert queue.take_cut() == {end.call}


def test_calls_that_were_cut_are_bounded(teller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recourse_observe.archive.queue._MOST_CUT", 1)
    queue = EventQueue(8, lambda: None)

    for _ in range(20):
        queue.put(teller.start()[1][0])

    assert len(queue.take_cut()) == 1


def test_the_recorder_is_woken_when_something_waits_and_nothing_did(teller: Any) -> None:
    woken: list[int] = []
    queue: EventQueue = EventQueue(8, lambda: woken.append(queue.counts().emitted))
    event = teller.success()[0]

    for _ in range(3):
        queue.put(event)
    queue.take()
    queue.put(event)
    queue.rest()
    queue.put(event)

    assert woken == [1, 5]


def test_the_account_is_exact_under_threads(teller: Any) -> None:
    queue = EventQueue(64, lambda: None)
    told = teller.success()
    over = threading.Event()

    def produce() -> None:
        for number in range(2000):
            queue.put(told[number % 5])
            if number % 100 == 0:
                queue.refuse("after_close")

    def consume() -> None:
        while not over.is_set():
            items = queue.take()
            assert balanced(queue.counts())
            bad = len(items) // 3
            queue.settle(written=len(items) - bad)
            queue.settle(dropped=bad, reason="encode")

    threads = [threading.Thread(target=produce) for _ in range(4)]
    consumer = threading.Thread(target=consume)
    consumer.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    consumer.join()

    counts = queue.counts()
    assert balanced(counts)
    assert counts.emitted == 4 * 2020
    assert counts.dropped["after_close"] == 80
    assert counts.high_water <= 2 * 64


def test_what_was_written_late_is_counted(queue: EventQueue, teller: Any) -> None:
    queue.put(teller.success()[0])
    queue.take()
    queue.settle(written=1, late=True)

    assert queue.counts().late == queue.counts().written == 1
