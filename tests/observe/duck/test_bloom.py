"""What Bloom filters say is what the format means by it."""

import struct
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse_observe.duck.bloom import may_hold, xxh64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", 0xEF46DB3751D8E999),
        (b"a", 0xD24EC4F1A98C6E5B),
        (b"abc", 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ],
)
def test_a_hash_is_that_of_the_reference(text: bytes, expected: int) -> None:
    assert xxh64(text) == expected


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bloom") / "ids.parquet"
    ids = [f"660cc4df35680{index:011x}" for index in range(0, 4_000, 2)]
    rows = pa.table({"id": ids, "n": list(range(2_000)), "long": [one * 3 for one in ids]})
    wanted = {"ndv": 1_000, "fpp": 0.03}
    options = {"id": wanted, "long": wanted}
    pq.write_table(rows, path, row_group_size=1_000, bloom_filter_options=options)
    return path


def test_what_a_row_group_has_may_be_in_it_and_most_of_what_it_lacks_may_not(file: Path) -> None:
    footer = pq.read_metadata(file)
    for column, times in ((0, 1), (2, 3)):
        chunk = footer.row_group(0).column(column)
        ids = [f"660cc4df35680{index:011x}" * times for index in range(4_000)]
        said = [may_hold(file, chunk, xxh64(one.encode())) for one in ids]

        assert all(said[0:2_000:2])
        assert sum(said[1::2]) < 200


def test_a_column_without_a_filter_may_hold_anything(file: Path) -> None:
    assert may_hold(file, pq.read_metadata(file).row_group(0).column(1), xxh64(b"x"))
    assert may_hold(file, object(), xxh64(b"x"))


@dataclass
class Chunk:
    bloom_filter_offset: int | None = 4
    bloom_filter_length: int | None = 44


@pytest.mark.parametrize(
    ("data", "chunk"),
    [
        (b"\x15\x40" + bytes(60), Chunk(bloom_filter_length=8)),  # too short
        (b"\x99\x40" + bytes(60), Chunk()),  # begins with something else
        (b"\x15" + b"\xff" * 60, Chunk()),  # a number without an end
        (b"\x15\x42" + bytes(60), Chunk()),  # 33 bytes are no blocks
        (b"\x15\x80\x02" + bytes(60), Chunk()),  # longer than it is
        (b"\x15\x40" + bytes(20), Chunk()),  # cut off
    ],
)
def test_a_filter_that_makes_no_sense_excludes_nothing(
    data: bytes, chunk: Chunk, tmp_path: Path
) -> None:
    path = tmp_path / "odd"
    path.write_bytes(b"PAR1" + data)

    assert may_hold(path, chunk, xxh64(b"x"))


def test_an_empty_filter_excludes_everything(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"PAR1" + b"\x15\x40" + bytes(10) + struct.pack("<8I", *[0] * 8))

    assert not may_hold(path, Chunk(), xxh64(b"x"))
