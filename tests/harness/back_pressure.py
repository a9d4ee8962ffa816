"""Record from producers flat out, onto disks that are slow, full or gone, and account for every event.

    python tests/harness/back_pressure.py [without healthy slow dead returning hanging]
                                          [--seconds 3] [--producers 4] [--rounds 3] [--queue 32768]

Threads make calls as fast as they can, and beside them an event loop makes calls and looks how late it
wakes up. Meanwhile the account is read a thousand times a second: at each moment, and at the end,
emitted = written + dropped + queued must hold exactly, emitted must be what another observer has
counted by itself, and the archive must hold every call and tell every loss. Kinds of disks take
turns, one round after the other; ``without`` has an observer that forgets what it is told.
"""

import argparse
import asyncio
import errno
import itertools
import json
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recourse import Executor, Policy, events
from recourse_observe import open_archive
from recourse_observe.archive import ArchiveObserver
from recourse_observe.archive.disk import Disk
from recourse_observe.archive.queue import Counts

SLOW_S = 0.05
TICK_S = 0.002
LOOK_S = 0.001


class SlowDisk(Disk):
    """Takes its time for every batch and every file."""

    def append(self, descriptor: int, data: bytes) -> None:
        """Wait, then write."""
        time.sleep(SLOW_S)
        super().append(descriptor, data)

    def rename(self, path: Path, to: Path) -> None:
        """Wait, then rename."""
        time.sleep(SLOW_S)
        super().rename(path, to)


class DeadDisk(Disk):
    """Refuses everything, until a moment."""

    def __init__(self, until_s: float = float("inf")) -> None:
        self.until_s = until_s

    def make_folder(self, path: Path) -> None:
        """Refuse."""
        self._refuse()
        super().make_folder(path)

    def append(self, descriptor: int, data: bytes) -> None:
        """Refuse."""
        self._refuse()
        super().append(descriptor, data)

    def _refuse(self) -> None:
        if time.monotonic() < self.until_s:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


class HangingDisk(Disk):
    """Takes the first batch and never comes back."""

    def __init__(self) -> None:
        self.never = threading.Event()

    def append(self, descriptor: int, data: bytes) -> None:
        """Wait for the end of the run."""
        self.never.wait()
        super().append(descriptor, data)


DISKS: dict[str, Callable[[float], Disk]] = {
    "healthy": lambda _: Disk(),
    "slow": lambda _: SlowDisk(),
    "dead": lambda _: DeadDisk(),
    "returning": lambda seconds: DeadDisk(time.monotonic() + seconds / 3),
    "hanging": lambda _: HangingDisk(),
}


class Told:
    """Counts what every observer is told; forgets it otherwise."""

    def __init__(self) -> None:
        self._events, self._ends = itertools.count(), itertools.count()

    def on_event(self, event: events.Event) -> None:
        """Count one event; taking a number is one step, whatever other threads do."""
        next(self._events)
        if type(event) is events.CallEnd:
            next(self._ends)

    def counted(self) -> tuple[int, int]:
        """Events and ends of calls; asked once, at the end."""
        return next(self._events), next(self._ends)


@dataclass
class Run:
    """What was measured of one kind of disk."""

    took_s: "array[float]" = field(default_factory=lambda: array("d"))
    stalls_s: "array[float]" = field(default_factory=lambda: array("d"))
    counts: Counts | None = None
    looks: int = 0
    wrong: list[str] = field(default_factory=list)


def produce(executor: Executor, until_s: float, took_s: "array[float]") -> None:
    """Call until the time is over."""
    now, call, add = time.monotonic, executor.call, took_s.append
    while (began_s := now()) < until_s:
        call("bench.Call", int)
        add(now() - began_s)


async def tick(executor: Executor, until_s: float, stalls_s: "array[float]") -> None:
    """Call from an event loop, now and then, and note how late it wakes up."""

    async def nothing() -> int:
        return 0

    while (due_s := time.monotonic() + TICK_S) < until_s:
        await asyncio.sleep(TICK_S)
        stalls_s.append(max(0.0, time.monotonic() - due_s))
        await executor.acall("bench.Call", nothing)


def is_exact(counts: Counts) -> bool:
    """Whether the account adds up."""
    return counts.emitted == counts.written + counts.queued + sum(counts.dropped.values())


def drive(observers: list[Any], said: argparse.Namespace, look: Callable[[], None]) -> Run:
    """Let producers and an event loop call, and look at the account all the time."""
    run = Run()
    executor = Executor(policies=[Policy("bench.Call")], observers=observers)
    until_s = time.monotonic() + said.seconds
    each = [array("d") for _ in range(said.producers)]
    threads = [threading.Thread(target=produce, args=(executor, until_s, own)) for own in each]
    loop = threading.Thread(target=lambda: asyncio.run(tick(executor, until_s, run.stalls_s)))
    for thread in (*threads, loop):
        thread.start()
    while time.monotonic() < until_s:
        time.sleep(LOOK_S)
        look()
        run.looks += 1
    for thread in (*threads, loop):
        thread.join()
    for own in each:
        run.took_s.extend(own)
    executor.close()
    return run


