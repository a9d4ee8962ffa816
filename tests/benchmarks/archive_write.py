"""What recording costs: CPU per event (T13), bytes per attempt (T14), the caller's p99 (T15).

Run: python tests/benchmarks/archive_write.py [CALLS]
"""

import contextlib
import importlib
import importlib.util
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import recourse
from recourse.testing import VirtualClock
from recourse_observe.archive import ArchiveObserver
from tests.benchmarks.event_writers import Archive, FromPylist, OpenTelemetrySpans, StructlogLines

ROUNDS = 5
FLUSH = 1_750  # events per flush: 35,000 a second, every 50 ms
KEYS = [f"service-{n}.Operation{m}" for n in range(4) for m in range(3)]


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.told.append(event)


def batches(calls: int) -> Iterator[list[Any]]:
    """What a real executor tells of so many calls, one attempt in twenty failing, as it happens.

    In batches of a flush, each made just before it is used: the recorder finds events as fresh in
    the processor's cache as it does in a service.
    """
    rng = random.Random(7)  # noqa: S311  # no secret
    clock, recorder = VirtualClock(time.time_ns()), Recorder()
    policies = [recourse.Policy(key, retry=recourse.RetryPolicy(max_attempts=3)) for key in KEYS]
    executor = recourse.Executor(policies=policies, observers=[recorder], clock=clock, random=rng)

    def operation() -> int:
        clock.advance(rng.lognormvariate(-5, 0.5))
        if rng.random() < 0.05:
            raise ConnectionError
        return 1

    for number in range(calls):
        with contextlib.suppress(ConnectionError):
            executor.call(KEYS[number % len(KEYS)], operation)
        if len(recorder.told) >= FLUSH:
            yield recorder.told
            recorder.told = []
    yield recorder.told


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measured(writer: Any, calls: int) -> tuple[list[float], int, int]:
    """Processor seconds in the writer alone, batch by batch; how many events and attempts."""
    spent, events, attempts = [], 0, 0
    for told in batches(calls):
        begun = time.process_time()
        writer.take(told)
        spent.append(time.process_time() - begun)
        events += len(told)
        attempts += sum(type(event).__name__ == "AttemptEnd" for event in told)
    begun = time.process_time()
    writer.close()
    spent.append(time.process_time() - begun)
    return spent, events, attempts


def cpu(calls: int) -> None:
    """T13 and T14, interleaved; each batch counts with its best round, the machine being shared."""
    writers: dict[str, Any] = {"archive": Archive, "from_pylist": FromPylist}
    if importlib.util.find_spec("structlog"):
        serializer = "orjson" if importlib.util.find_spec("orjson") else "json"
        writers[f"structlog + {serializer}"] = StructlogLines
    if importlib.util.find_spec("opentelemetry.exporter"):
        writers["OpenTelemetry"] = OpenTelemetrySpans
    spent: dict[str, list[list[float]]] = {name: [] for name in writers}
    sizes: dict[str, int] = {}
    events = attempts = 0
    with tempfile.TemporaryDirectory() as base:
        for turn in range(ROUNDS):
            for name, made in writers.items():
                folder = Path(base) / f"{turn}-{name}"
                seconds, events, attempts = measured(made(folder), calls)
                spent[name].append(seconds)
                sizes[name] = size_of(folder)
        tables = Path(base) / "0-archive"
        only = size_of(tables / "attempts")
        main = only + size_of(tables / "calls")
    print(f"T13: CPU per event, {events:,} events of {attempts:,} attempts, {ROUNDS} rounds")
    best = {n: sum(map(min, zip(*r, strict=True))) / events * 1e6 for n, r in spent.items()}
    for name, rounds in spent.items():
        middle = statistics.median(sum(batch) for batch in rounds) / events * 1e6
        ratio = best[name] / best["archive"]
        print(
            f"  {name:18} best {best[name]:6.2f} us  median {middle:6.2f} us  {ratio:5.1f} x ours"
        )
    print("T14: bytes per attempt, everything that is told of a call included")
    for name, size in sizes.items():
        print(f"  {name:18} {size / attempts:6.1f}")
    print(f"  of ours: attempts {only / attempts:.1f}, with calls {main / attempts:.1f}")


def latencies(observer: Any, calls_per_s: float, seconds: float) -> list[float]:
    """The caller's time per call, at a steady pace."""
    policies = [recourse.Policy(key, retry=recourse.RetryPolicy(max_attempts=3)) for key in KEYS]
    executor = recourse.Executor(policies=policies, observers=[observer])
    keys = itertools.cycle(KEYS)
    now = time.perf_counter
    taken = []
    begun = now()
    for number in range(int(calls_per_s * seconds)):
        due = begun + number / calls_per_s
        while now() < due:
            time.sleep(0)
        start = now()
        executor.call(next(keys), int)
        taken.append(now() - start)
    return taken


class Counter:
    """The least an observer can do: it is told, and forgets."""

    def on_event(self, event: Any) -> None:
        """Take one event."""


def pace() -> None:
    """T15, interleaved: an observer that forgets against one that records."""
    with tempfile.TemporaryDirectory() as base:
        shown: dict[str, list[tuple[float, ...]]] = {"without": [], "with": []}
        for turn in range(ROUNDS):
            for name, found in shown.items():
                observer: Any = Counter()
                if name == "with":
                    observer = ArchiveObserver(Path(base) / str(turn), service="b", rotate_s=1.5)
                taken = sorted(latencies(observer, 7_000, 4.0))
                if name == "with":
                    observer.close()
                at = [taken[int(len(taken) * q)] * 1e6 for q in (0.5, 0.99, 0.999)]
                found.append((*at, taken[-1] * 1e6))
    print("T15: the caller's latency in us at 7,000 calls/s, 35,000 events/s, publishing twice")
    for name, rounds in shown.items():
        best = [min(column) for column in zip(*rounds, strict=True)]
        middle = [statistics.median(column) for column in zip(*rounds, strict=True)]
        for label, row in (("min", best), ("median", middle)):
            p50, p99, p999, most = row
            print(
                f"  {name:8} {label:7} p50 {p50:7.1f}  p99 {p99:7.1f}  p99.9 {p999:8.1f}  max {most:9.1f}"
            )
    p99 = [statistics.median(row[1] for row in shown[name]) for name in ("with", "without")]
    print(f"  p99 with / without: {p99[0] / p99[1]:.2f}")


def main() -> None:
    cpu(int(sys.argv[1]) if len(sys.argv) > 1 else 60_000)
    pace()


if __name__ == "__main__":
    main()
