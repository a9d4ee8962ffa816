import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recourse.outcome import Outcome, OutcomeKind
from recourse.reasons import Disposition
from recourse_observe.archive import ArchiveObserver
from recourse_observe.archive.columns import ABSENT
from recourse_observe.archive.queue import EventQueue
from recourse_observe.archive.usual import Followed, Stood, Usual, weight

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def followed(teller: Any) -> Followed:
    """One that knows the policy."""
    followed = Followed()
    for event in teller.success():
        if followed.follow(event) is event:
            followed.release(event.call)
    return followed


def test_a_usual_call_is_one_item_when_it_is_over(followed: Followed, teller: Any) -> None:
    told = teller.success()

    items = [followed.follow(event) for event in told]

    start, end, over = told[2:]
    assert items == [None] * 4 + [items[-1]]
    assert items[-1] == Usual(
        call=over.call,
        over_s=over.at_s,
        deadline_s=over.deadline_s,
        started_s=start.at_s,
        ended_s=end.ended_s,
        waited_s=0.0,
        timeout_s=1.0,
    )
    assert weight(items[-1], None, start) == 7
    assert followed.steps == {}


def test_events_of_calls_in_flight_are_counted(followed: Followed, teller: Any) -> None:
    counted = []
    for event in teller.success():
        followed.follow(event)
        counted.append(followed.waiting())

    assert counted == [1, 2, 3, 4, 0]


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_what_was_told_of_a_call_can_be_had_back_with_its_number(
    followed: Followed, teller: Any, at: int
) -> None:
    told = teller.success()
    for event in told[: at + 1]:
        assert followed.follow(event) is None

    items = followed.release(told[0].call)

    assert items == [Stood(told[0].call)] * at + [told[at]]
    assert followed.release(told[0].call) == []
    if at < 3:
        assert followed.follow(told[at + 1]) is told[at + 1]


