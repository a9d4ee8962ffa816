"""What observers that misbehave do to the calls they hear of.

    python tests/benchmarks/bad_sinks.py [--calls 20000]

The same calls are made with an observer that raises at every event, with one that hangs for ever
behind a background queue, and with one that was closed twice; and, in the same run, with observers of
their kind that behave, which show what telling costs at all, and with nobody who listens. Printed are
the latency of a call, beside that of the one that behaves, whether results and their order are the
same, and the account of every event.
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
from tests.benchmarks.idle import Silent

KEY = "bench.Call"


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


def closed(times: int) -> BackgroundObserver:
    """A queue that takes nothing any more."""
    queue = BackgroundObserver(Silent())
    for _ in range(times):
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


def accounts(sink: Any, executor: Executor) -> None:
    """Print what became of every event."""
    counts = getattr(sink, "counts", None)
    if counts is not None:
        accounted = counts.delivered + counts.failed + counts.queued
        exact = counts.told == accounted + sum(counts.dropped.values())
        print(f"  {'':6}{counts}  {'exact' if exact else 'WRONG'}")
    elif executor.observer_errors:
        print(f"  {'':6}{executor.observer_errors:,} exceptions counted")


def sinks() -> dict[str, tuple[Any, str]]:
    """Each by its name, with the one of its kind that behaves, if it does not."""
    quiet, background = "does nothing", "takes all, in the background"
    return {
        "nobody listens": (None, ""),
        quiet: (Silent(), ""),
        "raises at every event": (Raises(), quiet),
        background: (BackgroundObserver(Silent()), ""),
        "hangs for ever, in the background": (BackgroundObserver(Hangs()), background),
        "closed once": (closed(1), ""),
        "closed twice": (closed(2), "closed once"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    calls = parser.parse_args().calls
    listeners = sinks()
    executors = {
        name: Executor(policies=[Policy(KEY)], observers=[sink] if sink else [])
        for name, (sink, _) in listeners.items()
    }
    took: dict[str, list[int]] = {name: [] for name in listeners}
    same = dict.fromkeys(listeners, True)
    for _ in range(10):  # interleaved
        for name, executor in executors.items():
            given, nanoseconds = results(executor, calls // 10)
            same[name] &= given == list(range(calls // 10))
            took[name] += nanoseconds
    print(f"{calls:,} calls each{'':24}  minimum   median      p99   ns")
    for name, (sink, behaves) in listeners.items():
        samples = sorted(took[name])
        p99, median = samples[len(samples) * 99 // 100], statistics.median(samples)
        line = f"{samples[0]:9,}{round(median):9,}{p99:9,}"
        if behaves:
            ratio = median / statistics.median(took[behaves])
            line += f"   {ratio:.2f} x {behaves!r}"
        print(f"  {name:36}{line}   results and order {'same' if same[name] else 'DIFFERENT'}")
        accounts(sink, executors[name])


if __name__ == "__main__":
    main()
