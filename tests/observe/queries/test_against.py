"""What a scope is compared with, and how its calls spread."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.cli import main
from recourse_observe.queries.against import BASELINES, against, sides
from recourse_observe.queries.archive import Archive, open_archive
from recourse_observe.queries.spread import Axis, Spread, axis_of, spread
from recourse_observe.scope import Scope, ScopeError

pytestmark = pytest.mark.slow
S = 1_000_000
DAY = 86_400 * S
T0 = 1_795_255_200 * S  # 2026-11-21T10:00:00Z


def rows(start_us: int, key: str, calls: int, *, lost: int, took_us: int) -> Iterator[Any]:
    """Calls of a second each; those that are lost fail twice, the others go well at once."""
    for number in range(calls):
        is_lost = number < lost
        common = {"call_id": f"{key}{start_us}-{number}", "key": key}
        started = start_us + number * S
        failed = {"outcome": "retryable", "reason": "http_503"} if is_lost else {}
        ended = {"success": False, "disposition": "exhausted", "final_outcome": "retryable"}
        yield (
            "calls",
            common | {"started_at": started, "duration_us": took_us, "attempts_run": 1 + is_lost}
            | (ended | {"final_reason": "http_503"} if is_lost else {}),
        )  # fmt: skip
        for attempt in range(1 + is_lost):
            yield (
                "attempts",
                common | failed
                | {"attempt": attempt, "started_at": started + attempt, "duration_us": took_us // 2},
            )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two keys on two days; only today one of them loses half of its calls."""
    tables: dict[str, list[dict[str, Any]]] = {"calls": [], "attempts": []}
    for start, key, lost, took in (
        (T0 - DAY, "pay*", 0, 8_000),
        (T0, "pay*", 5, 32_000),
        (T0, "geo", 1, 2_000),
    ):
        for table, row in rows(start, key, 10, lost=lost, took_us=took):
            tables[table].append(row)
    return write_archive(tmp_path_factory.mktemp("against") / "days", tables, service="shop")


@pytest.fixture(scope="module")
def archive(place: Path) -> Iterator[Archive]:
    with open_archive(place, trusted=True) as opened:
        yield opened


TODAY = Scope(start_unix_us=T0, end_unix_us=T0 + 10 * S, key="pay*")


def based(baseline: str | None, where: str = "") -> Scope:
    return Scope(
        start_unix_us=T0, end_unix_us=T0 + 10 * S, key="pay*", where=where, baseline=baseline
    )


@pytest.mark.parametrize(
    ("baseline", "of_a", "of_b"),
    [
        (None, None, (10, 5)),
        ("before", None, (10, 5)),
        ("yesterday", (10, 0), (10, 5)),
        ("others", (10, 1), (10, 5)),
        ("successes", (5, 0), (5, 5)),
        ("2026-11-20T10:00..2026-11-20T10:00:05", (5, 0), (10, 5)),
    ],
)
def test_a_baseline_says_what_a_is(
    archive: Archive, baseline: str | None, of_a: tuple[int, int] | None, of_b: tuple[int, int]
) -> None:
    found = against(archive, based(baseline))

    measures = [
        None if row is None else (row.calls, row.lost)
        for row in (found.measures_a, found.measures_b)
    ]
    assert measures == [of_a, of_b]


def test_what_happens_meanwhile_did_not_change_in_time(archive: Archive) -> None:
    for baseline in ("others", "successes"):
        assert not any(c.is_in_time_only for c in against(archive, based(baseline)).contrasts)
    yesterday = against(archive, based("yesterday")).contrasts
    assert {c.share_others for c in yesterday if c.entry == "http_503"} == {2 / 11}


def test_good_calls_are_found_whatever_the_filter_says_of_their_end(archive: Archive) -> None:
    both = sides(archive, based("successes", "lost attempts>1 -unfinished"))

    assert both.a.where == "'attempts>1' -lost -unfinished"
    assert both.b.where == "'attempts>1' lost"


def test_the_others_of_every_key_are_every_key(archive: Archive) -> None:
    everything = based("others").of(None)

    assert sides(archive, everything).a == everything


