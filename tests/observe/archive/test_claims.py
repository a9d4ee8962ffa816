from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import open_store, survey, write_archive
from recourse_observe.archive.check import check
from recourse_observe.archive.claims import Claims
from recourse_observe.archive.compact import compact
from recourse_observe.archive.index import INDEX, read_index, write_index

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
MISSED = "that are not those of its rows; questions may miss rows"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two hours with 40 calls each; one file says that its keys are others."""
    rows = [
        {
            "call_id": f"{i:04}",
            "key": f"a.{i % 2}",
            "policy_id": "p",
            "started_at": AT + timedelta(seconds=90 * i),
        }
        for i in range(80)
    ]
    root = write_archive(tmp_path / "archive", {"calls": rows})
    lie(first_of(root))
    return root


def first_of(root: Path) -> Path:
    return min((root / "calls").rglob("*.parquet"))


def lie(path: Path) -> None:
    """Make a footer say that ``a.0`` to ``a.1`` are ``b.0`` to ``b.1``."""
    data = path.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[start:]
    assert b"a.0" in footer
    path.write_bytes(data[:start] + footer.replace(b"a.0", b"b.0").replace(b"a.1", b"b.1"))


def asked(root: Path) -> int:
    with open_store(survey(root)) as store:
        return int(store.rows("SELECT count(*) FROM calls WHERE key = 'a.0'")[0][0])


def test_a_footer_that_is_not_of_its_rows_hides_them_and_check_says_so(archive: Path) -> None:
    bad = first_of(archive)
    assert asked(archive) < 40

    found = check(archive, trusted=True)

    assert dict(found.damaged) == {bad: f"has statistics of key {MISSED}"}
    assert found.warnings == (f"{bad.relative_to(archive)} has statistics of key {MISSED}",)
    assert (found.files, found.rows, found.is_whole) == (2, 80, False)
    assert bad.exists()


@pytest.mark.slow
def test_a_worker_finds_it_too(archive: Path) -> None:
    assert list(check(archive).damaged) == [first_of(archive)]


def test_a_repair_writes_such_a_file_anew_and_keeps_a_copy(archive: Path) -> None:
    bad = first_of(archive)
    data = bad.read_bytes()

    (copy,) = check(archive, repair=True, trusted=True).quarantined

    assert copy.read_bytes() == data
    assert "written anew" in copy.with_name(copy.name + ".reason").read_text()
    assert asked(archive) == 40
    assert pq.read_metadata(bad).metadata[b"recourse.table"] == b"calls"
    assert check(archive, trusted=True).is_whole


def test_a_compaction_says_what_the_rows_say(archive: Path) -> None:
    rows = [{"call_id": "z", "key": "a.0", "started_at": AT}]
    write_archive(archive, {"calls": rows}, instance="another")

    compact(archive)

    assert asked(archive) == 41
    assert check(archive, trusted=True).is_whole


def test_an_index_that_says_other_than_the_footers_is_named_and_repaired(archive: Path) -> None:
    check(archive, repair=True, trusted=True)
    index, path = archive / INDEX, first_of(archive)
    files = read_index(archive).values()
    write_index(archive, [replace(file, bounds={"key": ("x", "y")}) for file in files])

    found = check(archive, repair=True, trusted=True)

    shown = path.relative_to(archive)
    assert found.damaged[index] == (
        f"does not say of {shown} what its footer says; questions may miss rows"
    )
    assert found.quarantined == ()
    assert check(archive, trusted=True).is_whole


def test_an_index_of_files_as_they_were_is_no_lie(archive: Path) -> None:
    write_index(archive, survey(archive).paths.values())
    check(archive, repair=True, trusted=True)
    first_of(archive).unlink()
    write_index(archive, read_index(archive).values())

    assert check(archive, trusted=True).is_whole


def said(rows: int, **what: Any) -> Any:
    """A footer with a group of no rows and two of so many, which say this of ``x``."""
    told = {"has_null_count": False, "has_min_max": False, **what}
    chunks = [
        SimpleNamespace(path_in_schema="x", statistics=SimpleNamespace(**told)),
        SimpleNamespace(path_in_schema="x", statistics=None),
        SimpleNamespace(path_in_schema="y.list.element", statistics=SimpleNamespace(**told)),
    ]
    groups = [
        SimpleNamespace(num_rows=n, num_columns=len(chunks), column=chunks.__getitem__)
        for n in (0, rows, rows)
    ]
    return SimpleNamespace(num_row_groups=len(groups), row_group=groups.__getitem__)


@pytest.mark.parametrize(
    ("what", "values"),
    [
        ({}, [1]),
        ({"has_min_max": True, "min": 1, "max": 2}, [1, 2]),
        ({"has_min_max": True, "min": 0, "max": 9}, [1, 2]),
        ({"has_min_max": True, "min": "1", "max": "2"}, [1, 2]),
        ({"has_min_max": True, "min": 3, "max": 4}, [None, None]),
        ({"has_min_max": True, "min": 1, "max": 2}, [[1]]),
        ({"has_null_count": True, "null_count": 1}, [None, 1]),
    ],
)
def test_statistics_that_hold_all_values_are_right(what: dict[str, Any], values: Any) -> None:
    claims = Claims()

    claims.hear(said(len(values), **what), pa.record_batch({"x": values}))

    assert claims.problem == ""


@pytest.mark.parametrize(
    ("what", "values"),
    [
        ({"has_min_max": True, "min": 2, "max": 2}, [1, 2]),
        ({"has_min_max": True, "min": 1, "max": 1}, [1, 2]),
        ({"has_min_max": True, "min": "b", "max": "b"}, pa.array(["a"]).dictionary_encode()),
        ({"has_null_count": True, "null_count": 1}, [None, None]),
        ({"has_null_count": True, "null_count": 2}, [None, 1]),
    ],
)
def test_statistics_that_values_do_not_fit_are_wrong(what: dict[str, Any], values: Any) -> None:
    claims = Claims()

    claims.hear(said(len(values), **what), pa.record_batch({"x": values}))

    assert claims.problem == f"has statistics of x {MISSED}"


def test_row_groups_are_told_apart_whatever_comes_together() -> None:
    claims = Claims()
    footer = said(4, has_null_count=True, null_count=2)

    for values in ([None, 1], [2, None, None], [3, None, 4]):
        claims.hear(footer, pa.record_batch({"x": values}))
    assert claims.problem == ""

    claims.hear(footer, pa.record_batch({"x": [None]}))  # more rows than it says
    assert claims.problem == ""


def test_nulls_beyond_those_that_are_said_are_wrong() -> None:
    claims = Claims()

    claims.hear(said(2, has_null_count=True, null_count=1), pa.record_batch({"x": [None, None]}))

    assert claims.problem == f"has statistics of x {MISSED}"
