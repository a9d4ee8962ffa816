import gc
import random
import weakref
from typing import Any

import pytest

from recourse import events, timeline_of
from recourse.events import CallIds, CallInfo, Event
from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.policy.model import Policy, RetryPolicy
from recourse.reasons import BreakerState, CancelReason, Disposition, HedgingOff
from recourse.testing import VirtualClock
from recourse.timeline import AttemptRecord, ErrorText, Timeline, keep

LOST = Outcome(OutcomeKind.CANCELLED, "hedge_lost")


def info() -> CallInfo:
    clock = VirtualClock(start_unix_ns=1_000)
    return CallInfo(CallIds(clock, random.Random(1)), "svc.Op", 2.0, 1_000)  # noqa: S311  # no secret


def start(call: CallInfo, attempt: int = 0, hedge_index: int = 0) -> events.AttemptStart:
    return events.AttemptStart(call, call.seq(), 2.0, attempt, hedge_index, 0.0, None, None)


def end(call: CallInfo, attempt: int = 0, hedge_index: int = 0, **facts: Any) -> events.AttemptEnd:
    event = events.AttemptEnd(
        call,
        call.seq(),
        at_s=2.5,
        attempt=attempt,
        hedge_index=hedge_index,
        ran=True,
        started_s=2.0,
        ended_s=2.5,
        outcome=SUCCESS,
        error=None,
        waited_before_s=0.0,
        timeout_s=None,
        backoff_s=0.0,
        backoff_source=None,
        late=False,
        overrun_s=0.0,
        cancel_reason=None,
        budget_name="",
        budget_allowed=True,
        budget_reason="first_attempt",
        annotations={},
    )
    return event._replace(**facts)


def cancel(call: CallInfo, attempt: int, hedge_index: int) -> events.HedgeCancel:
    reason = CancelReason.WINNER_SUCCESS
    return events.HedgeCancel(
        call, call.seq(), 2.5, attempt, hedge_index, reason, 2.0, 2.5, LOST, 0.0, None, "", "", {}
    )


def over(call: CallInfo, error: BaseException | None = None) -> events.CallEnd:
    disposition = Disposition.SUCCESS if error is None else Disposition.EXHAUSTED
    return events.CallEnd(call, call.seq(), 3.0, disposition, SUCCESS, error, 1, 0, None)


def test_a_call_that_has_not_ended_has_no_timeline() -> None:
    call = info()

    with pytest.raises(ValueError, match="the call has not ended; fold a timeline after"):
        Timeline.of([start(call), end(call)])


def test_times_are_those_of_the_call_on_both_clocks() -> None:
    call = info()

    timeline = Timeline.of([start(call), end(call), over(call)])

    assert (timeline.started_unix_ns, timeline.ended_unix_ns) == (1_000, 1_000_001_000)
    assert timeline.duration_s == 1.0
    record = timeline.attempts[0]
    assert (record.started_unix_ns, record.ended_unix_ns) == (1_000, 500_001_000)
    assert record.duration_s == 0.5


def test_r67_runs_stand_in_launch_order_whatever_ends_first() -> None:
    call = info()
    told: list[Event] = [
        *(start(call, 0, 0), start(call, 0, 1), end(call, 0, 2, ran=False)),
        *(end(call, 0, 1), cancel(call, 0, 0), over(call)),
    ]

    timeline = Timeline.of(told)

    assert [record.hedge_index for record in timeline.attempts] == [0, 1, 2]
    assert [record.cancel_reason for record in timeline.attempts] == ["winner_success", None, None]
    assert timeline.attempts[0].outcome is LOST


def test_a_hedge_says_so_in_its_line() -> None:
    call = info()
    late = end(call, 0, 1, late=True, budget_reason="allowed")

    timeline = Timeline.of([start(call, 0, 1), late, over(call)])

    assert timeline.attempts[0].line() == (
        "attempt=0 hedge=1 success reason=success budget=allowed late"
    )


def test_what_was_decided_about_a_call_is_among_its_attributes() -> None:
    call = info()
    call.policy = Policy("svc.Op", retry=RetryPolicy(max_attempts=99)).normalize()
    call.policy_source, call.policy_mode, call.policy_failure = "fallback", "fallback", "invalid"
    told: list[Event] = [
        events.CircuitDecision(call, 0, 2.0, 0, True, BreakerState.HALF_OPEN, "", 2, True),  # noqa: FBT003  # as told
        events.HedgingDisabled(call, 1, 2.0, HedgingOff.HALF_OPEN),
        events.AttemptLate(call, 2, 2.0, 0, 0, 2.0, True, None),  # noqa: FBT003  # as told
        over(call),
    ]

    timeline = Timeline.of(told)

    assert timeline.attributes == {
        "policy_mode": "fallback",
        "policy_source": "fallback",
        "policy_normalized": "true",
        "policy_normalized_fields": "retry.max_attempts",
        "policy_failure": "invalid",
        "circuit_state": "half_open",
        "hedging_disabled": "half_open",
    }
    assert timeline.policy_id == "svc.Op"


def test_a_record_has_sensible_defaults() -> None:
    record = AttemptRecord(
        attempt=0,
        hedge_index=0,
        ran=True,
        started_unix_ns=0,
        ended_unix_ns=0,
        duration_s=0.0,
        outcome=SUCCESS,
    )

    assert (record.is_hedge, record.budget_allowed, record.annotations) == (False, True, {})


class Watched(Exception):
    pass


def test_what_is_kept_on_an_exception_keeps_nothing_alive() -> None:
    call = info()
    call.message_of = str
    error, cause, release = Watched("text"), Watched("cause"), Watched("release")
    gone = [weakref.ref(each) for each in (error, cause, release)]
    told: list[Event] = [
        events.PolicyResolved(call, 0, 2.0, None, "none", "deny", 0.0, "provider_error", cause),
        start(call),
        end(call, error=error),
        events.BudgetRelease(call, 2, 2.0, 0, 0, "b", release),
        over(call, error),
    ]
    holder = OSError()

    keep(holder, told)
    told.clear()
    gc.disable()
    try:
        del error, cause, release
        alive = [ref() for ref in gone]
    finally:
        gc.enable()

    assert alive == [None, None, None]
    timeline = timeline_of(holder)
    assert timeline is not None
    assert str(timeline.error) == f"{__name__}.Watched: text"
    assert timeline.attempts[0].error_type == f"{__name__}.Watched"


def test_an_error_that_is_remembered_shows_its_type_and_its_text_if_it_has_one() -> None:
    assert str(ErrorText("OSError", "")) == "OSError"
    assert str(ErrorText("OSError", "disk full")) == "OSError: disk full"


def test_something_else_of_the_same_name_on_an_exception_is_no_timeline() -> None:
    error = OSError()
    vars(error)["__recourse_timeline__"] = "theirs"

    assert timeline_of(error) is None
