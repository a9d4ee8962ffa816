import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.columns import Rows, Words, row
from recourse_observe.archive.disk import Disk, DiskLost
from recourse_observe.archive.files import Source
from recourse_observe.archive.fold import Fold
from recourse_observe.archive.publish import segment_tables
from recourse_observe.archive.segment import FRAME, LENGTH, MAGIC, SegmentHead, SegmentWriter
from recourse_observe.archive.segment_data import SegmentData, read_segment

Beats = Callable[..., dict[str, Rows]]
HEAD = SegmentHead(
    source=Source(service="checkout", instance="web-1", region="eu"),
    sequence=7,
    wall_ns=1_000,
    monotonic_ns=2_000,
)


@pytest.fixture
def words() -> Words:
    return Words()


@pytest.fixture
def segment(tmp_path: Path, words: Words) -> SegmentWriter:
    return SegmentWriter(Disk(), tmp_path / "000007.segment", HEAD, words)


@pytest.fixture
def beats(words: Words) -> Callable[..., dict[str, Rows]]:
    def batch(count: int, first: int = 0) -> dict[str, Rows]:
        rows = Rows()
        for i in range(first, first + count):
            word, longs, others = row(
                "recorder", recorded_at=i, event="heartbeat", rows=i, dropped_events=0,
                queue_high_water=0, monotonic_ns=i, wall_ns=i,
            )  # fmt: skip
            rows.add(words.code("recorder", word), longs, others)
        return {"recorder": rows}

    return batch


def read_rows(path: Path) -> list[int]:
    data = read_segment(path)
    tables = segment_tables(data)
    return [] if not tables else tables["recorder"]["rows"].to_pylist()


def frame(head: Any, *blocks: bytes) -> bytes:
    text = json.dumps(head).encode()
    payload = LENGTH.pack(len(text)) + text + b"".join(blocks)
    return FRAME.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def test_what_was_appended_is_read(segment: SegmentWriter, beats: Beats) -> None:
    batch = beats(7000)

    segment.append(batch, 5, 6)
    segment.append(beats(3, 7000), 7, 8)
    segment.sync()

    data = read_segment(segment.path)
    assert not batch["recorder"]
    assert segment.rows == data.rows == 7003
    assert not segment.has_detail
    assert data.head == HEAD
    assert data.wall_ns == 7
    assert data.torn_bytes == 0
    assert read_rows(segment.path) == list(range(7003))


def test_every_kind_of_row_survives(
    segment: SegmentWriter, teller: Any, taken: Callable[[list[Any]], list[Any]]
) -> None:
    fold = Fold()
    segment = SegmentWriter(Disk(), segment.path.with_name("all"), HEAD, fold.words)
    fold.feed(taken([*teller.one_of_each(), *teller.in_flight()]))
    segment.append(fold.take(None), 1, 1)

    tables = segment_tables(read_segment(segment.path))

    assert {name: table.num_rows for name, table in tables.items()} == {
        "attempts": 11,
        "budget_decisions": 4,
        "hedges": 2,
        "circuit_transitions": 1,
        "policies": 1,
        "rollups": 1,
        "calls": 7,
    }
    assert list(tables)[-1] == "calls"
    assert segment.has_detail


@pytest.mark.slow
def test_a_segment_cut_at_any_byte_is_read_up_to_its_last_whole_batch(
    segment: SegmentWriter, beats: Beats
) -> None:
    ends = [segment.path.stat().st_size]
    for first in range(2):
        segment.append(beats(1, first), 1, 1)
        ends.append(segment.path.stat().st_size)
    whole = segment.path.read_bytes()
    torn = segment.path.with_name("torn")

    for size in range(len(whole)):
        torn.write_bytes(whole[:size])
        batches = sum(end <= size for end in ends) - 1
        if batches < 0:
            with pytest.raises(ValueError, match="has no whole batch"):
                read_segment(torn)
            continue
        data = read_segment(torn)
        assert (data.rows, data.torn_bytes) == (batches, size - ends[batches])
    torn.write_bytes(whole[:-1])
    assert read_rows(torn) == [0]


def test_a_bit_that_fell_over_ends_the_segment(segment: SegmentWriter, beats: Beats) -> None:
    segment.append(beats(1), 1, 1)
    size = segment.path.stat().st_size
    segment.append(beats(1, 1), 1, 1)
    data = bytearray(segment.path.read_bytes())

    for place in range(size, len(data), 7):
        flipped = data.copy()
        flipped[place] ^= 4
        segment.path.write_bytes(flipped)
        assert read_segment(segment.path).rows == 1


