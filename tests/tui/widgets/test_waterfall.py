from typing import Any

from hypothesis import given, strategies as st

from recourse_observe.queries.rows import AttemptRow, BudgetRow, CallDetail, WholeCall
from recourse_tui.lines import Ink, Span, plain
from recourse_tui.widgets.waterfall import bar, critical_path, lost_or_not, ruler, waterfall


def attempt(number: int, start_ms: int, end_ms: int, **given: Any) -> AttemptRow:
    usual: dict[str, Any] = dict.fromkeys(AttemptRow.__slots__) | {
        "attempt": number,
        "hedge_index": 0,
        "is_hedge": False,
        "ran": True,
        "started_unix_us": start_ms * 1_000,
        "ended_unix_us": end_ms * 1_000,
        "duration_us": (end_ms - start_ms) * 1_000,
        "outcome": "retryable",
        "reason": "http_503",
        "backoff_us": 0,
        "budget_allowed": True,
        "budget_reason": "first_attempt",
        "late": False,
    }
    return AttemptRow(**usual | given)


def call(*attempts: AttemptRow, lasted_ms: int, **given: Any) -> WholeCall:
    budget = given.pop("budget", ())
    usual: dict[str, Any] = dict.fromkeys(CallDetail.__slots__) | {
        "call_id": "c1",
        "key": "payments.Charge",
        "started_unix_us": 0,
        "duration_us": lasted_ms * 1_000,
        "success": False,
        "disposition": "exhausted",
        "final_reason": "http_503",
        "retries": 0,
    }
    return WholeCall(call=CallDetail(**usual | given), attempts=attempts, budget=budget)


def decision(number: int, *, allowed: bool, level: float | None) -> BudgetRow:
    return BudgetRow(
        decided_unix_us=0, attempt=number, hedge_index=0, kind="retry", budget_name="b", cost=1,
        mode="standard", allowed=allowed, reason="", level_after=level,
    )  # fmt: skip


DENIED = call(
    attempt(0, 0, 456, backoff_us=120_000),
    attempt(1, 576, 832, backoff_us=240_000),
    attempt(2, 1072, 1072, ran=False, reason="budget_denied", budget_allowed=False),
    lasted_ms=1072,
    disposition="budget_denied",
    budget=(decision(1, allowed=True, level=1.0), decision(2, allowed=False, level=None)),
)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 100))
def test_a_bar_stays_in_its_cells_and_is_never_invisible(one: int, other: int, cells: int) -> None:
    start, end = sorted((one, other))
    lead, drawn = bar(start, end, 10**9, cells)

    assert drawn
    assert lead + len(drawn) <= cells


def test_a_bar_ends_at_an_eighth_of_a_cell() -> None:
    assert bar(0, 9, 16, 2) == (0, "█▏")
    assert bar(8, 16, 16, 2) == (1, "█")
    assert bar(0, 0, 0, 4) == (0, "▏")


def test_the_ruler_has_the_same_distances_and_ends_at_the_end() -> None:
    assert ruler(1_072_000, 40, 4) == "0         268       536       804    1072"
    assert ruler(0, 2, 4) == "000"


def test_a_call_is_drawn_attempt_by_attempt_with_its_waits() -> None:
    head, rows = waterfall(DENIED, 80)

    assert [plain(line).rstrip() for line in (head, *rows)] == [
        " ATTEMPT      ms  0      268     536    804  1072 OUTCOME              BUDGET",
        " ↻ 0 original     ████████████▊                   http_503             —",
        "   ┊ backoff                  ░░░░                120 ms of 120 ms",
        " ↻ 1 retry                        ███████▎        http_503             ✓ 1 left",
        "   ┊ backoff                             ░░░░░░░  240 ms of 240 ms",
        " ⊘ 2 retry                                        ⊘ denied             ✗",
    ]


def test_success_hedges_and_status_have_their_glyphs() -> None:
    _, rows = waterfall(
        call(
            attempt(0, 0, 90, reason="timeout", status=504),
            attempt(0, 40, 80, is_hedge=True, hedge_index=1, outcome="success", reason="success"),
            attempt(1, 95, 99, budget_allowed=False, backoff_us=5_000),
            attempt(2, 99, 100, outcome="success", reason="success", status=200),
            lasted_ms=100,
        ),
        120,
    )

    assert [plain(row).split()[0] for row in rows] == ["↻", "⇉", "↻", "┊", "●"]
    assert "timeout 504" in plain(rows[0])
    assert plain(rows[2]).rstrip().endswith("✗")


def test_the_critical_path_is_what_the_caller_waited_for() -> None:
    hedged = call(
        attempt(0, 0, 90),
        attempt(0, 40, 80, is_hedge=True, hedge_index=1, outcome="success"),
        lasted_ms=80,
    )

    assert (
        critical_path(DENIED) == "456 ms attempt 0 → 120 ms wait → 256 ms attempt 1 → 240 ms wait"
    )
    assert critical_path(hedged) == "40 ms wait → 40 ms attempt 0 hedge 1"
    assert critical_path(call(lasted_ms=0)) == "no attempt was made"


def test_a_wait_that_was_cut_short_ends_with_the_call() -> None:
    _, rows = waterfall(call(attempt(0, 0, 10, backoff_us=500_000), lasted_ms=100), 80)

    assert "90 ms of 500 ms" in plain(rows[1])


def test_how_a_call_ended_is_one_word() -> None:
    assert lost_or_not(DENIED) == Span("LOST", Ink.BAD)
    assert lost_or_not(call(lasted_ms=1, disposition="unfinished")) == Span("UNFINISHED", Ink.WARN)
    assert lost_or_not(call(lasted_ms=1, success=True)) == Span("OK", Ink.GOOD)
    assert lost_or_not(call(lasted_ms=1, success=True, retries=1)) == Span("RESCUED", Ink.INFO)


def test_a_status_that_the_reason_names_is_not_told_twice() -> None:
    _, rows = waterfall(call(attempt(0, 0, 90, status=503), lasted_ms=100), 120)

    assert plain(rows[0]).split()[-2:] == ["http_503", "—"]


def test_no_two_marks_read_the_same_or_touch() -> None:
    assert ruler(3_200, 40, 4).split() == ["0.0", "0.8", "1.6", "2.4", "3.2"]
    assert ruler(41_376_000, 29, 4).split() == ["0", "10", "21", "31", "41"]
    assert ruler(300, 40, 4).split() == ["0.00", "0.07", "0.15", "0.22", "0.30"]


def test_a_long_call_is_told_in_seconds() -> None:
    head, _ = waterfall(call(attempt(0, 0, 20_000), lasted_ms=20_000), 80)

    assert plain(head).split()[:4] == ["ATTEMPT", "s", "0", "5"]
