import json
from typing import Any

import pytest

from recourse import events
from recourse.outcome import Outcome, OutcomeKind
from recourse.reasons import CancelReason, Disposition
from recourse_observe.archive.columns import ABSENT, layout
from recourse_observe.archive.fold import Failure, Fold


@pytest.fixture
def fold() -> Fold:
    return Fold()


def named(table: str, rows: list[Any], *columns: str) -> list[tuple[Any, ...]]:
    where = layout(table)
    named_rows = [
        {
            column.name: value
            for part, values in zip((where.words, where.longs, where.others), row, strict=True)
            for column, value in zip(part, values, strict=True)
        }
        for row in rows
    ]
    return [tuple(row[column] for column in columns) for row in named_rows]


def taken(fold: Fold) -> dict[str, list[Any]]:
    """Rows by table, each with its words, longs (null as ``None``) and others."""
    found = {}
    for told_as, rows in fold.take(None).items():
        table = told_as.replace("open_", "")
        where = layout(table)
        longs = [None if value == ABSENT else value for value in rows.longs]
        found[told_as] = [
            (
                fold.words.of(table, code),
                longs[i * len(where.longs) : (i + 1) * len(where.longs)],
                rows.others[i * len(where.others) : (i + 1) * len(where.others)],
            )
            for i, code in enumerate(rows.codes)
        ]
    return found


def told(fold: Fold, events_: list[Any]) -> dict[str, list[Any]]:
    """As the observer feeds it: without errors, and with their types instead."""
    fold.feed(
        Failure(e._replace(error=None), e.error_type, e.error_message)
        if getattr(e, "error", None) is not None
        else e
        for e in events_
    )
    assert fold.unreadable == 0
    return taken(fold)


def test_a_success_is_one_call_and_one_attempt(fold: Fold, teller: Any) -> None:
    rows = told(fold, teller.success(method="POST", status=200, peer="pay-1", shard="7"))

    assert sorted(rows) == ["attempts", "calls", "policies", "rollups"]
    assert named(
        "calls", rows["calls"],
        "call_id", "key", "method", "idempotent", "policy_id", "policy_version", "policy_source",
        "success", "disposition", "final_outcome", "final_reason", "attempts_run", "retries",
        "duration_us", "deadline_us", "error_type", "attributes",
    ) == [
        (
            "call-000000", "pay.Charge", "POST", True, "pay.Charge", teller.policy.version, "static",
            True, "success", "success", "success", 1, 0, 5000, 3_000_000, None, None,
        )
    ]  # fmt: skip
    assert named(
        "attempts", rows["attempts"],
        "attempt", "ran", "outcome", "status", "peer", "attributes", "duration_us", "timeout_us",
        "budget_name", "budget_reason",
    ) == [(0, True, "success", 200, "pay-1", '{"shard": "7"}', 1000, 1_000_000, None, "first_attempt")]  # fmt: skip


def test_a_retry_says_what_was_waited_and_asked(fold: Fold, teller: Any) -> None:
    rows = told(fold, teller.retried())

    assert named(
        "attempts", rows["attempts"],
        "attempt", "outcome", "reason", "status", "error_type", "backoff_us", "backoff_source",
        "retry_after_us", "budget_name", "attributes",
    ) == [
        (0, "retryable", "http_503", 503, "ConnectionError", 50_000, "policy", 2_000_000, None,
         '{"family": "5xx"}'),
        (1, "success", "success", None, None, 0, None, None, "pay", None),
    ]  # fmt: skip
    assert named("calls", rows["calls"], "attempts_run", "retries", "error_type") == [(2, 1, None)]
    assert named(
        "budget_decisions", rows["budget_decisions"],
        "attempt", "kind", "budget_name", "cost", "allowed", "reason", "level_after",
    ) == [(1, "retry", "pay", 1, True, "allowed", 0.5)]  # fmt: skip


def test_a_denied_retry_is_an_attempt_that_did_not_run(fold: Fold, teller: Any) -> None:
    rows = told(fold, teller.denied_retry())

    assert named(
        "attempts", rows["attempts"], "ran", "budget_allowed", "budget_reason", "duration_us"
    )[1] == (False, False, "budget_denied", 0)
    assert named(
        "calls", rows["calls"], "disposition", "attempts_run", "retries", "error_type"
    ) == [("budget_denied", 1, 0, "ConnectionError")]
    assert named("rollups", rows["rollups"], "calls", "successes", "denied") == [(1, 0, 1)]


