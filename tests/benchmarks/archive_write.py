"""What recording costs: CPU per event (T13), bytes per attempt (T14), the caller's p99 (T15).

Run: python tests/benchmarks/archive_write.py [CALLS]
"""

import gc
import importlib.util
import io
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import recourse
from recourse.testing import VirtualClock
from recourse_observe.archive import ArchiveObserver

ROUNDS = 5
KEYS = [f"service-{n}.Operation{m}" for n in range(4) for m in range(3)]


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.told.append(event)


def events_of(calls: int) -> list[Any]:
    """What a real executor tells of so many calls, one attempt in twenty failing."""
    rng, clock, recorder = random.Random(7), VirtualClock(1_795_269_600_000_000_000), Recorder()
    policies = [recourse.Policy(key, retry=recourse.RetryPolicy(max_attempts=3)) for key in KEYS]
    executor = recourse.Executor(
        policies=policies, observers=[recorder], clock=clock, random=random.Random(8)
    )

    def operation() -> int:
        clock.advance(rng.lognormvariate(-5, 0.5))
        if rng.random() < 0.05:
            raise ConnectionError
        return 1

    for number in range(calls):
        try:
            executor.call(KEYS[number % len(KEYS)], operation)
        except ConnectionError:
            pass
    return recorder.told


def archive(told: list[Any], folder: Path) -> None:
    observer = ArchiveObserver(folder, service="bench", queue_size=len(told) * 2)
    for event in told:
        observer.on_event(event)
    observer.close(60.0)
    assert observer.counts.written == len(told)


def flat(event: Any) -> dict[str, Any]:
    """An event as a row of its own, as a straightforward writer would have it."""
    outcome = getattr(event, "outcome", None)
    return {
        "event": type(event).__name__,
        "call_id": event.call_id,
        "key": event.key,
        "policy_id": event.policy_id,
        "at_ns": event.t_wall_ns,
        "attempt": getattr(event, "attempt", None),
        "hedge_index": getattr(event, "hedge_index", None),
        "outcome": None if outcome is None else str(outcome.kind),
        "reason": None if outcome is None else outcome.reason,
        "backoff_s": getattr(event, "backoff_s", None),
        "disposition": str(getattr(event, "disposition", "")),
    }


def from_pylist(told: list[Any], folder: Path) -> None:
    folder.mkdir()
    for index, start in enumerate(range(0, len(told), 65_536)):
        rows = [flat(event) for event in told[start : start + 65_536]]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{index}.parquet", compression="zstd")


def structlog_lines(told: list[Any], folder: Path) -> None:
    import structlog

    folder.mkdir()
    dumps: Callable[..., Any] = json.dumps
    if importlib.util.find_spec("orjson"):
        import orjson

        dumps = orjson.dumps
    with (folder / "lines").open("wb") as file:
        is_bytes = dumps is not json.dumps
        out: Any = file if is_bytes else io.TextIOWrapper(file)
        factory = structlog.BytesLoggerFactory if is_bytes else structlog.WriteLoggerFactory
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.JSONRenderer(serializer=dumps),
            ],
            logger_factory=factory(out),
            cache_logger_on_first_use=False,
        )
        log = structlog.get_logger()
        for event in told:
            row = flat(event)
            log.info(row.pop("event"), **row)
        out.flush()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def cpu(told: list[Any]) -> None:
    """T13 and T14, interleaved."""
    writers: dict[str, Callable[[list[Any], Path], None]] = {
        "archive": archive,
        "from_pylist": from_pylist,
    }
    if importlib.util.find_spec("structlog"):
        serializer = "orjson" if importlib.util.find_spec("orjson") else "json"
        writers[f"structlog + {serializer}"] = structlog_lines
    attempts = sum(type(event).__name__ == "AttemptEnd" for event in told)
    spent: dict[str, list[float]] = {name: [] for name in writers}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as base:
        for turn in range(ROUNDS):
            for name, write in writers.items():
                folder = Path(base) / f"{turn}-{name}"
                gc.collect()
                begun = time.process_time()
                write(told, folder)
                spent[name].append((time.process_time() - begun) / len(told) * 1e6)
                sizes[name] = size_of(folder)
        tables = Path(base) / "0-archive"
        main = sum(size_of(tables / name) for name in ("calls", "attempts"))
        only = size_of(tables / "attempts")
    print(
        f"T13: CPU per event over {len(told):,} events, {attempts:,} attempts (min, median of {ROUNDS})"
    )
    best = min(spent["archive"])
    for name, times in spent.items():
        ratio = min(times) / best
        print(
            f"  {name:18} {min(times):6.2f} us {statistics.median(times):6.2f} us   {ratio:5.1f} x"
        )
    print("T14: bytes per attempt")
    for name, size in sizes.items():
        print(f"  {name:18} {size / attempts:6.1f}")
    print(
        f"  archive, calls and attempts only {main / attempts:.1f}, attempts only {only / attempts:.1f}"
    )


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
            for name in shown:
                observer: Any = Counter()
                if name == "with":
                    observer = ArchiveObserver(Path(base) / str(turn), service="b", rotate_s=1.5)
                taken = sorted(latencies(observer, 7_000, 4.0))
                if name == "with":
                    observer.close()
                at = [taken[int(len(taken) * q)] * 1e6 for q in (0.5, 0.99, 0.999)]
                shown[name].append((*at, taken[-1] * 1e6))
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
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    cpu(events_of(calls))
    pace()


if __name__ == "__main__":
    main()
