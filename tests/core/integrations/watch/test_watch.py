"""What watchers have in common: the events of a real call, made from what is seen."""

import asyncio
from typing import Any

import pytest

from recourse import Executor, Policy, current_attempt, record_timeline, using
from recourse.context import TAPS
from recourse.integrations.watch import Watch, outcome_of
from recourse.outcome import Outcome, OutcomeKind
from recourse.testing import VirtualClock


def test_the_events_of_a_watched_call_are_those_of_a_real_one(heard: Any) -> None:
    clock = VirtualClock()
    call = Watch("library", [heard], clock).call("shop.Pay", 3)
    call.attempt_started(timeout_s=1.0)
    clock.advance(0.2)
    call.attempt_ended(error=ConnectionError(), peer="one")
    call.waits(0.1)
    clock.advance(0.15)
    call.attempt_started()
    clock.advance(0.3)
    call.ended()

    names = [type(event).__name__ for event in heard.events]
    assert names == [
        "CallStart",
        "PolicyResolved",
        "AttemptStart",
        "AttemptEnd",
        "RetryScheduled",
        "AttemptStart",
        "AttemptEnd",
        "CallEnd",
    ]
    assert [event.seq for event in heard.events] == list(range(8))
    timeline = heard.only()
    first, second = timeline.attempts
    assert (first.backoff_s, second.waited_before_s) == (0.1, pytest.approx(0.15))
    assert (first.outcome.kind, second.outcome.kind) == ("retryable", "success")
    assert (first.budget_reason, second.budget_reason) == ("first_attempt", "no_budget")
    assert (timeline.disposition, timeline.duration_s) == ("success", pytest.approx(0.65))
    assert heard.events[3].annotations == {"watched": "library", "peer": "one"}
    assert heard.events[1].policy.id == "watched.library"
    assert heard.events[1].policy.retry.max_attempts == 3


def test_a_wait_that_nobody_announced_is_the_time_that_went_by(heard: Any) -> None:
    clock = VirtualClock()
    call = Watch("library", [heard], clock).call("shop.Pay", 3)
    call.waits(9.0)  # nothing has ended yet
    call.attempt_started()
    call.attempt_ended(Outcome(OutcomeKind.NON_RETRYABLE))
    clock.advance(0.4)
    call.attempt_started()
    call.attempt_ended(Outcome(OutcomeKind.NON_RETRYABLE, "http_404", {"family": "4xx"}))
    call.attempt_ended()  # twice is once
    call.ended()

    first, second = heard.only().attempts
    assert first.backoff_s == pytest.approx(0.4)
    assert first.outcome == Outcome(OutcomeKind.RETRYABLE, "retryable_error")
    assert (second.outcome.reason, heard.only().disposition) == ("http_404", "terminal")


def test_what_was_retried_keeps_its_reason(heard: Any) -> None:
    call = Watch("library", [heard]).call("shop.Pay")
    call.attempt_started()
    call.attempt_ended(Outcome(OutcomeKind.NON_RETRYABLE, "http_409", {"family": "4xx"}))
    call.attempt_started()
    call.ended(ValueError(), outcome=Outcome(OutcomeKind.NON_RETRYABLE, "http_400"))

    assert heard.told() == [("shop.Pay", "terminal", ["http_409", "http_400"])]


@pytest.mark.parametrize(
    ("error", "disposition"),
    [
        (ConnectionError(), "exhausted"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "interrupted"),
        (None, "success"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_a_call_ends_as_its_last_attempt_did(heard: Any, error: Any, disposition: str) -> None:
    call = Watch("library", [heard]).call("shop.Pay")
    call.attempt_started()
    call.ended(error)
    nothing_ran = Watch("library", [heard]).call("shop.Look")
    nothing_ran.ended(error)

    assert [each.disposition for each in heard.timelines] == [disposition] * 2
    assert [each.attempts_run for each in heard.timelines] == [1, 0]


def test_an_error_is_judged_as_the_default_classifier_does() -> None:
    assert outcome_of(None).kind is OutcomeKind.SUCCESS
    assert outcome_of(TimeoutError()).reason == "timeout_error"
    assert outcome_of(KeyboardInterrupt()).reason == "interrupted"


def test_the_process_s_executor_says_who_is_told_and_recorders_hear_too(heard: Any) -> None:
    tap = type(heard)()
    watch = Watch("library")

    with using(Executor(default_policy=Policy("any"), observers=[heard])), TAPS.added(tap):
        watch.call("shop.Pay").ended()

    assert len(heard.events) == len(tap.events) == 3


def test_a_watched_call_belongs_to_the_call_around_it(heard: Any) -> None:
    watch = Watch("library", [heard])
    executor = Executor(default_policy=Policy("any"))

    def outer() -> str:
        watch.call("shop.Pay").ended()
        running = current_attempt()
        assert running is not None
        return running.call_id

    with record_timeline(nested=True) as capture:
        outer_id = executor.call("shop.Outer", outer)
    with record_timeline() as plain:
        watch.call("shop.Pay").ended()

    assert heard.events[0].parent_call_id == outer_id
    assert [each.key for each in capture.timelines] == ["shop.Pay", "shop.Outer"]
    assert [each.key for each in plain.timelines] == ["shop.Pay"]


def test_an_observer_that_raises_changes_nothing(
    heard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def on_event(self, event: Any) -> None:
            raise RuntimeError

    Watch("library", [Broken(), heard]).call("shop.Pay").ended()

    assert len(heard.events) == 3
    assert "Broken raised" in caplog.text


def test_policies_are_made_once_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recourse.integrations.watch._MAX_POLICIES", 3)
    watch = Watch("library", [])

    assert watch.policy("a", 3) is watch.policy("a", 3)
    for number in range(3):
        watch.policy(f"key{number}", 2)
    assert watch.policy("late", 2) is not watch.policy("late", 2)


def test_a_forked_child_makes_ids_of_its_own(heard: Any) -> None:
    watch = Watch("library", [heard])
    before = watch.call("a").info.call_id[-8:]
    watch.renew()

    assert watch.call("a").info.call_id[-8:] != before
