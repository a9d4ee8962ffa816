"""Cut the power of a disk that keeps as little as it may, and read what is left.

    python tests/harness/power_cut.py --cuts 20000 [--without sync-file]

The real recorder writes, rotates, publishes, dies and is recovered on a disk that notes what it was
asked to do. A cut takes a moment of that, and decides at random about everything that was not synced
until then: of a file's data a prefix stays, or zeros, and of the changes in a folder the first few
(those of different folders know nothing of each other). Then the archive is read: whatever the recorder
had acknowledged must be there, once, and nothing may be there twice.

``--without STEP`` leaves a step of the protocol out; then cuts must be found that lose something.
"""

import argparse
import collections
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from recourse import Executor, Policy, events
from recourse.testing import VirtualClock
from recourse_observe.archive import ArchiveError, survey
from recourse_observe.archive.disk import Disk
from recourse_observe.archive.journal import JournalOptions
from recourse_observe.archive.queue import EventQueue
from recourse_observe.archive.recording import Recording

STEPS = ("sync-append", "sync-file", "sync-folder", "rename", "remove-last")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a disk was asked to do; ``calls`` are acknowledged once it is done."""

    what: str
    path: Path
    data: bytes = b""
    to: Path | None = None
    calls: frozenset[str] = frozenset()


class NotingDisk(Disk):
    """A disk that does what it is asked to, and notes it; ``without`` one step of the protocol."""

    def __init__(self, without: str = "") -> None:
        self.steps: list[Step] = []
        self.without = without
        self._open: dict[int, Path] = {}

    def _note(self, what: str, path: Path, **more: Any) -> None:
        self.steps.append(Step(what, path, **more))

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._note("create", path)

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self._open[descriptor] = path
        self._note("create", path)
        return descriptor

    def append(self, descriptor: int, data: bytes) -> None:
        super().append(descriptor, data)
        self._note("append", self._open[descriptor], data=data)

    def sync(self, descriptor: int) -> None:
        if self.without != "sync-append":
            self._note("sync", self._open[descriptor])

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        super().write(path, write)
        data = path.read_bytes()
        if self.without == "rename":  # as if it were written in place
            path = path.with_name(path.name.removeprefix("_")[: -len(".12345678.tmp")])
        self._note("create", path)
        self._note("append", path, data=data)

    def sync_path(self, path: Path) -> None:
        if path.is_dir():
            if self.without != "sync-folder":
                self._note("sync-folder", path)
        elif self.without not in {"sync-file", "rename"}:
            self._note("sync", path)

    def rename(self, path: Path, to: Path) -> None:
        super().rename(path, to)
        if self.without != "rename":
            self._note("rename", path, to=to)

    def remove(self, path: Path) -> None:
        super().remove(path)
        self._note("remove", path)
        if self.without == "remove-last" and path.suffix == ".segment":
            published = max(i for i, s in enumerate(self.steps) if s.what == "rename")
            self.steps.insert(published, self.steps.pop())

    def remove_folder(self, path: Path) -> None:
        super().remove_folder(path)
        self._note("remove", path)

    def acknowledge(self, calls: frozenset[str]) -> None:
        """Note that these calls were said to be safe."""
        self._note("acknowledge", Path(), calls=calls)


@dataclass
class Files:
    """What a disk holds for certain, and what it may forget."""

    data: dict[int, bytes] = field(default_factory=dict)
    synced: dict[int, int] = field(default_factory=dict)
    now: dict[Path, int] = field(default_factory=dict)
    kept: dict[Path, int] = field(default_factory=dict)
    pending: dict[Path, list[Step]] = field(
        default_factory=lambda: collections.defaultdict(list[Step])
    )
    safe: set[str] = field(default_factory=set)
    _inodes: dict[int, int] = field(default_factory=dict)  # that each creation made

    def do(self, step: Step) -> None:
        """Take one step."""
        match step.what:
            case "create":
                inode = len(self.data)  # never the root's, -1
                self.data[inode], self.synced[inode] = b"", 0
                self.now[step.path] = self._inodes[id(step)] = inode
                self.pending[step.path.parent].append(step)
            case "append":
                self.data[self.now[step.path]] += step.data
            case "sync":
                inode = self.now[step.path]
                self.synced[inode] = len(self.data[inode])
            case "sync-folder":
                self._settle(step.path, len(self.pending[step.path]))
            case "rename":
                assert step.to is not None
                self.now[step.to] = self.now.pop(step.path)
                self.pending[step.path.parent].append(step)
            case "remove":
                self.now.pop(step.path, None)
                self.pending[step.path.parent].append(step)
            case _:
                self.safe |= step.calls

    def _settle(self, folder: Path, count: int) -> None:
        """Make the first changes of a folder last."""
        changes = self.pending[folder]
        for step in changes[:count]:
            if step.what == "create":
                self.kept[step.path] = self._inodes[id(step)]
            elif step.what == "rename":
                assert step.to is not None
                if step.path in self.kept:
                    self.kept[step.to] = self.kept.pop(step.path)
            else:
                self.kept.pop(step.path, None)
        del changes[:count]

    def cut(self, draw: random.Random) -> dict[Path, bytes]:
        """What is left when the power goes now: files by path."""
        for folder in list(self.pending):
            self._settle(folder, draw.randint(0, len(self.pending[folder])))
        left = {}
        for path, inode in self.kept.items():
            data, sure = self.data[inode], self.synced[inode]
            length = draw.randint(sure, len(data))
            lost = draw.randint(sure, length) if draw.random() < 0.5 else length
            left[path] = data[:lost] + bytes(length - lost)
        return left


def record(root: Path, without: str) -> NotingDisk:
    """Write an archive in three lives: two that die, and one that closes."""
    disk, clock = NotingDisk(without), VirtualClock()
    for life in range(3):
        queue = EventQueue(10_000, lambda: None)
        options = JournalOptions(service="s", instance=f"i{life}", rotate_rows=12, sync_s=0.0)
        recording = Recording(root, options, queue, clock, disk, pause=lambda: None)
        told: set[str] = set()
        executor = Executor(policies=[Policy("a.B")], observers=[Teller(queue, told)], clock=clock)
        for _ in range(4):
            for _ in range(2):
                executor.call("a.B", lambda: clock.advance(0.01))
            recording.step()
            disk.acknowledge(frozenset(told))
            recording.rotate_if_due()
            recording.work_aside()
        if life == 2:
            recording.finish(leave=True)
        else:
            recording.forget()
    return disk


class Teller:
    """Puts events where a recording takes them, and knows which calls have ended."""

    def __init__(self, queue: EventQueue, told: set[str]) -> None:
        self.queue = queue
        self.told = told

    def on_event(self, event: events.Event) -> None:
        """Take one event."""
        self.queue.put(event)
        if isinstance(event, events.CallEnd):
            self.told.add(event.call_id)


def found_calls(root: Path) -> Iterator[str]:
    """The ids of all finished calls of an archive."""
    found = survey(root)
    for segment in found.segments:
        if "calls" in segment.tables:
            yield from segment.tables["calls"]["call_id"].to_pylist()
    for file in found.files.get("calls", ()):
        yield from pq.ParquetFile(str(file.path)).read(["call_id"])["call_id"].to_pylist()


def put_back(left: dict[Path, bytes], was: Path, now: Path) -> None:
    """Make the files that a cut left; what lies in a folder that is gone is gone."""
    folders = {path.parent for path in left}
    for path, data in sorted(left.items()):
        to = now / path.relative_to(was)
        if to != now and not to.parent.is_dir():
            continue
        if path in folders or (not path.suffix and path.name != "lock"):
            to.mkdir()
        else:
            to.write_bytes(data)


def wrong(left: dict[Path, bytes], was: Path, safe: set[str], now: Path) -> str:
    """What is wrong with what a cut left; nothing, when it is as promised."""
    put_back(left, was, now)
    try:
        calls = list(found_calls(now))
    except ArchiveError as error:
        return "" if not safe else f"unreadable: {error}"
    lost = safe - set(calls)
    if lost:
        return f"{len(lost)} of {len(safe)} acknowledged calls lost"
    return f"{len(calls) - len(set(calls))} calls twice" if len(calls) != len(set(calls)) else ""


def moment(steps: list[Step], draw: random.Random) -> int:
    """When to cut: anywhere, or just after a segment went, which is when most depends on the rest."""
    removed = [i for i, s in enumerate(steps) if s.what == "remove" and s.path.suffix]
    if draw.random() < 0.5:
        return draw.randint(1, len(steps))
    return min(len(steps), draw.choice(removed) + draw.randint(1, 3))


def run(cuts: int, without: str, seed: int) -> collections.Counter[str]:
    """Make so many cuts; what went wrong, and how often."""
    draw = random.Random(seed)  # noqa: S311  # moments, not secrets
    work = Path(tempfile.mkdtemp(prefix="power-"))
    problems: collections.Counter[str] = collections.Counter()
    try:
        disk = record(work / "real", without)
        for _ in range(cuts):
            files = Files()
            files.kept[work / "real"] = -1
            files.data[-1], files.synced[-1] = b"", 0
            for step in disk.steps[: moment(disk.steps, draw)]:
                files.do(step)
            problem = wrong(files.cut(draw), work / "real", files.safe, work / "left")
            shutil.rmtree(work / "left", ignore_errors=True)
            problems[problem.split(":")[0]] += bool(problem)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return +problems


def main() -> None:
    """Cut, read and print; exits with 1 when something was wrong, or should have been and was not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=20_000)
    parser.add_argument("--without", choices=["", *STEPS], default="")
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    problems = run(said.cuts, said.without, said.seed)
    bad = sum(problems.values())
    print(
        f"{said.cuts} power cuts{' without ' + said.without if said.without else ''}: {bad} wrong"
    )
    for problem, count in problems.most_common(5):
        print(f"  {count:6} {problem}")
    sys.exit(bool(bad) != bool(said.without))


if __name__ == "__main__":
    main()
