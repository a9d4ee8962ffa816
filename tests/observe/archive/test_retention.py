import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.archive.compact import alone, compact
from recourse_observe.archive.retention import expire

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALLS = "SELECT call_id FROM calls ORDER BY call_id"


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def calls(first: int, *started: datetime, duration: timedelta = HOUR / 60) -> list[dict[str, Any]]:
    return [
        {
            "call_id": f"c{number}",
            "key": "a.B",
            "started_at": at,
            "ended_at": at + duration,
        }
        for number, at in enumerate(started, first)
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three hours with a call each, and an attempt in the first."""
    root = tmp_path / "archive"
    attempt = {"call_id": "c0", "key": "a.B", "started_at": NOON, "duration_us": 1}
    write_archive(
        root,
        {"calls": calls(0, NOON, NOON + HOUR, NOON + 2 * HOUR), "attempts": [attempt]},
    )
    return root


def test_hours_that_are_over_go_whole_and_others_stay(
    root: Path, ask: Callable[..., list[Any]]
) -> None:
    assert expire(root, us(NOON)) == 0
    assert expire(root, us(NOON + HOUR)) == 2  # the call ended a minute after it began

    assert ask(CALLS) == [("c1",), ("c2",)]
    assert ask("SELECT count(*) FROM attempts") == [(0,)]
    assert not (root / "attempts" / "date=2026-11-21").exists()
    assert expire(root, us(NOON + HOUR)) == 0


def test_an_hour_stays_while_one_of_its_rows_is_young(
    tmp_path: Path, ask: Callable[..., list[Any]]
) -> None:
    root = tmp_path / "archive"
    write_archive(root, {"calls": calls(0, NOON)}, instance="a")
    write_archive(root, {"calls": calls(1, NOON, duration=3 * HOUR)}, instance="b")

    assert expire(root, us(NOON + 2 * HOUR)) == 0
    assert ask(CALLS) == [("c0",), ("c1",)]


def test_a_compacted_hour_goes_too(root: Path) -> None:
    compact(root)

    assert expire(root, us(NOON + 3 * HOUR)) == 4
    assert not list(root.glob("*/date=*"))


def test_other_names_and_links_are_left(root: Path, tmp_path: Path) -> None:
    hour = root / "calls" / "date=2026-11-21" / "hour=12"
    (hour / "mine.parquet").write_text("not ours")
    (hour.parent / "hour=noon").mkdir()
    elsewhere = tmp_path / "elsewhere"
    (hour.parent / "hour=13").rename(elsewhere)
    (hour.parent / "hour=13").symlink_to(elsewhere)

    expire(root, us(NOON + 9 * HOUR))

    assert [path.name for path in hour.iterdir()] == ["mine.parquet"]
    assert len(list(elsewhere.iterdir())) == 1


def test_what_is_half_published_stays(root: Path) -> None:
    segment = root / "_live" / "instance-1" / "000000.segment"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"")
    os.utime(segment, (us(NOON) / 1e6 + 9e6, us(NOON) / 1e6 + 9e6))

    assert expire(root, us(NOON + 3 * HOUR)) == 2  # those of the other numbers

    assert segment.exists()


def test_segments_that_nobody_could_recover_go_when_they_are_old(root: Path) -> None:
    folder = root / "_live" / "dead"
    folder.mkdir(parents=True)
    for name, moment in (("000000", NOON), ("000001", NOON + 2 * HOUR)):
        path = folder / f"{name}.segment"
        path.write_bytes(b"torn")
        os.utime(path, (moment.timestamp(), moment.timestamp()))

    assert expire(root, us(NOON) + 1) == 1
    assert [path.name for path in folder.iterdir()] == ["000001.segment"]


def test_nothing_expires_while_somebody_compacts(root: Path) -> None:
    with alone(root):
        assert expire(root, us(NOON + 9 * HOUR)) == 0

    assert expire(root, us(NOON + 9 * HOUR)) == 4
