"""What a story reads of an archive, and what it leaves unread."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recourse_observe import open_archive
from recourse_observe.archive import write_archive
from recourse_observe.queries.archive import Archive, rows_of
from recourse_observe.scope import Scope
from recourse_observe.story.asked import Span, ask_of_keys, asked
from recourse_observe.story.edges import Edge
from recourse_observe.story.phase_rows import CallsRow

T0 = 1_795_255_200_000_000
S = 1_000_000
Holding = Callable[..., Archive]


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[Holding]:
    """An archive of lost calls: each a key, the second of its start and that of its only attempt."""
    opened: list[Archive] = []

    def made(*calls: tuple[str, int, int]) -> Archive:
        rows: dict[str, list[dict[str, Any]]] = {"calls": [], "attempts": []}
        for number, (key, at_s, tried_s) in enumerate(calls):
            named = {"call_id": f"c{number}", "key": key}
            rows["calls"].append(
                {**named, "started_at": T0 + at_s * S, "ended_at": T0 + tried_s * S + 1_000,
                 "success": False, "disposition": "exhausted", "attempts_run": 1}
            )  # fmt: skip
            rows["attempts"].append(
                {**named, "started_at": T0 + tried_s * S, "duration_us": 1_000,
                 "outcome": "retryable", "reason": "http_503"}
            )  # fmt: skip
        write_archive(tmp_path / "archive", rows)
        opened.append(open_archive(tmp_path / "archive", trusted=True))
        return opened[-1]

    yield made
    for one in opened:
        one.close()


def test_a_call_stands_in_the_bin_in_which_it_began(holding: Holding) -> None:
    archive = holding(("a.B", 1, 1), ("a.B", 1, 5))

    bins = archive.told("signals", bin_us=S, keys=["a.B"], slow_us=[S]).records
    bars = archive.told("lost", bucket_us=S, origin_us=T0).records

    assert [(row["bin"] - T0 // S, row["calls"], row["hurt"]) for row in bins] == [(1, 2, 2)]
    assert bars == [{"bucket": 1, "lost": 2}]


def test_calls_between_two_edges_are_left_out(holding: Holding) -> None:
    archive = holding(*(("a.B", second, second) for second in range(6)))
    between = {"between_from_us": T0 + 2 * S, "between_to_us": T0 + 4 * S}

    told = ask_of_keys(archive, "edges", Scope(), keys=["a.B"], slow_us=[S], **between)

    assert [edge.member_us - T0 for edge in rows_of(Edge, told)] == [0, S, 4 * S, 5 * S]


def test_a_call_under_way_at_the_onset_is_of_the_phase_of_its_first_attempt(
    holding: Holding,
) -> None:
    archive = holding(("a.B", 1, 1), ("c.D", 1, 1), ("c.D", 9, 11), ("c.D", 19, 21))
    span = Span(
        keys=("a.B",), affected=("a.B",), onset_us=T0 + 10 * S, end_us=T0 + 20 * S, ongoing=False,
        clear_from_us=T0, clear_to_us=T0 + 30 * S, usual_p50_us=1_000,
    )  # fmt: skip

    rows = asked(archive, span).rows(CallsRow, "phase_calls")

    of_others = {row.phase: row.calls for row in rows if row.key == "c.D"}
    assert of_others == {"before": 1, "during": 1, "after": 1}