@pytest.mark.parametrize(("won", "result"), [(True, "won"), (False, "lost")])
def test_a_hedge_wins_or_is_lost(fold: Fold, teller: Any, *, won: bool, result: str) -> None:
    rows = told(fold, teller.hedged(won=won))

    assert named("hedges", rows["hedges"], "hedge_index", "delay_us", "trigger", "result") == [
        (1, 10_000, "p95", result)
    ]
    assert sorted(
        named("attempts", rows["attempts"], "hedge_index", "is_hedge", "outcome", "cancel_reason")
    ) == [
        (0, False, *(("cancelled", "winner_success") if won else ("success", None))),
        (1, True, *(("success", None) if won else ("cancelled", "winner_success"))),
    ]
    assert named("calls", rows["calls"], "attempts_run", "retries", "hedges") == [(2, 0, 1)]


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Outcome(OutcomeKind.RETRYABLE), "failed"),
        (Outcome(OutcomeKind.ABANDONED, "hedge_lost"), "cancelled"),
    ],
)
def test_a_hedge_that_ends_otherwise(
    fold: Fold, teller: Any, outcome: Outcome, result: str
) -> None:
    call, begun = teller.start()
    hedge = teller.launch(call, 0, 1)

    rows = told(fold, [*begun, hedge, teller.land(hedge, outcome), teller.end(call, 1, 1)])

    assert named("hedges", rows["hedges"], "trigger", "result") == [("fixed_delay", result)]


def test_a_denied_hedge_has_the_delay_of_its_policy(fold: Fold, teller: Any) -> None:
    call, begun = teller.start()

    rows = told(fold, [*begun, *teller.denied(call, 0, 1)])

    assert named("hedges", rows["hedges"], "delay_us", "trigger", "result") == [
        (10_000, "fixed_delay", "denied")
    ]


def test_a_hedge_cut_by_the_caller_is_cancelled_and_one_without_a_policy_has_no_trigger(
    fold: Fold, teller: Any
) -> None:
    told_events = teller.hedged(won=False)
    call = told_events[0].call
    call.policy = None
    spawnless = [e for e in told_events if not isinstance(e, events.HedgeSpawn)]
    cut = [
        e._replace(reason=CancelReason.CALLER_CANCELLED) if isinstance(e, events.HedgeCancel) else e
        for e in spawnless
    ]

    rows = told(fold, cut)

    assert named("hedges", rows["hedges"], "result", "cancel_reason", "trigger", "delay_us") == [
        ("cancelled", "caller_cancelled", "", 0)
    ]
    assert named("calls", rows["calls"], "policy_id", "policy_version", "idempotent") == [
        ("", "", None)
    ]


def test_a_rejected_call_has_no_attempts(fold: Fold, teller: Any) -> None:
    rows = told(fold, teller.rejected())

    assert "attempts" not in rows
    assert named(
        "calls", rows["calls"], "disposition", "final_outcome", "final_reason", "attributes"
    ) == [("circuit_open", "abort", "circuit_open", '{"circuit_state": "open"}')]
    assert named("rollups", rows["rollups"], "rejected_by_circuit", "attempts") == [(1, 0)]


def test_a_breaker_s_change_is_a_row_with_or_without_a_call(fold: Fold, teller: Any) -> None:
    opened = teller.opened()
    by_hand = next(e for e in opened if isinstance(e, events.CircuitState))
    call, _ = teller.start(call_id="")

    rows = told(fold, [*opened, by_hand._replace(call=call)])

    assert named(
        "circuit_transitions", rows["circuit_transitions"],
        "from_state", "to_state", "cause", "generation", "call_id",
    ) == [
        ("closed", "open", "failure_threshold", 1, "call-000000"),
        ("closed", "open", "failure_threshold", 1, None),
    ]  # fmt: skip
    assert named("calls", rows["calls"], "attributes") == [('{"hedging_disabled": "half_open"}',)]


def test_a_call_in_flight_is_told_whenever_something_is_heard_of_it(
    fold: Fold, teller: Any
) -> None:
    rows = told(fold, teller.in_flight())

    assert named(
        "calls", rows["open_calls"],
        "call_id", "disposition", "final_outcome", "final_reason", "attempts_run", "retries", "success",
    ) == [("call-000000", "unfinished", "abandoned", "unfinished", 2, 1, False)]  # fmt: skip
    assert named(
        "attempts", rows["open_attempts"], "attempt", "outcome", "reason", "budget_reason"
    ) == [(1, "abandoned", "unfinished", "allowed")]
    assert fold.in_flight == 1
    assert taken(fold) == {}
    fold.tell_again()
    assert sorted(taken(fold)) == ["open_attempts", "open_calls"]


def test_a_call_that_ends_is_not_in_flight_any_more(fold: Fold, teller: Any) -> None:
    call, begun = teller.start()
    told(fold, begun)
    fold.tell_again()

    rows = told(fold, [teller.end(call, 0)])

    assert sorted(rows) == ["calls", "rollups"]
    assert fold.in_flight == 0


def test_a_call_whose_beginning_was_dropped_is_whole_but_for_its_attempts(
    fold: Fold, teller: Any
) -> None:
    rows = told(fold, [teller.success()[-1]])

    assert named("calls", rows["calls"], "attempts_run", "policy_id") == [(1, "pay.Charge")]


