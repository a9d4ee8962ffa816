import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from recourse_observe import open_archive
from recourse_observe.archive import survey, write_archive
from recourse_observe.archive.cache import MOST_BYTES, keep, place
from recourse_observe.archive.opened import LocalStore
from recourse_observe.archive.remembered import Remembered, recall, written

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recourse"


@pytest.fixture
def archive(tmp_path: Path, cache: Path) -> Path:
    del cache
    rows = [
        {"call_id": f"{i:03}", "key": f"k.{i % 3}", "started_at": AT + timedelta(hours=i)}
        for i in range(3)
    ]
    return write_archive(tmp_path / "archive", {"calls": rows})


@pytest.fixture
def footers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    really = pq.read_metadata

    def counting(path: str) -> object:
        opened.append(path)
        return really(path)

    monkeypatch.setattr(pq, "read_metadata", counting)
    return opened


def look(archive: Path) -> LocalStore:
    return LocalStore(archive, sandboxed=True, keeping=lambda said: keep(archive, said))


def test_a_second_look_opens_no_footer_and_verifies_no_page(
    archive: Path, footers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = look(archive)
    assert len(footers) == 3
    assert recall(archive) == Remembered(
        files=first.found.paths, whole=frozenset(first.found.paths)
    )
    footers.clear()
    monkeypatch.delattr("recourse_observe.archive.opened.page_problem")

    second = look(archive)

    assert second.found == first.found
    assert second.arrow("FROM calls ORDER BY ALL") == first.arrow("FROM calls ORDER BY ALL")
    assert footers == []


@pytest.mark.parametrize(
    "change", [os.utime, lambda path: path.write_bytes(path.read_bytes())], ids=["time", "bytes"]
)
def test_a_file_that_is_another_is_looked_at_again(
    archive: Path, footers: list[str], change: Callable[[Path], object]
) -> None:
    files = sorted(look(archive).found.paths)
    footers.clear()

    change(files[0])
    look(archive)

    assert footers == [str(files[0])]


def test_a_copy_with_the_same_time_and_size_is_another_file(
    archive: Path, footers: list[str]
) -> None:
    file = min(look(archive).found.paths)
    status = file.stat()
    footers.clear()

    copy = file.with_suffix(".copy")
    copy.write_bytes(file.read_bytes())
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy.replace(file)
    look(archive)

    assert footers == [str(file)]


def test_what_is_kept_is_not_believed_of_damage(archive: Path) -> None:
    file = min(look(archive).found.paths)
    status = file.stat()
    data = bytearray(file.read_bytes())
    data[len(data) // 8] ^= 1
    with file.open("r+b") as same:
        same.write(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    store = look(archive)
    found = store.arrow("SELECT call_id FROM calls ORDER BY ALL")["call_id"].to_pylist()

    assert found == ["001", "002"]
    assert file.name in store.warnings[0]


def entry(said: Any, place: int, value: object) -> None:
    said["files"][0][place] = value


SPOILT: dict[str, Callable[[Any], object]] = {
    "another form": lambda said: said.update(form=2),
    "another archive": lambda said: said.update(root="/"),
    "no files": lambda said: said.update(files=None),
    "no shapes": lambda said: said.update(shapes=[]),
    "no such table": lambda said: said["shapes"][0].__setitem__(0, "nothing"),
    "no number": lambda said: entry(said, 2, "many"),
    "no metadata": lambda said: entry(said, 6, []),
    "no times": lambda said: entry(said, 7, {"started_at": [["soon"], ["later"]]}),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_words_that_make_no_sense_are_nothing(
    archive: Path, spoil: Callable[[Any], object]
) -> None:
    look(archive)
    said = json.loads(place(archive).read_bytes())
    spoil(said)
    place(archive).write_text(json.dumps(said))

    assert recall(archive) == Remembered()
    assert len(look(archive).found.paths) == 3


def test_one_new_file_among_many_is_not_worth_writing(archive: Path, tmp_path: Path) -> None:
    rows = [
        {"call_id": f"{i}", "key": "k", "started_at": AT + timedelta(hours=i)} for i in range(9)
    ]
    look(archive)
    kept = place(archive).read_bytes()
    look(archive)
    assert place(archive).read_bytes() == kept

    more = write_archive(tmp_path / "more", {"calls": rows[3:]})
    for file in more.rglob("*.parquet"):
        target = archive / file.relative_to(more)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
    look(archive)
    assert place(archive).read_bytes() != kept


def test_one_file_alone_is_not_remembered(archive: Path) -> None:
    file = min(archive.rglob("*.parquet"))
    LocalStore(file, sandboxed=True, keeping=lambda _: pytest.fail("kept"))


def test_whoever_opens_an_archive_keeps_what_was_found(archive: Path, cache: Path) -> None:
    with open_archive(archive) as watched:
        watched.sql("SELECT 1")
    (kept,) = cache.iterdir()
    first = kept.read_bytes()
    kept.unlink()

    with open_archive(archive, trusted=True):
        pass

    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_bytes())["files"][0][:2] == json.loads(first)["files"][0][:2]


def test_the_cache_holds_what_was_kept_last(cache: Path, tmp_path: Path) -> None:
    for number in range(70):
        keep(tmp_path / str(number), b"{}")
        os.utime(place(tmp_path / str(number)), (number, number))

    assert len(list(cache.iterdir())) == 64
    assert place(tmp_path / "69").exists()


def test_without_a_folder_to_write_to_nothing_is_kept(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(archive, b" " * (MOST_BYTES + 1))
    assert not place(archive).exists()
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")

    keep(archive, written(archive, survey(archive).paths.values(), ()))

    assert recall(archive) == Remembered()


def test_a_user_without_a_home_is_answered_and_nothing_is_kept(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567_890)

    assert look(archive).rows("SELECT count(*) FROM calls") == [(3,)]
    assert recall(archive) == Remembered()
