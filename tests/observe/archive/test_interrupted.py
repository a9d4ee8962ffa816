"""Long commands, interrupted and killed at every one of their file operations."""

import atexit
import re
import shutil
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import ArchiveObserver, survey, write_archive
from recourse_observe.archive.asides import begun, place
from recourse_observe.archive.bundle import bundle, unbundled
from recourse_observe.archive.check import check
from recourse_observe.archive.compact import CompactionBusyError, alone, compact
from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.prune import prune

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


class Interrupted(Disk):
    """A disk on which somebody ends us at the n-th operation.

    Args:
        at: Which one.
        how: ``interrupted``, or ``killed``: then nothing is done from there on.
    """

    def __init__(self, at: int, how: str) -> None:
        self.left = at
        self.how = how

    def _step(self, do: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left == 0 or (self.left < 0 and self.how == "killed"):
            raise KeyboardInterrupt
        return do()

    def make_folder(self, path: Path) -> None:
        self._step(lambda: Disk.make_folder(self, path))

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        write(path)
        self._step(lambda: None)

    def sync_path(self, path: Path) -> None:
        """Nothing: nobody cuts the power here."""

    def rename(self, path: Path, to: Path) -> None:
        self._step(lambda: Disk.rename(self, path, to))

    def remove(self, path: Path) -> None:
        self._step(lambda: Disk.remove(self, path))

    def remove_folder(self, path: Path) -> None:
        self._step(lambda: Disk.remove_folder(self, path))


@pytest.fixture
def archive(tmp_path: Path, teller: Any) -> Path:
    """Three small files, a day that is old, a damaged file, and what a dead writer left."""
    root = tmp_path / "made" / "archive"
    for first in range(3):
        at = AT + timedelta(minutes=first)
        calls = [
            {"call_id": f"{first}{i}", "key": f"k.{i % 2}", "started_at": at} for i in range(4)
        ]
        old = {"call_id": f"old{first}", "key": "k", "started_at": AT - timedelta(days=first + 1)}
        write_archive(root, {"calls": [*calls, old]}, instance=f"web-{first}")
    bad = root / "calls" / "date=2026-11-21" / "hour=14" / "bad.parquet"
    bad.write_bytes(b"PAR1 and no more")
    dead = ArchiveObserver(root, flush_interval_s=60.0)
    dead._recording._publisher._recovered = True  # once forgotten, it would take itself for dead
    for event in teller.success():
        dead.on_event(event)
    dead.flush()
    dead._recording.forget()
    atexit.unregister(dead._at_exit)  # it is dead
    return Path(shutil.copytree(root, tmp_path / "archive"))  # where its thread never writes


COMMANDS: dict[str, Callable[[Path, Disk], object]] = {
    "compact": lambda root, disk: compact(root, rows_per_file=6, disk=disk),
    "prune": lambda root, disk: prune(root, AT, disk=disk),
    "repair": lambda root, disk: check(root, repair=True, trusted=True, disk=disk),
    "bundle": lambda root, disk: bundle(root, root.parent / "out.rarc", disk=disk),
}


def told(root: Path) -> Counter[str]:
    """The calls that a reader is told, each as often as it is."""
    found = survey(root)
    ids = Counter[str]()
    for file in found.files["calls"]:
        ids.update(pq.read_table(file.path)["call_id"].to_pylist())
    for segment in found.segments:
        if "calls" in segment.tables:
            ids.update(segment.tables["calls"]["call_id"].to_pylist())
    return ids


def left_in(folder: Path) -> list[str]:
    """Every file's name, but for what is drawn by lot in it."""
    return sorted(
        re.sub(r"compact\.[0-9a-f]{12}", "compact", path.relative_to(folder).as_posix())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    )


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("how", "every"), [("interrupted", 5), ("killed", 1)])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_ended_anywhere_loses_doubles_and_leaves_nothing(
    archive: Path, tmp_path: Path, name: str, how: str, every: int
) -> None:
    command = COMMANDS[name]
    before = told(archive)
    whole = Path(shutil.copytree(archive, tmp_path / "whole" / "archive"))
    command(whole, DISK)
    after = told(whole)

    at = 1
    while True:
        root = Path(shutil.copytree(archive, tmp_path / str(at) / "archive"))
        disk = Interrupted(at, how)
        try:
            command(root, disk)
        except KeyboardInterrupt:
            seen = told(root)
            assert after <= seen <= before, at
            command(root, DISK)
        if disk.left > 0:
            break
        assert told(root) == after, at
        assert left_in(root.parent) == left_in(whole.parent), at
        shutil.rmtree(root.parent)
        at += every

    assert at > 2
    assert (after == before) is (name != "prune")


def test_what_is_being_written_is_not_taken_for_left_behind(archive: Path) -> None:
    path = archive / "calls" / "date=2026-11-21" / "hour=14" / "mine.parquet"
    aside, dead = place(path), place(path)
    dead.write_bytes(b"half a fi")
    folder = place(path)
    folder.mkdir()
    other = path.with_name("_notes.tmp")
    other.write_text("no name of ours")

    with begun(aside):
        compact(archive)
        assert aside.exists()

    assert not dead.exists()
    assert other.exists()
    assert folder.exists()
    compact(archive)
    assert not aside.exists()
    assert (aside.parent / "bad.parquet").exists()


def test_asides_of_a_bundle_that_was_killed_go_with_the_next(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "a[b].rarc"
    mine, other = place(target), place(tmp_path / "ab.rarc")
    mine.write_bytes(b"PK")
    other.write_bytes(b"PK")

    bundle(archive, target)

    assert not mine.exists()
    assert other.exists()
    with unbundled(target) as folder:
        assert told(folder) == told(archive)


class Impatient(Disk):
    """A disk so slow that a person interrupts until the compaction is given up by who waits for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.was_alone = False
        self.pressed = threading.Event()

    def rename(self, path: Path, to: Path) -> None:
        if threading.current_thread() is threading.main_thread():
            super().rename(path, to)
            return
        main = threading.main_thread().ident or 0
        while is_compacting(sys._current_frames()[main]):
            signal.pthread_kill(main, signal.SIGINT)
            self.pressed.wait(0.001)
        with pytest.raises(CompactionBusyError), alone(self.root):
            pass
        self.was_alone = True
        super().rename(path, to)


def is_compacting(frame: FrameType | None) -> bool:
    return any(one.f_code is compact.__code__ for one, _ in traceback.walk_stack(frame))


def interrupt(_: int, frame: FrameType | None) -> None:
    if is_compacting(frame):
        raise KeyboardInterrupt


def test_nobody_else_begins_before_an_interrupted_compaction_has_ended(archive: Path) -> None:
    before = told(archive)
    disk = Impatient(archive)

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            compact(archive, disk=disk)
    finally:
        signal.signal(signal.SIGINT, previous)
    while is_busy(archive):
        disk.pressed.wait(0.001)

    assert disk.was_alone
    assert told(archive) == before
    compact(archive)
    assert told(archive) == before


def is_busy(root: Path) -> bool:
    try:
        with alone(root):
            return False
    except CompactionBusyError:
        return True
