"""What observers cost, beside the same spans and lines written by hand.

    python tests/benchmarks/observer_cost.py [--rounds 30]

Every contender makes the same call, which succeeds at its second attempt, in the same interleaved
rounds. By hand means a loop with the same SDK calls, names and attributes, and nothing else. For ours,
three ratios are printed: of the whole call, of what the observer adds to a call that a silent
observer hears, and of the observer alone, fed with the recorded events of such calls. Spans are
written by hand in such a call, too: what they add to it is a fourth ratio, "in a call". Nanoseconds are
the thread's own CPU time. Spans are sampled and thrown away by a processor that does nothing.
"""

import argparse
import functools
import importlib.metadata
import itertools
import logging
import statistics
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import recourse
from recourse import Executor, Policy, RetryPolicy
from recourse_observe.sinks.background import BackgroundObserver
from recourse_observe.sinks.logs import StructlogObserver
from recourse_observe.sinks.otel import OTelObserver
from tests.benchmarks import by_hand
from tests.benchmarks.by_hand import KEY
from tests.benchmarks.idle import NoWait, Silent

CALLS = 4  # are timed at once: few, so that the least of many means the same for every number
SLICES = 25  # in a row, so that all but the first find what they need in the cache
SILENT = "recourse, silent observer"
IN_CALL = ", in a call"
# Contender: what it is compared with, and an observer of its kind to be fed, unless most of its work
# is around attempts.
Pairs: TypeAlias = dict[str, tuple[str, Any]]


class Kept:
    """An observer that keeps what it is told, to be fed to another."""

    def __init__(self) -> None:
        self.events: list[recourse.Event] = []

    def on_event(self, event: recourse.Event) -> None:
        """Keep an event."""
        self.events.append(event)


def fed(observer: Any, rounds: int) -> float:
    """Nanoseconds that an observer takes for the events of one call; the least of several rounds."""
    kept, least = Kept(), float("inf")
    call = governed(kept)
    for _ in range(rounds):
        kept.events.clear()
        for _ in range(CALLS):
            call()
        began = time.thread_time_ns()
        for event in kept.events:
            observer.on_event(event)
        least = min(least, (time.thread_time_ns() - began) / CALLS)
    return least


def heard_by(observer: Any) -> Executor:
    """An executor with one observer."""
    policy = Policy(KEY, retry=RetryPolicy(initial_backoff_s=0.001, jitter="none"))
    return Executor(policies=[policy], clock=NoWait(), observers=[observer])


def governed(observer: Any) -> Callable[[], Any]:
    """A call of an executor with one observer."""
    attempt = functools.partial(by_hand.flaky, itertools.count())
    return functools.partial(heard_by(observer).call, KEY, attempt)


def telemetry() -> tuple[dict[str, Callable[[], Any]], Pairs]:
    """The contenders that write spans, and whom each is compared with."""
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SpanProcessor())
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    tracer = tracers.get_tracer("bench")

    def observer(**options: Any) -> OTelObserver:
        return OTelObserver(**{"tracer_provider": tracers, "metrics": False, **options})

    def otel(**options: Any) -> Callable[[], Any]:
        return governed(observer(**options))

    contenders = {
        "span events by hand": by_hand.span_with_events(tracer),
        f"span events by hand{IN_CALL}": by_hand.span_with_events_in_call(
            tracer, heard_by(Silent())
        ),
        "OTelObserver span-events": otel(),
        "child spans by hand": by_hand.span_and_children(tracer),
        f"child spans by hand{IN_CALL}": by_hand.span_and_children_in_call(
            tracer, heard_by(Silent())
        ),
        "OTelObserver child-spans": otel(mode="child-spans"),
        "OTelObserver, not sampled": otel(tracer_provider=unsampled),
        "OTelObserver + metrics": otel(metrics=True, meter_provider=meters),
    }
    pairs = {
        "OTelObserver span-events": ("span events by hand", observer()),
        "OTelObserver child-spans": ("child spans by hand", observer(mode="child-spans")),
    }
    return contenders, pairs


def lines() -> tuple[dict[str, Callable[[], Any]], Pairs]:
    """The contenders that write lines."""

    class Nowhere:
        def msg(self, text: str) -> None:
            """Throw it away."""

        debug = info = warning = error = msg

    logger = structlog.wrap_logger(
        Nowhere(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    contenders = {
        "structlog by hand": by_hand.lines(logger),
        "StructlogObserver": governed(StructlogObserver(logger, bind_context=False)),
        "structlog by hand, bound context": by_hand.lines(logger, by_hand.bound),
        "StructlogObserver, bound context": governed(StructlogObserver(logger)),
        "BackgroundObserver (caller's part)": governed(BackgroundObserver(Silent())),
    }
    pairs: Pairs = {
        "StructlogObserver": (
            "structlog by hand",
            StructlogObserver(logger, bind_context=False),
        ),
        "StructlogObserver, bound context": ("structlog by hand, bound context", None),
    }
    return contenders, pairs


def measure(contenders: dict[str, Callable[[], Any]], pairs: Pairs, rounds: int) -> None:
    """Interleave the contenders and print their nanoseconds per call."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    alone = dict.fromkeys(pairs, float("inf"))
    for _ in range(rounds):
        for name, (_, observer) in pairs.items():
            if observer is not None:
                alone[name] = min(alone[name], fed(observer, SLICES))
        for name, call in contenders.items():
            for _ in range(SLICES):
                began = time.thread_time_ns()
                for _ in range(CALLS):
                    call()
                samples[name].append((time.thread_time_ns() - began) / CALLS)
    least = {name: min(values) for name, values in samples.items()}
    for name, values in samples.items():
        line = f"  {name:36}{least[name]:10,.0f}{statistics.median(values):10,.0f} ns"
        if name in pairs:
            hand = least[pairs[name][0]]
            added = least[name] - least[SILENT]
            line += f"   {least[name] / hand:5.2f} x by hand; added {added / hand:5.2f} x"
            line += f"; fed {alone[name] / hand:5.2f} x" if pairs[name][1] is not None else ""
            in_call = least.get(pairs[name][0] + IN_CALL)
            if in_call is not None:
                line += f"; in a call {added / (in_call - least[SILENT]):5.2f} x"
        print(line)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    for name in ("opentelemetry-sdk", "structlog"):
        print(f"{name} {importlib.metadata.version(name)}", end="  ")
    print(f"\n\none retry, then success{'':15}minimum    median")
    spans, span_pairs = telemetry()
    written, line_pairs = lines()
    measure({SILENT: governed(Silent()), **spans, **written}, {**span_pairs, **line_pairs}, rounds)


if __name__ == "__main__":
    main()