def record(kind: str, root: Path, said: argparse.Namespace) -> Run:
    """One round with one kind of disk."""
    told = Told()
    if kind == "without":
        return drive([told], said, lambda: None)
    disk, inexact = DISKS[kind](said.seconds), list[str]()
    observer = ArchiveObserver(
        root, service="bench", queue_size=said.queue, rotate_s=said.seconds / 3, disk=disk
    )

    def look() -> None:
        if not is_exact(observer.counts):
            inexact.append(f"{observer.counts} does not add up")

    run = drive([observer, told], said, look)
    run.wrong += inexact
    if isinstance(disk, HangingDisk):
        observer.close(0.5)
        look()
        disk.never.set()
        wait_until(lambda: not any("recourse" in one.name for one in threading.enumerate()))
    elif isinstance(disk, DeadDisk) and disk.until_s < float("inf"):
        wait_until(observer.flush)
    observer.close(60.0)
    run.counts = observer.counts
    run.wrong += judge(kind, root, run.counts, told)
    return run


def wait_until(is_done: Callable[[], bool], seconds: float = 40.0) -> None:
    """Ask again until it is so, or for too long."""
    until_s = time.monotonic() + seconds
    while not is_done() and time.monotonic() < until_s:
        time.sleep(0.05)


def judge(kind: str, root: Path, counts: Counts, told: Told) -> list[str]:
    """What is wrong with the account at the end, and with the archive."""
    wrong = []
    events, ends = told.counted()
    if not is_exact(counts):
        wrong.append(f"at the end {counts} does not add up")
    if counts.emitted != events:
        wrong.append(f"{counts.emitted:,} events accounted for, {events:,} told")
    if kind in {"dead", "hanging"}:
        return wrong
    with open_archive(root, trusted=True) as archive:
        calls, weight = rows(archive, "SELECT count(*), sum(sample_weight) FROM calls")[0]
        known = rows(archive, "SELECT max(dropped_events) FROM recorder")[0][0]
    lost = sum(counts.dropped.values())
    if known != lost:
        wrong.append(f"the archive tells of {known:,} lost events, {lost:,} were")
    if not lost and not calls == weight == ends:
        wrong.append(f"the archive has {calls:,} calls, {ends:,} were made")
    if not ends - lost <= calls <= ends:
        wrong.append(f"the archive has {calls:,} calls of {ends:,}, with {lost:,} events lost")
    return wrong


def rows(archive: Any, sql: str) -> list[tuple[Any, ...]]:
    """What a statement answers."""
    return [tuple(row.values()) for row in archive.sql(sql).to_pylist()]


def shown(kind: str, runs: list[Run]) -> str:
    """The line of a kind: the median over its rounds."""
    cells = []
    for samples in ([sorted(run.took_s) for run in runs], [sorted(run.stalls_s) for run in runs]):
        for share in (0.5, 0.99, 1.0):
            at = [one[min(len(one) - 1, int(len(one) * share))] for one in samples if one]
            cells.append(f"{statistics.median(at) * 1000 if at else 0.0:9.3f}")
    rate = sum(len(run.took_s) for run in runs)
    return f"{kind:10}{rate:10,}" + "".join(cells)


def account(run: Run) -> str:
    """The account of the last round."""
    if run.counts is None:
        return ""
    lost = json.dumps(dict(run.counts.dropped), sort_keys=True)
    told = run.counts
    text = f"{told.emitted:,} = {told.written:,} + {sum(told.dropped.values()):,} + {told.queued:,}"
    state = "WRONG" if run.wrong else "exact"
    return f"{text}  {state}, {run.looks:,} looks; most waiting {told.high_water:,}; lost {lost}"


def main() -> None:
    """Run, judge and print; exits with 1 when an account is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = ["without", *DISKS]
    parser.add_argument("kinds", nargs="*", metavar="kind", help=", ".join(kinds))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--producers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--queue", type=int, default=32_768)
    said = parser.parse_args()
    if unknown := set(said.kinds) - set(kinds):
        parser.error(f"kind {min(unknown)!r} is unknown; use some of " + ", ".join(kinds))
    logging.getLogger("recourse.archive").setLevel(logging.CRITICAL)
    runs: dict[str, list[Run]] = {kind: [] for kind in said.kinds or kinds}
    with tempfile.TemporaryDirectory() as base:
        for turn, kind in itertools.product(range(said.rounds), runs):
            runs[kind].append(record(kind, Path(base) / f"{kind}-{turn}", said))
    print(
        f"{said.producers} producers and an event loop, {said.rounds} rounds of {said.seconds} s; ms"
    )
    print(f"{'':10}{'calls':>10}{'p50':>9}{'p99':>9}{'max':>9}{'loop p50':>9}{'p99':>9}{'max':>9}")
    for kind, found in runs.items():
        print(shown(kind, found))
    print("emitted = written + dropped + queued")
    for kind, found in runs.items():
        for run in found:
            if run.counts is not None:
                print(f"  {kind:10}{account(run)}")
            for line in run.wrong[:3]:
                print(f"    WRONG: {line}")
    sys.exit(any(run.wrong for found in runs.values() for run in found))


if __name__ == "__main__":
    main()
