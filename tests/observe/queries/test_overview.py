import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recourse_observe.archive import survey, write_archive
from recourse_observe.archive.compact import compact
from recourse_observe.archive.hourly import EMPTY
from recourse_observe.queries.archive import open_archive
from recourse_observe.queries.histograms import quantiles_us
from recourse_observe.queries.rows import OverviewRow
from recourse_observe.scope import Scope

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


def histogram(**counts: int) -> str:
    steps = {name.removeprefix("s"): count for name, count in counts.items()}
    return json.dumps({"kind": "log", "base": 1.02, "unit": "us", "counts": steps})


def bucket(seconds: int, key: str, latency: str, calls: int, **more: Any) -> dict[str, Any]:
    at = AT + timedelta(seconds=seconds)
    given = {"bucket_at": at, "key": key, "latency": latency, "calls": calls, "successes": calls}
    return {**given, "attempts": calls, "active_us": 10 * calls, **more}


def archive(root: Path) -> Path:
    for part in range(3):
        rows = [
            bucket(
                part * 20, "a", histogram(s100=2, s200=1), 3, successes=2, attempts=5, retries=2
            ),
            bucket(part * 20 + 10, "a", histogram(s300=1), 1),
            bucket(part * 20, "b", histogram(s50=1), 1, hedges=1, denied=1, rejected_by_circuit=1),
            bucket(3_600, "a", histogram(s400=1), 1),
        ]
        write_archive(root, {"rollups": rows}, instance=f"web-{part % 2}")
    return root


def test_a_day_is_told_from_counts_alone(tmp_path: Path) -> None:
    with open_archive(archive(tmp_path), trusted=True) as opened:
        first, second = opened.overview()
        (only,) = opened.overview(Scope(key="a", end_unix_us=int(AT.timestamp() * 1e6) + 1))

    assert first == OverviewRow(
        key="a", calls=15, lost=3, attempts=21, retries=6, hedges=0, denied=0, rejected=0,
        active_us=150, p50_us=52, p90_us=2755, p99_us=2755,
    )  # fmt: skip
    assert (second.key, second.hedges, second.denied, second.rejected) == ("b", 3, 3, 3)
    assert first.attempts_per_call == 21 / 15
    assert (only.calls, only.p50_us) == (3, 7)


def test_compaction_adds_histograms_up_to_hours_and_changes_no_answer(tmp_path: Path) -> None:
    with open_archive(archive(tmp_path), trusted=True) as opened:
        before = opened.overview()

    compact(tmp_path)

    with open_archive(tmp_path, trusted=True) as opened:
        assert opened.overview() == before
        texts = opened.sql("SELECT latency FROM rollups")["latency"].to_pylist()
    assert texts.count(EMPTY) == 6
    assert len(texts) == 12
    assert survey(tmp_path).files["rollups"][0].rows == 9


def test_histograms_of_different_kinds_are_left_as_they_are(tmp_path: Path) -> None:
    other = '{"kind": "log", "base": 2, "unit": "us", "counts": {"3": 1}}'
    kinds = {"a": "nonsense", "b": other, "c": '{"counts": [1]}'}
    for part in range(2):
        rows = [
            bucket(part * 10, key, odd if part else histogram(s10=1), 1)
            for key, odd in kinds.items()
        ]
        write_archive(tmp_path, {"rollups": rows})

    compact(tmp_path)

    with open_archive(tmp_path, trusted=True) as opened:
        texts = set(opened.sql("SELECT latency FROM rollups")["latency"].to_pylist())
        assert texts == {*kinds.values(), histogram(s10=1)}
        assert [row.p50_us for row in opened.overview()] == [1, 1, 1]


@given(
    st.lists(st.dictionaries(st.integers(-9, 99).map(str), st.integers(0, 9)), max_size=6),
    st.lists(st.sampled_from(["", "{}", histogram(s1=1)[:-1], histogram(s7=1) * 2, "[1]"])),
)
def test_histograms_are_added_up_alike_however_they_are_written(
    counts: list[dict[str, int]], foreign: list[str]
) -> None:
    alike = [histogram(**{f"s{step}": count for step, count in one.items()}) for one in counts]
    # With one step apart from the others they are read one by one.
    others = [json.dumps(json.loads(text), indent=1) for text in alike[:1]] + alike[1:]
    shares = (0.1, 0.5, 0.9, 1.0)

    assert quantiles_us(alike, shares) == quantiles_us(others, shares)
    assert quantiles_us(alike + foreign, shares) == quantiles_us(others + foreign, shares)


def test_no_call_has_no_quantile() -> None:
    assert quantiles_us([], (0.5,)) == (None,)
    assert quantiles_us(["{}", "[]", '{"base": 0, "counts": {"-1": 1}}'], (0.5,)) == (None,)


def test_a_row_without_calls_has_no_ratio() -> None:
    nothing = dict.fromkeys(("calls", "lost", "attempts", "retries", "hedges", "denied"), 0)
    row = OverviewRow(
        key="a", **nothing, rejected=0, active_us=0, p50_us=None, p90_us=None, p99_us=None
    )

    assert row.attempts_per_call == 0.0


@pytest.mark.slow
def test_a_worker_answers_the_same(tmp_path: Path) -> None:
    root = archive(tmp_path)
    with open_archive(root) as foreign, open_archive(root, trusted=True) as ours:
        assert foreign.overview() == ours.overview()
