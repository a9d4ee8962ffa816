import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import ArchiveObserver, write_archive
from recourse_observe.archive.compact import compact
from recourse_observe.archive.follow import Follower

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


def add(root: Path, first: int, count: int = 3) -> None:
    rows = [
        {"call_id": f"{i:03}", "key": f"k.{i % 2}", "started_at": AT + timedelta(seconds=i)}
        for i in range(first, first + count)
    ]
    write_archive(root, {"calls": rows}, instance=f"web-{first}")


def ids(told: dict[str, Any]) -> list[str]:
    return sorted(told["calls"]["call_id"].to_pylist()) if "calls" in told else []


def test_what_is_there_is_told_only_when_asked_for(tmp_path: Path) -> None:
    add(tmp_path, 0)
    late, whole = Follower(tmp_path), Follower(tmp_path, from_start=True)

    assert ids(late.poll()) == []
    assert ids(whole.poll()) == ["000", "001", "002"]
    add(tmp_path, 3)
    assert ids(late.poll()) == ids(whole.poll()) == ["003", "004", "005"]
    assert late.poll() == {}
    assert late.warnings == ()


def test_an_archive_may_be_empty_yet(tmp_path: Path) -> None:
    write_archive(tmp_path, {})
    follower = Follower(tmp_path)
    assert follower.poll() == {}
    assert follower.warnings == ()

    add(tmp_path, 0)

    assert ids(follower.poll()) == ["000", "001", "002"]


def test_what_is_compacted_is_not_told_again(tmp_path: Path) -> None:
    follower = Follower(tmp_path, from_start=True)
    add(tmp_path, 0)
    add(tmp_path, 3)
    follower.poll()

    compact(tmp_path)

    assert follower.poll() == {}


@pytest.mark.parametrize("rows_per_file", [4, 5_000_000])
def test_what_is_compacted_before_it_was_seen_is_told_once(
    tmp_path: Path, rows_per_file: int
) -> None:
    follower = Follower(tmp_path, from_start=True)
    add(tmp_path, 0)
    follower.poll()
    add(tmp_path, 3)
    add(tmp_path, 6)

    compact(tmp_path, rows_per_file=rows_per_file * 2)

    assert ids(follower.poll()) == ["003", "004", "005", "006", "007", "008"]
    assert follower.poll() == {}


def test_a_file_of_nobody_is_told_once(tmp_path: Path) -> None:
    add(tmp_path, 0)
    file = next(tmp_path.rglob("*.parquet"))
    named = file.with_name("part-0.parquet")
    file.rename(named)
    narrow = pq.read_table(named).drop_columns(["region"])
    pq.write_table(narrow, named)
    follower = Follower(tmp_path, from_start=True)

    assert ids(follower.poll()) == ["000", "001", "002"]
    assert follower.poll() == {}


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["fpc", "fcp", "pfc", "fcfp", "ffpcf"])
def test_each_row_is_told_once_while_segments_become_files(
    tmp_path: Path, teller: Any, steps: str
) -> None:
    """Look after every flush, publication and compaction, in every order that matters."""
    follower = Follower(tmp_path, from_start=True, tables=("calls", "attempts"))
    told: Counter[tuple[Any, ...]] = Counter()
    expected = 0

    def look() -> None:
        for table, rows in follower.poll().items():
            hedged = "attempt" in rows.column_names
            columns = ("call_id", "attempt", "hedge_index") if hedged else ("call_id",)
            told.update(
                (table, *identity)
                for identity in zip(*(rows[name].to_pylist() for name in columns), strict=True)
            )

    for _ in range(2):
        observer = ArchiveObserver(tmp_path, flush_interval_s=60.0)
        for step, number in zip(itertools.cycle(steps), range(len(steps) * 2), strict=False):
            match step:
                case "f":
                    for event in [*teller.retried(), *teller.success()]:
                        observer.on_event(event)
                    expected += 5
                    observer.flush()
                case "p":
                    observer.close()
                    observer = ArchiveObserver(tmp_path, flush_interval_s=60.0)
                case _:
                    compact(tmp_path)
            if number % 2 or step == "f":
                look()
        observer.close()
        look()

    assert {k: v for k, v in told.items() if v > 1} == {}
    assert len(told) == expected