def test_a_call_that_lost_an_event_says_so(fold: Fold, teller: Any) -> None:
    call, begun = teller.start()
    told(fold, begun)
    fold.cut(call)
    fold.cut(teller.start()[0])

    rows = told(fold, [teller.end(call, 1)])

    assert named("calls", rows["calls"], "attributes") == [('{"truncated": "true"}',)]


def test_messages_and_traces_are_kept_when_they_are_there(fold: Fold, teller: Any) -> None:
    call, begun = teller.start(
        trace_id="t" * 32, span_id="s" * 16, message_of=str, parent_call_id="outer"
    )
    first = teller.launch(call)
    error = ConnectionError("no route")
    failed = teller.land(first, Outcome(OutcomeKind.RETRYABLE), error)
    end = teller.end(call, 1, disposition=Disposition.EXHAUSTED, error=error)

    rows = told(fold, [*begun, first, failed, end])

    columns = "error_type", "error_message", "trace_id", "span_id"
    seen = ("ConnectionError", "no route", "t" * 32, "s" * 16)
    assert named("attempts", rows["attempts"], *columns) == [seen]
    assert named("calls", rows["calls"], "parent_call_id", *columns) == [("outer", *seen)]


def test_odd_annotations_stand_in_the_attributes(fold: Fold, teller: Any) -> None:
    rows = told(fold, teller.success(status="OK", idempotent=False, extra=object))

    status, attributes = named("attempts", rows["attempts"], "status", "attributes")[0]
    assert status is None
    assert json.loads(attributes) == {"status": "OK", "extra": "<class 'object'>"}


def test_attributes_are_bounded(fold: Fold, teller: Any) -> None:
    rows = told(fold, teller.success(huge="x" * 5000))

    assert named("attempts", rows["attempts"], "attributes") == [('{"truncated": "true"}',)]


def test_an_event_that_cannot_be_understood_is_counted_and_the_rest_goes_on(
    fold: Fold, teller: Any
) -> None:
    broken = teller.success()
    broken[3] = broken[3]._replace(started_s=float("nan"))

    fold.feed(broken)

    assert fold.unreadable == 1
    assert len(taken(fold)["calls"]) == 1


def test_a_release_that_failed_is_noted_while_the_call_is_there(fold: Fold, teller: Any) -> None:
    call, begun = teller.start()
    release = events.BudgetRelease(call, 9, teller.now(), 0, 0, "pay", ValueError("x"))

    rows = told(fold, [*begun, release, teller.end(call, 0), release])

    assert named("calls", rows["calls"], "attributes") == [('{"release_error": "ValueError"}',)]


def test_a_key_that_was_rejected_and_a_policy_that_failed_are_noted(
    fold: Fold, teller: Any
) -> None:
    call, (start, resolved) = teller.start("GET /users/1")
    rejected = events.KeyRejected(call, 1, teller.now(), "has a slash")
    failed = resolved._replace(policy=None, failure="not_found", source="none")

    rows = told(fold, [start, rejected, failed, teller.end(call, 0)])

    assert named("policies", rows["policies"], "event") == [("key_rejected",), ("resolve_failed",)]
    assert json.loads(named("calls", rows["calls"], "attributes")[0][0]) == {
        "key_rejected": "has a slash",
        "policy_failure": "not_found",
    }


def test_a_policy_that_comes_back_after_an_outage_is_told_again(fold: Fold, teller: Any) -> None:
    told(fold, teller.success())
    call, (start, resolved) = teller.start()
    failed = resolved._replace(policy=None, failure="provider_error", source="none")
    call.policy = None

    rows = [
        told(fold, events_).get("policies", [])
        for events_ in ([start, failed, teller.end(call, 0)], teller.success(), teller.success())
    ]

    assert [[event for (event,) in named("policies", r, "event")] for r in rows] == [
        ["resolve_failed"],
        ["applied"],
        [],
    ]


def test_a_call_that_started_in_a_bucket_that_was_told_is_counted_in_another_row(
    fold: Fold, teller: Any
) -> None:
    told(fold, teller.success())
    late = teller.success()
    teller.clock.advance(20)
    first = fold._plans
    rows = told(fold, late)

    assert named("rollups", rows["rollups"], "calls", "bucket_at") == [
        (1, teller.clock.time_unix_ns() // 1000 // 10_000_000 * 10_000_000 - 20_000_000)
    ]
    assert first.take(None) == []


def test_calls_whose_end_never_comes_are_bounded(
    fold: Fold, teller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.archive.in_flight._MOST", 2)

    for _ in range(4):
        told(fold, teller.start()[1])

    assert fold.in_flight == 2
    assert len(told(fold, teller.success())["calls"]) == 1  # the plans were forgotten, too


def test_late_ends_and_scheduled_retries_have_no_rows(fold: Fold, teller: Any) -> None:
    call, begun = teller.start()
    told(fold, [*begun, teller.end(call, 0)])
    late = events.AttemptLate(call, 9, teller.now(), 0, 0, 0.0, True, None)  # noqa: FBT003  # a tuple

    assert told(fold, [late]) == {}
