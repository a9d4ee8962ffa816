"""What observers that misbehave do to the calls they hear of.

    python tests/benchmarks/bad_sinks.py [--calls 20000]

The same calls are made with an observer that does nothing, with one that raises at every event, with
one that hangs for ever behind a background queue, and with one that was closed twice. Printed are the
latency of a call, whether results and their order are the same, and the account of every event.
"""

import argparse
import itertools
import statistics
import threading
import time
from typing import Any

import recourse
from recourse import Executor, Policy
from recourse_observe.sinks.background import BackgroundObserver

KEY = "bench.Call"


class Quiet:
    """Does nothing."""

    def on_event(self, event: recourse.Event) -> None:
        """Take an event."""


class Raises:
    """Raises at every event."""

    def on_event(self, event: recourse.Event) -> None:
        """Raise."""
        raise RuntimeError


class Hangs:
    """Waits for ever."""

    def __init__(self) -> None:
        self.never = threading.Event()

    def on_event(self, event: recourse.Event) -> None:
        """Wait."""
        self.never.wait()


def closed_twice() -> BackgroundObserver:
    """A queue that takes nothing any more."""
    queue = BackgroundObserver(Quiet())
    queue.close()
    queue.close()
    return queue


def results(executor: Executor, calls: int) -> tuple[list[int], list[int]]:
    """What the calls gave, and how many nanoseconds each took."""
    numbers, took = itertools.count(), []
    given = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        given.append(executor.call(KEY, numbers.__next__))
        took.append(time.perf_counter_ns() - began)
    return given, took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    calls = parser.parse_args().calls
    sinks: dict[str, Any] = {
        "does nothing": Quiet(),
        "raises at every event": Raises(),
        "hangs for ever, in the background": BackgroundObserver(Hangs()),
        "closed twice": closed_twice(),
    }
    executors = {n: Executor(policies=[Policy(KEY)], observers=[s]) for n, s in sinks.items()}
    took: dict[str, list[int]] = {name: [] for name in sinks}
    same = dict.fromkeys(sinks, True)
    for _ in range(10):  # interleaved
        for name, executor in executors.items():
            given, nanoseconds = results(executor, calls // 10)
            same[name] &= given == list(range(calls // 10))
            took[name] += nanoseconds
    print(f"{calls:,} calls each{'':24}  minimum   median      p99   ns")
    for name, samples in took.items():
        samples.sort()
        p99 = samples[len(samples) * 99 // 100]
        line = f"{samples[0]:9,}{round(statistics.median(samples)):9,}{p99:9,}"
        print(f"  {name:36}{line}   results and order {'same' if same[name] else 'DIFFERENT'}")
        counts = getattr(sinks[name], "counts", None)
        if counts is not None:
            accounted = counts.delivered + counts.failed + counts.queued
            exact = counts.told == accounted + sum(counts.dropped.values())
            print(f"  {'':6}{counts}  {'exact' if exact else 'WRONG'}")
        elif executors[name].observer_errors:
            print(f"  {'':6}{executors[name].observer_errors:,} exceptions counted")


if __name__ == "__main__":
    main()