@pytest.mark.parametrize(
    "head",
    [
        {},
        [],
        {"format": "recourse.segment", "major": 2},
        {"format": "recourse.segment", "major": 1},
    ],
)
def test_another_head_is_no_segment(tmp_path: Path, head: Any) -> None:
    path = tmp_path / "x"
    path.write_bytes(frame(head))

    with pytest.raises(ValueError, match="is no segment of this version"):
        read_segment(path)


GOOD: dict[str, Any] = {
    "wall_ns": 1, "monotonic_ns": 1, "table": "recorder", "rows": 1,
    "words": [[0, ["heartbeat"]]], "longs": ["rows"], "texts": {"detail": [1, 0]}, "reals": {},
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"table": "nothing"},
        {"table": None},
        {"rows": 2},
        {"rows": -1},
        {"words": []},
        {"words": None},
        {"words": [["heartbeat"]]},
        {"words": [[0, "heartbeat"]]},
        {"words": [[0, ["heartbeat", "more"]]]},
        {"words": [[0, [7]]]},
        {"words": [[1, ["heartbeat"]]]},
        {"words": [[-1, ["heartbeat"]]]},
        {"words": [[2**31, ["heartbeat"]]]},
        {"words": [["0", ["heartbeat"]]]},
        {"longs": ["rows", "wall_ns"]},
        {"texts": {"detail": [2, 0]}},
        {"texts": {"detail": [0, 1]}},
        {"texts": {"detail": [-1, 2]}},
        {"texts": {"detail": "x"}},
        {"texts": {}},
        {"texts": None},
        {"reals": None},
        {"wall_ns": None},
    ],
)
def test_a_batch_that_contradicts_itself_ends_the_segment(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "x"
    columns = struct.pack("<i", 0), struct.pack("<q", 5), struct.pack("<2i", 0, 1) + b"x"
    good, bad = frame(GOOD, *columns), frame(GOOD | change, *columns)
    head = frame(HEAD.as_json())

    path.write_bytes(head + good)
    assert read_rows(path) == [5]

    path.write_bytes(head + bad + good)
    assert read_rows(path) == []


def test_a_frame_that_claims_too_much_ends_the_segment(
    segment: SegmentWriter, beats: Beats
) -> None:
    segment.append(beats(1), 1, 1)
    with segment.path.open("ab") as file:
        file.write(FRAME.pack(MAGIC, 2**31, 0) + b"x" * 50)

    assert read_rows(segment.path) == [0]


class Full(Disk):
    """A disk with so many bytes left."""

    def __init__(self, left: int) -> None:
        self.left = left

    def append(self, descriptor: int, data: bytes) -> None:
        taken = data[: self.left]
        self.left -= len(taken)
        super().append(descriptor, taken)
        if taken != data:
            raise OSError(28, "No space left on device")


def test_a_short_write_is_cut_back_to_the_last_whole_batch(
    tmp_path: Path, words: Words, beats: Beats
) -> None:
    disk = Full(120_000)
    segment = SegmentWriter(disk, tmp_path / "x", HEAD, words)
    segment.append(beats(1), 1, 1)
    whole = segment.path.stat().st_size
    batch = beats(5000, 1)

    with pytest.raises(OSError, match="No space left"):
        segment.append(batch, 1, 1)

    segment.close()
    assert segment.path.stat().st_size >= whole
    kept = read_rows(segment.path)
    assert read_segment(segment.path).torn_bytes == 0
    assert kept == list(range(len(kept)))
    assert len(kept) > 1
    assert len(kept) + len(batch["recorder"]) == 5001


def test_a_segment_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        SegmentWriter(Full(20), tmp_path / "x", HEAD, Words())

    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_even_the_cut_leaves_a_torn_segment(
    tmp_path: Path, words: Words, beats: Beats
) -> None:
    class Broken(Full):
        def cut(self, descriptor: int, size: int) -> None:
            raise OSError(5, "Input/output error")

    segment = SegmentWriter(Broken(1_000), tmp_path / "x", HEAD, words)

    with pytest.raises(OSError, match="No space left"):
        segment.append(beats(100), 1, 1)

    assert read_segment(segment.path).torn_bytes > 0
    assert read_rows(segment.path) == []


def test_a_removed_segment_is_noticed(segment: SegmentWriter, beats: Beats) -> None:
    segment.path.unlink()

    with pytest.raises(DiskLost):
        segment.append(beats(1), 1, 1)


def test_a_write_of_half_is_an_error(
    segment: SegmentWriter, beats: Beats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.write", lambda descriptor, data: len(data) // 2)

    with pytest.raises(OSError, match="bytes were written"):
        segment.append(beats(1), 1, 1)


def test_empty_data_has_no_tables() -> None:
    assert segment_tables(SegmentData(HEAD)) == {}
