import gc
import weakref

import pytest

from recourse import Executor, Policy, RetryPolicy
from recourse.errors import NoPolicyError
from recourse.events import BudgetRelease, Event
from recourse.testing import VirtualClock
from recourse.timeline import ErrorText
from recourse_observe.testing import TimelineRecorder

TWICE = Policy("payments.Charge", retry=RetryPolicy(max_attempts=2, jitter="none"))


class Refused(ConnectionError):
    pass


def refuse() -> None:
    raise Refused


def executor_with(recorder: TimelineRecorder) -> Executor:
    return Executor(policies=[TWICE], observers=[recorder], clock=VirtualClock())


def test_the_only_call_of_a_key_is_its_timeline() -> None:
    recorder = TimelineRecorder()
    executor = executor_with(recorder)

    with pytest.raises(Refused) as caught:
        executor.call("payments.Charge", refuse)

    timeline = recorder.only("payments.Charge")
    assert [attempt.backoff_s for attempt in timeline.attempts] == [0.05, 0.0]
    assert timeline.error is caught.value
    assert len(recorder) == 1


def test_no_call_of_a_key_fails_with_what_was_heard() -> None:
    recorder = TimelineRecorder()
    executor_with(recorder).call("payments.Charge", lambda: 1)

    with pytest.raises(AssertionError) as caught:
        recorder.only("payments.Refund")

    assert str(caught.value) == (
        "no call of 'payments.Refund' ended, expected 1; heard:\n  payments.Charge success"
    )


def test_two_calls_of_a_key_fail_and_nothing_heard_says_so() -> None:
    recorder = TimelineRecorder()
    executor = executor_with(recorder)
    executor.call("payments.Charge", lambda: 1)
    executor.call("payments.Charge", lambda: 2)

    with pytest.raises(AssertionError, match=r"^2 calls of 'payments.Charge' ended, expected 1"):
        recorder.only("payments.Charge")

    recorder.clear()
    with pytest.raises(AssertionError, match="heard:\n  nothing"):
        recorder.only("payments.Charge")


def test_a_bounded_recorder_keeps_the_latest_calls_and_counts_the_rest() -> None:
    recorder = TimelineRecorder(most=1)
    executor = executor_with(recorder)
    for _ in range(3):
        executor.call("payments.Charge", lambda: 1)

    shown = recorder.report()

    assert shown.startswith("(2 earlier calls are not shown)\npayments.Charge success")
    assert len(recorder) == 1


def test_a_recorder_that_keeps_no_errors_keeps_nothing_alive() -> None:
    recorder = TimelineRecorder(keep_errors=False)
    executor = executor_with(recorder)

    def call() -> weakref.ref[BaseException]:
        try:
            executor.call("payments.Charge", refuse)
        except Refused as error:
            return weakref.ref(error)
        raise AssertionError

    reference = call()
    gc.collect()

    assert reference() is None
    timeline = recorder.only("payments.Charge")
    assert isinstance(timeline.error, ErrorText)
    assert [attempt.error_type for attempt in timeline.attempts] == [str(timeline.error)] * 2


def test_a_policy_that_could_not_be_resolved_is_recorded_without_its_error() -> None:
    recorder = TimelineRecorder(keep_errors=False)

    with pytest.raises(NoPolicyError):
        executor_with(recorder).call("payments.Refund", lambda: 1)

    assert recorder.only("payments.Refund").disposition == "policy_denied"


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def test_a_call_that_began_before_is_not_heard() -> None:
    told, recorder = Told(), TimelineRecorder()
    Executor(policies=[TWICE], observers=[told]).call("payments.Charge", lambda: 1)

    for event in told.events[1:]:
        recorder.on_event(event)

    assert len(recorder) == 0


def test_a_release_that_raised_is_not_kept_alive_either() -> None:
    told, recorder = Told(), TimelineRecorder(keep_errors=False)
    Executor(policies=[TWICE], observers=[told]).call("payments.Charge", lambda: 1)
    start, *rest = told.events
    problem = Refused()
    release = BudgetRelease(start.call, 1, start.at_s, 0, 0, "payments", problem)

    for event in (start, release, *rest):
        recorder.on_event(event)

    reference = weakref.ref(problem)
    del problem, release, event, rest
    gc.collect()
    assert reference() is None
    assert len(recorder) == 1


def test_a_failure_points_at_the_test_and_shows_how_many_calls_were_heard() -> None:
    recorder = TimelineRecorder()
    executor = executor_with(recorder)
    executor.call("payments.Charge", lambda: None)

    with pytest.raises(AssertionError) as caught:
        recorder.only("payments.Refund")

    assert repr(recorder) == "TimelineRecorder(ended=1)"
    assert caught.traceback[-1].ishidden(caught)
