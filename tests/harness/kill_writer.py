"""Kill a recording service at random moments, and look for what its callers had already been given.

    python tests/harness/kill_writer.py --kills 1000 [--durability journal] [--flush-ms 50]

A child process makes calls in four threads as fast as it can, into an archive that rotates ten times a
second, and reports each call that has returned through a pipe. The parent kills it with SIGKILL at a
moment drawn at random, ten times for each archive (so recovery is killed too), then has another
process open the archive. A call is lost when its caller had its value longer before the kill than the
durability allows, and the archive does not have it.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recourse import Executor, Policy, RetryPolicy, events
from recourse_observe.archive import ArchiveObserver

ACK = struct.Struct("<24sd")
THREADS = 4
PER_ARCHIVE = 10
READERS = 2
CHECK = """
import json, sys
from recourse_observe import open_archive
try:
    with open_archive(sys.argv[1], trusted=True) as archive:
        rows = archive.sql("SELECT call_id FROM calls WHERE disposition <> 'unfinished'")
        ids = rows.column("call_id").to_pylist()
        found = {"ids": ids, "warnings": list(archive.warnings)}
except Exception as error:
    found = {"problem": f"{type(error).__name__}: {error}"}
print(json.dumps(found))
"""


@dataclass
class Result:
    """What became of the kills so far."""

    kills: int = 0
    unreadable: list[str] = field(default_factory=list)
    warnings: int = 0
    acknowledged: int = 0
    missing: int = 0
    lost: int = 0
    twice: int = 0
    worst_ms: float = 0.0
    took_s: float = 0.0


class Last:
    """An observer that knows the id of the call which this thread has just ended."""

    def __init__(self) -> None:
        self.of = threading.local()

    def on_event(self, event: events.Event) -> None:
        """Keep the id of a call that ends."""
        if isinstance(event, events.CallEnd):
            self.of.call_id = event.call_id


def serve(root: Path, durability: str, flush_s: float, pipe: int) -> None:
    """Make calls until killed."""
    last = Last()
    recorder = ArchiveObserver(
        root, service="victim", durability=durability, flush_interval_s=flush_s, rotate_s=0.1
    )
    retry = RetryPolicy(max_attempts=2, initial_backoff_s=0.001, max_backoff_s=0.001)
    executor = Executor(policies=[Policy("victim.Call", retry=retry)], observers=[recorder, last])

    def work() -> None:
        turns = itertools.count()

        def operation() -> int:
            turn = next(turns)
            if turn % 7 == 0:
                raise ConnectionResetError
            return turn

        while True:
            executor.call("victim.Call", operation)
            os.write(pipe, ACK.pack(last.of.call_id.encode(), time.monotonic()))

    for _ in range(THREADS):
        threading.Thread(target=work, daemon=True).start()
    signal.pause()


def acknowledged(source: int, until: list[float]) -> Iterator[tuple[str, float]]:
    """Calls whose callers had their value, and when, as read from the pipe until it is closed."""
    rest = b""
    while chunk := os.read(source, 1 << 16):
        rest += chunk
        whole = len(rest) // ACK.size * ACK.size
        yield from ((i.rstrip(b"\0").decode(), at) for i, at in ACK.iter_unpack(rest[:whole]))
        rest = rest[whole:]
        if time.monotonic() >= until[0]:
            return


def kill_once(
    root: Path, durability: str, flush_s: float, lives_s: float
) -> tuple[float, dict[str, float]]:
    """Start a service, kill it; when, and what it had acknowledged."""
    source, pipe = os.pipe()
    child = os.fork()
    if not child:
        os.close(source)
        try:
            serve(root, durability, flush_s, pipe)
        finally:
            os._exit(1)
    os.close(pipe)
    killed = [0.0]

    def kill() -> None:
        killed[0] = time.monotonic()
        os.kill(child, signal.SIGKILL)

    timer = threading.Timer(lives_s, kill)
    timer.start()
    acks = dict(acknowledged(source, [float("inf")]))
    timer.join()
    os.close(source)
    os.waitpid(child, 0)
    return killed[0], acks


def asked(root: Path) -> "subprocess.Popen[str]":
    """Another process, which opens the archive and prints what it finds."""
    command = [sys.executable, "-c", CHECK, str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@dataclass
class Case:
    """An archive whose writers have been killed, and who is looking at it."""

    root: Path
    kills: list[tuple[float, dict[str, float]]]
    reader: "subprocess.Popen[str]"

    def judge(self, allowed_s: float, result: Result) -> None:
        """Compare the archive with what callers had been given."""
        said, complaints = self.reader.communicate()
        shutil.rmtree(self.root, ignore_errors=True)
        found = json.loads(said or json.dumps({"problem": complaints[-500:]}))
        if "problem" in found:
            result.unreadable.append(found["problem"])
            return
        ids = set(found["ids"])
        result.twice += len(found["ids"]) - len(ids)
        result.warnings += len(found["warnings"])
        for killed_s, acks in self.kills:
            result.acknowledged += len(acks)
            for call_id, at_s in acks.items():
                if call_id not in ids:
                    result.missing += 1
                    result.worst_ms = max(result.worst_ms, (killed_s - at_s) * 1000)
                    result.lost += killed_s - at_s > allowed_s


def run(
    kills: int, durability: str, flush_s: float, allowed_s: float, draw: random.Random
) -> Result:
    """Kill so many services and judge their archives.

    An archive is judged while the next ones are written, unless a loss is a question of milliseconds:
    then nothing else may keep the processors busy.
    """
    result, cases, began_s = Result(), deque[Case](), time.monotonic()
    at_once = READERS if allowed_s == 0 else 0
    try:
        while result.kills < kills:
            root = Path(tempfile.mkdtemp(prefix="killed-"))
            done = []
            for _ in range(min(PER_ARCHIVE, kills - result.kills)):
                done.append(kill_once(root, durability, flush_s, draw.uniform(0.0, 0.4)))
                result.kills += 1
            cases.append(Case(root, done, asked(root)))
            while len(cases) > at_once:
                cases.popleft().judge(allowed_s, result)
            progress(result, kills)
    except KeyboardInterrupt:
        print("stopped; this is what there is:")
    while cases:
        cases.popleft().judge(allowed_s, result)
    result.took_s = time.monotonic() - began_s
    return result


def progress(result: Result, kills: int) -> None:
    """How far it is: in place on a terminal, a line for every hundred elsewhere."""
    if sys.stderr.isatty() or result.kills % 100 == 0:
        end = "" if sys.stderr.isatty() else "\n"
        text = f"{result.kills}/{kills}, {result.lost} lost, {len(result.unreadable)} unreadable"
        print(f"\r{text}", end=end, file=sys.stderr, flush=True)


def main() -> None:
    """Kill, judge and print; exits with 1 when something was lost that must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--durability", choices=["batch", "fsync", "journal"], default="batch")
    parser.add_argument("--flush-ms", type=float, default=50.0)
    parser.add_argument(
        "--grace-ms", type=float, default=10.0, help="beyond the flush; more for a busy machine"
    )
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    draw = random.Random(said.seed)  # noqa: S311  # moments, not secrets
    allowed_ms = 0.0 if said.durability == "journal" else said.flush_ms + said.grace_ms
    result = run(said.kills, said.durability, said.flush_ms / 1000, allowed_ms / 1000, draw)
    print(
        f"{result.kills} kills, {said.durability}: {result.acknowledged:,} calls acknowledged, "
        f"{len(result.unreadable)} archives unreadable, {result.warnings} warnings, "
        f"{result.lost} calls lost beyond what is allowed ({allowed_ms:g} ms; {result.missing} at all), "
        f"{result.twice} twice, oldest missing call {result.worst_ms:.1f} ms before its kill; "
        f"{result.took_s:.0f} s"
    )
    for problem in result.unreadable[:5]:
        print("  " + problem)
    sys.exit(bool(result.lost or result.unreadable or result.twice))


if __name__ == "__main__":
    main()