ODD: dict[str, Callable[[list[Any]], tuple[int, Any]]] = {
    "a policy that failed": lambda told: (1, told[1]._replace(failure="invalid")),
    "a policy with an error": lambda told: (1, told[1]._replace(error=ValueError())),
    "another source": lambda told: (1, told[1]._replace(source="remote")),
    "a second attempt": lambda told: (3, told[3]._replace(attempt=1)),
    "a hedge": lambda told: (3, told[3]._replace(hedge_index=1)),
    "late": lambda told: (3, told[3]._replace(late=True)),
    "noted": lambda told: (3, told[3]._replace(annotations={"peer": "a"})),
    "a failed attempt": lambda told: (3, told[3]._replace(outcome=Outcome(OutcomeKind.ABORT))),
    "an attempt with an error": lambda told: (3, told[3]._replace(error=ValueError())),
    "another end": lambda told: (4, told[4]._replace(disposition=Disposition.EXHAUSTED)),
    "another outcome": lambda told: (4, told[4]._replace(outcome=Outcome(OutcomeKind.ABORT))),
    "more attempts": lambda told: (4, told[4]._replace(attempts_run=2)),
    "an end with an error": lambda told: (4, told[4]._replace(error=ValueError())),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_anything_else_is_not_usual(
    followed: Followed, teller: Any, odd: Callable[[list[Any]], tuple[int, Any]]
) -> None:
    told = teller.success()
    place, event = odd(told)
    for earlier in told[:place]:
        assert followed.follow(earlier) is None

    assert followed.follow(event) is event
    assert len(followed.release(event.call)) == place


def test_steps_out_of_order_are_not_usual(followed: Followed, teller: Any) -> None:
    start, resolved, begun, ended, over = teller.success()

    assert [followed.follow(e) for e in (resolved, begun, ended, over)] == [
        resolved, begun, ended, over,
    ]  # fmt: skip
    followed.follow(start)
    assert followed.follow(ended) is ended
    assert followed.follow(over) is over


def test_calls_and_keys_that_are_followed_are_bounded(
    teller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.archive.usual._MOST_CALLS", 1)
    monkeypatch.setattr("recourse_observe.archive.usual._MOST_KEYS", 1)
    followed = Followed()
    first, second = teller.start("a.A")[1], teller.start("b.B")[1]

    assert followed.follow(first[0]) is None
    assert followed.follow(second[0]) is second[0]
    assert followed.follow(first[1]) is first[1]  # unknown so far
    followed.release(first[0].call)
    answers = []
    for told in (first, second, first):
        followed.follow(told[0])
        answers.append(followed.follow(told[1]))
        followed.release(told[0].call)
    assert answers == [None, second[1], first[1]]  # each key drives the other out


def test_the_times_of_an_attempt_are_its_own(teller: Any) -> None:
    call, _ = teller.start()
    at_s = call.started_s
    usual = Usual(call, at_s + 0.5, at_s + 3.0, at_s + 0.1, at_s + 0.4, 0.05, None)
    first_us = call.started_unix_ns // 1000

    of_call, of_attempt = usual.longs()

    assert of_call == (first_us, first_us + 500_000, 500_000, 3_000_000, 1)
    times = first_us + 100_000, first_us + 400_000, 300_000
    assert of_attempt == (*times, 0, 50_000, ABSENT, ABSENT, 1)


def test_the_queue_counts_every_event_that_an_item_stands_for(teller: Any) -> None:
    queue = EventQueue(8, lambda: None)
    usual = Usual(teller.start()[0], 0.0, None, 0.0, 0.0, 0.0, None)
    queue.calls.follow(teller.start()[1][0])

    for _ in range(10):
        queue.put(usual)
    queue.refuse("after_close", usual)

    counts = queue.counts()
    assert (counts.emitted, counts.queued) == (56, 41)
    assert counts.dropped == {"queue_full": 10, "after_close": 5}
    assert not queue.is_settled
    assert len(queue.take()) == 8
    queue.settle(written=40)
    assert queue.is_settled
    queue.unfollow()
    assert len(queue.take()) == 1
    assert queue.counts().queued == 1


def of_all_kinds(teller: Any) -> Iterator[list[Any]]:
    """Whole calls, most of them usual, each told without a break."""
    rng = random.Random(3)  # noqa: S311  # no secret
    odd = [teller.retried, teller.denied_retry, teller.rejected, teller.opened, teller.in_flight]
    for number in range(60):
        yield rng.choice(odd)() if number % 4 == 3 else teller.success()


TABLES = tuple(
    f"FROM {table} ORDER BY ALL"
    for table in ("calls", "attempts", "budget_decisions", "circuit_transitions", "policies")
)


@pytest.mark.slow
@pytest.mark.parametrize("sample", [1, 3])
def test_an_archive_is_the_same_whether_calls_are_followed_or_not(
    tmp_path: Path, teller: Any, sample: int
) -> None:
    from recourse_observe import open_archive

    told = list(of_all_kinds(teller))
    found = []
    for follows in (True, False):
        root = tmp_path / str(follows)
        recorder = ArchiveObserver(root, service="s", instance="i", sample=sample)
        recorder._queue.follows = follows
        for number, call in enumerate(told):
            for event in call:
                recorder.on_event(event)
            if number % 7 == 0:
                recorder.flush()
        recorder.close()
        assert recorder.counts.written == recorder.counts.emitted == sum(map(len, told))
        with open_archive(root, trusted=True) as archive:
            found.append([archive.sql(sql).to_pylist() for sql in TABLES])

    assert found[0] == found[1]
    assert {row["disposition"] for row in found[0][0]} > {"success", "unfinished"}


def test_usual_calls_in_flight_are_told_until_they_end(
    tmp_path: Path, teller: Any, ask: Ask
) -> None:
    dispositions = "SELECT call_id, disposition FROM calls ORDER BY call_id"
    recorder = ArchiveObserver(tmp_path / "archive", instance="i")
    first, second = teller.success(), teller.success()
    for event in [*first, *second[:4]]:
        recorder.on_event(event)
    assert recorder.flush()
    assert recorder.counts.queued == 4
    recorder._recording._journal.end_segment()
    recorder.flush()
    recorder.on_event(second[4])
    recorder.close()

    assert ask(dispositions) == [(call[0].call_id, "success") for call in (first, second)]


def test_a_call_that_stays_in_flight_is_unfinished(tmp_path: Path, teller: Any, ask: Ask) -> None:
    recorder = ArchiveObserver(tmp_path / "archive", instance="i")
    for event in [*teller.success(), *teller.success()[:3]]:
        recorder.on_event(event)

    recorder.close()

    assert recorder.counts.queued == 0
    assert ask("SELECT disposition, attempts_run FROM calls ORDER BY 1") == [
        ("success", 1),
        ("unfinished", 1),
    ]
    assert ask("SELECT outcome FROM attempts ORDER BY 1") == [("abandoned",), ("success",)]
