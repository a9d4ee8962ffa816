"""What a governed call costs, beside a bare call and beside the libraries people know.

    python tests/benchmarks/call_cost.py [--rounds 40]

Every contender runs the same no-op operation in the same interleaved rounds; minimum and median
nanoseconds per call are printed, and ratios of the minima. Peers that are not installed are left out:
tenacity, stamina, backoff, pybreaker, circuitbreaker, hyx, pyresilience, redress (all from PyPI).
Nobody really waits: backoffs are zero, or the library's sleep is replaced by one that returns.
"""

import argparse
import asyncio
import functools
import importlib.metadata
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import recourse
from recourse import CircuitPolicy, Executor, Policy, RetryPolicy
from recourse.clock import SystemClock

CALLS = 300
FAILURES = (ConnectionError,)


class NoWait(SystemClock):
    """The system's clock, on which no wait takes time."""

    def sleep(self, seconds: float, mailbox: Any) -> None:
        """Do not."""

    async def asleep(self, seconds: float, wake: Any) -> None:
        """Do not."""


class Silent:
    """An observer that does nothing."""

    def on_event(self, event: recourse.Event) -> None:
        """Take an event."""


def ok() -> int:
    """An operation that succeeds."""
    return 1


async def aok() -> int:
    """A coroutine that succeeds."""
    return 1


def refuse() -> int:
    """An operation that fails."""
    raise ConnectionError


def flaky(turn: Iterator[int] = itertools.count()) -> int:  # noqa: B008  # one turn for all calls
    """Fails at every first of two attempts."""
    if next(turn) % 2 == 0:
        raise ConnectionError
    return 1


def executor(*, failing: bool = False, **options: Any) -> Executor:
    """An executor with one policy: three attempts, a breaker that these failures do not open."""
    # Without a breaker where every call fails: a closed one is what the success is measured with.
    policy = Policy(
        "bench.Call",
        retry=RetryPolicy(initial_backoff_s=0.001, max_backoff_s=0.001, jitter="none"),
        circuit=None if failing else CircuitPolicy(threshold=1000),
    )
    return Executor(policies=[policy], clock=NoWait(), **options)


def quiet(call: Callable[[], Any]) -> Callable[[], None]:
    """``call`` with its failure swallowed."""

    def swallowed() -> None:
        try:  # noqa: SIM105  # suppress() costs as much as some contenders
            call()
        except Exception:  # noqa: BLE001, S110  # the failure is what is measured
            pass

    return swallowed


def captured(governed: Executor, operation: Callable[[], Any]) -> Callable[[], None]:
    """A call whose timeline is captured."""
    quietly = quiet(functools.partial(governed.call, "bench.Call", operation))

    def run() -> None:
        with recourse.record_timeline():
            quietly()

    return run