def test_a_baseline_that_is_none_says_what_there_is(archive: Archive) -> None:
    with pytest.raises(ScopeError, match="use before, yesterday, others, successes, or two"):
        sides(archive, based("nonsense"))


def test_calls_spread_by_attempts_and_by_what_they_took(archive: Archive) -> None:
    found = spread(archive, TODAY)

    assert found == Spread(
        by_attempts={1: 5, 2: 5}, by_attempt={27: 10}, by_call={29: 10}, tried=10, failed_first=5
    )
    assert found.failed_first_share == 0.5
    assert found.attempts_told() == "1 50%  2 50%"
    assert found.to_json() == {
        "calls_by_attempts": {"1": 5, "2": 5},
        "calls_by_longest_attempt_us": {"11585": 10},
        "calls_by_duration_us": {"23170": 10},
        "first_attempt_fails": 0.5,
    }


def test_two_spreads_have_one_axis() -> None:
    nothing = Spread(by_attempts={}, by_attempt={}, by_call={}, tried=0, failed_first=0)
    some = Spread(by_attempts={1: 3, 4: 1, 7: 1}, by_attempt={20: 3}, by_call={22: 1}, tried=4, failed_first=0)  # fmt: skip

    assert axis_of(nothing) == Axis(first=0, last=0)
    assert axis_of(nothing, some) == Axis(first=20, last=22)
    assert list(axis_of(some).shares(some.by_attempt)) == [1.0, 0.0, 0.0]
    assert list(axis_of(some).shares(nothing.by_attempt)) == [0.0, 0.0, 0.0]
    assert axis_of(some).told(18) == "1.0 ms" + "2.9 ms".rjust(12)
    assert nothing.failed_first_share is None
    assert nothing.attempts_told() == "—"
    assert some.attempts_told() == "1 60%  4+ 40%"
    many = Spread(by_attempts={1: 999, 2: 1}, by_attempt={}, by_call={}, tried=0, failed_first=0)
    assert many.attempts_told() == "1 100%  2 <1%"


@pytest.fixture
def said(place: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str) -> tuple[int, str, str]:
        window = "2026-11-21T10:00:00Z..2026-11-21T10:00:10Z"
        code = main(["compare", str(place), "--trust", "-k", "pay*", "--b", window, *argv])
        out, err = capsys.readouterr()
        return int(code), out, err

    return run


def test_the_command_compares_with_every_baseline(said: Any, archive: Archive) -> None:
    assert BASELINES[1:3] == ("yesterday", "others")
    for baseline in BASELINES[1:3]:
        code, out, _ = said("--baseline", baseline, "--json")
        document, found = json.loads(out), against(archive, based(baseline))

        assert code == 0
        for side, row in (("a", found.measures_a), ("b", found.measures_b)):
            told = document[side]["measures"]
            assert (told["calls"], told["calls lost"]) == (
                (None, None) if row is None else (row.calls, row.lost)
            )
        assert document["of_contrasts"] == len(found.contrasts)
        assert document["distributions"]["b"] == spread(archive, found.b).to_json()


def test_the_command_draws_how_calls_spread_and_names_another_day(said: Any) -> None:
    _, out, err = said("--baseline", "yesterday", "--explain")

    assert "A 2026-11-20 10:00:00 to 10:00:09 UTC  pay*" in out
    assert "B 2026-11-21 10:00:00 to 10:00:09 UTC  pay*" in out
    assert "attempts of a call  1 100%" in out
    assert "1 50%  2 50%" in out
    assert [line for line in err.splitlines() if line.startswith("-- E3")] == [
        "-- E3: attempts of A by every dimension"
    ]


def test_the_command_compares_nothing_with_nothing(said: Any) -> None:
    _, out, _ = said("--baseline", "2026-11-20T11:00..2026-11-20T12:00")

    assert out.endswith("One side has no call, so there is nothing to compare.\n")


def test_a_baseline_beside_another_a_is_a_usage_error(said: Any) -> None:
    code, _, err = said("--baseline", "others", "--key-b", "geo")

    assert code == 2
    assert "--baseline says what A is; leave out --a" in err