def ours(operation: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    """Our own contenders for one operation."""
    failing = operation is refuse
    plain, heard = executor(failing=failing), executor(failing=failing, observers=[Silent()])
    guarded = plain.guard("bench.Call")(operation)
    return {
        "recourse": quiet(functools.partial(plain.call, "bench.Call", operation)),
        "recourse guard": quiet(guarded),
        "recourse + timeline": captured(plain, operation),
        "recourse + observer": quiet(functools.partial(heard.call, "bench.Call", operation)),
        "recourse + timeline + observer": captured(heard, operation),
    }


def peers(operation: Callable[[], Any]) -> dict[str, Callable[[], Any]]:  # noqa: C901  # one arm per peer
    """The other libraries around one operation, each configured not to wait."""
    found: dict[str, Callable[[], Any]] = {}

    def add(name: str, make: Callable[[], Callable[[], Any]]) -> None:
        try:
            found[name] = quiet(make())
        except ImportError:
            print(f"  {name}: not installed, left out")

    def tenacity_as_shipped() -> Any:
        import tenacity

        return tenacity.retry(stop=tenacity.stop_after_attempt(3), reraise=True)(operation)

    def tenacity_without_sleep() -> Any:
        import tenacity

        stop = tenacity.stop_after_attempt(3)
        return tenacity.retry(stop=stop, reraise=True, sleep=lambda _: None)(operation)

    def stamina_() -> Any:
        import stamina
        import stamina.instrumentation

        stamina.instrumentation.set_on_retry_hooks([])
        timing = {"wait_initial": 0.0, "wait_max": 0.0, "wait_jitter": 0.0}
        return stamina.retry(on=FAILURES, attempts=3, **timing)(operation)

    def backoff_() -> Any:
        import backoff

        decorate = backoff.on_exception(
            backoff.constant, FAILURES, max_tries=3, interval=0, jitter=None
        )
        return decorate(operation)

    def circuitbreaker_() -> Any:
        import circuitbreaker

        return circuitbreaker.circuit(failure_threshold=10**9)(operation)

    def pybreaker_() -> Any:
        import pybreaker

        return pybreaker.CircuitBreaker(fail_max=10**9)(operation)

    def pyresilience_(*listeners: Any) -> Any:
        import pyresilience

        return pyresilience.resilient(
            retry=pyresilience.RetryConfig(max_attempts=3, delay=0.0, jitter=False),
            circuit_breaker=pyresilience.CircuitBreakerConfig(failure_threshold=10**9),
            listeners=list(listeners) or None,
        )(operation)

    def redress_() -> Any:
        import redress

        policy = redress.RetryPolicy(
            classifier=redress.default_classifier,
            strategy=lambda _: 0.0,
            max_attempts=3,
        )
        return lambda: policy.call(operation)

    add("tenacity as shipped", tenacity_as_shipped)
    add("tenacity without its sleep", tenacity_without_sleep)
    add("stamina", stamina_)
    add("backoff", backoff_)
    add("circuitbreaker (breaker only)", circuitbreaker_)
    add("pybreaker (breaker only)", pybreaker_)
    add("pyresilience retry + breaker", pyresilience_)
    add("pyresilience + listener", lambda: pyresilience_(lambda _: None))
    add("redress", redress_)
    return found


def measure(contenders: dict[str, Callable[[], Any]], rounds: int) -> None:
    """Interleave the contenders and print their nanoseconds per call."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.perf_counter_ns()
            for _ in range(CALLS):
                call()
            samples[name].append((time.perf_counter_ns() - began) / CALLS)
    report(samples)


def report(samples: dict[str, list[float]]) -> None:
    """A line per contender: minimum, median, and how many times ours it takes."""
    base = min(samples["recourse"])
    for name, values in samples.items():
        least, middle = min(values), statistics.median(values)
        print(f"  {name:34}{least:10,.0f}{middle:10,.0f} ns   {least / base:6.2f} x recourse")


async def measure_async(rounds: int) -> None:
    """The same for coroutines that succeed."""
    plain, heard = executor(), executor(observers=[Silent()])
    contenders: dict[str, Callable[[], Any]] = {
        "bare await": aok,
        "recourse": lambda: plain.acall("bench.Call", aok),
        "recourse + observer": lambda: heard.acall("bench.Call", aok),
    }
    try:
        import hyx.retry

        contenders["hyx"] = hyx.retry.retry(on=ConnectionError, attempts=3, backoff=0.0)(aok)
    except ImportError:
        print("  hyx: not installed, left out")
    contenders |= async_peers()
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.perf_counter_ns()
            for _ in range(CALLS):
                await call()
            samples[name].append((time.perf_counter_ns() - began) / CALLS)
    report(samples)


def async_peers() -> dict[str, Callable[[], Any]]:
    """Tenacity and pyresilience around a coroutine."""
    found: dict[str, Callable[[], Any]] = {}
    try:
        import tenacity

        found["tenacity as shipped"] = tenacity.retry(stop=tenacity.stop_after_attempt(3))(aok)
    except ImportError:
        print("  tenacity: not installed, left out")
    try:
        import pyresilience

        found["pyresilience retry + breaker"] = pyresilience.resilient(
            retry=pyresilience.RetryConfig(max_attempts=3, delay=0.0, jitter=False),
            circuit_breaker=pyresilience.CircuitBreakerConfig(failure_threshold=10**9),
        )(aok)
    except ImportError:
        print("  pyresilience: not installed, left out")
    return found


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    names = (
        "tenacity",
        "stamina",
        "backoff",
        "circuitbreaker",
        "pybreaker",
        "hyx",
        "pyresilience",
        "redress",
    )
    for name in names:
        try:
            print(f"{name} {importlib.metadata.version(name)}", end="  ")
        except importlib.metadata.PackageNotFoundError:
            continue
    for title, operation in (("success", ok), ("one retry", flaky), ("three failures", refuse)):
        print(f"\n\n{title}, sync{'':21}minimum    median")
        bare = {"bare call": quiet(operation)}
        measure({**bare, **ours(operation), **peers(operation)}, rounds)
    print(f"\nsuccess, async{'':22}minimum    median")
    asyncio.run(measure_async(rounds))


if __name__ == "__main__":
    main()
