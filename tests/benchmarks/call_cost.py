"""What a governed call costs, beside a bare call and beside the libraries people know.

    python tests/benchmarks/call_cost.py [--rounds 100] [--only success]

Every contender runs the same operation in the same interleaved rounds; minimum and median
nanoseconds per call are printed, then the ratios of the minima beside the limits that we want to
keep. Peers that are not installed are left out: tenacity, stamina, backoff, pybreaker,
circuitbreaker, hyx, pyresilience, redress (all from PyPI). Nobody really waits: backoffs are zero, or
what sleeps is replaced by something that returns; "as shipped" means that a library may sleep 0 s.
"""

import argparse
import asyncio
import functools
import importlib.metadata
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

import recourse
from recourse import CircuitPolicy, Executor, HedgePolicy, Policy, RetryPolicy
from recourse.clock import SystemClock

# Few enough that most batches are over before another process gets its turn.
CALLS = 100
KEY = "bench.Call"
FAILURES = (ConnectionError,)
NAMES = (
    "tenacity stamina backoff circuitbreaker pybreaker hyx pyresilience redress".split()  # noqa: SIM905  # one word after the other
)
Contenders: TypeAlias = dict[str, Callable[[], Any]]


class Claim(NamedTuple):
    """A limit that we want to keep.

    Attributes:
        number: What it is called.
        case: The case it is about.
        ours: Our contender.
        peer: The other one.
        limit: The most that ours may take of the other's time.
    """

    number: str
    case: str
    ours: str
    peer: str
    limit: float


CLAIMS = (
    Claim("T1", "success", "recourse", "tenacity as shipped", 1 / 16),
    Claim("T1", "success", "recourse", "stamina", 1 / 16),
    Claim("T2", "success", "recourse", "pyresilience", 1 / 2.6),
    Claim("T2", "success", "recourse", "backoff", 1 / 2.6),
    Claim("T3", "success", "recourse", "circuitbreaker (breaker only)", 1.3),
    # The Go library's fast path took 0.74 of circuitbreaker's time where both were measured.
    Claim("T4", "success", "recourse guard", "circuitbreaker (breaker only)", 1.5 * 0.74),
    Claim("T5", "success, async", "recourse", "hyx", 0.8),
    Claim("T5", "success, async", "recourse", "pyresilience", 0.33),
    Claim("T5", "success, async", "recourse", "tenacity as shipped", 0.035),
    Claim("T8", "success", "recourse + timeline + observer", "pyresilience + listener", 0.6),
    Claim("T8", "success", "recourse + observer", "pyresilience + listener", 0.6),
    Claim("T9", "one retry", "recourse", "tenacity as shipped", 1 / 20),
    Claim("T9", "one retry", "recourse", "tenacity without its sleep", 1 / 12),
    Claim("T10", "three failures", "recourse", "backoff without its sleep", 1.1),
    Claim("T10", "three failures", "recourse", "tenacity without its sleep", 0.2),
    Claim("T10", "three failures", "recourse + timeline", "backoff without its sleep", 1.1),
    Claim("T10", "three failures", "recourse + timeline", "tenacity without its sleep", 0.2),
    Claim("T11", "limits, async", "recourse, attempt timeout", "asyncio.timeout", 0.6),
    Claim("T12", "limits, async", "recourse, armed hedge", "create_task + wait", 0.6),
)


class NoWait(SystemClock):
    """The system's clock, on which no wait between attempts takes time."""

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


async def arefuse() -> int:
    """A coroutine that fails."""
    raise ConnectionError


def flaky(turn: Iterator[int] = itertools.count()) -> int:  # noqa: B008  # one turn for all calls
    """Fails at every first of two attempts."""
    if next(turn) % 2 == 0:
        raise ConnectionError
    return 1


async def aflaky(turn: Iterator[int] = itertools.count()) -> int:  # noqa: B008  # likewise
    """Likewise."""
    if next(turn) % 2 == 0:
        raise ConnectionError
    return 1


def executor(
    *, failing: bool = False, hedge: HedgePolicy | None = None, **options: Any
) -> Executor:
    """An executor with one policy: three attempts, a breaker that these failures do not open."""
    # Without a breaker where every call fails: a closed one is what the success is measured with.
    limit_s = options.pop("timeout_s", None)
    policy = Policy(
        KEY,
        retry=RetryPolicy(
            initial_backoff_s=0.001,
            max_backoff_s=0.001,
            jitter="none",
            timeout_per_attempt_s=limit_s,
        ),
        hedge=hedge,
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


def aquiet(call: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[None]]:
    """As :func:`quiet`, awaited."""

    async def swallowed() -> None:
        try:  # noqa: SIM105  # likewise
            await call()
        except Exception:  # noqa: BLE001, S110  # likewise
            pass

    return swallowed


def captured(call: Callable[[], Any]) -> Callable[[], None]:
    """A call whose timeline is captured."""
    quietly = quiet(call)

    def run() -> None:
        with recourse.record_timeline():
            quietly()

    return run


def acaptured(call: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[None]]:
    """As :func:`captured`, awaited."""
    quietly = aquiet(call)

    async def run() -> None:
        with recourse.record_timeline():
            await quietly()

    return run


def ours(operation: Callable[[], Any], *, is_async: bool) -> Contenders:
    """Our own contenders for one operation."""
    failing = operation in {refuse, arefuse}
    plain, heard = executor(failing=failing), executor(failing=failing, observers=[Silent()])
    verb = "acall" if is_async else "call"
    swallow: Any = aquiet if is_async else quiet
    capture: Any = acaptured if is_async else captured
    alone = functools.partial(getattr(plain, verb), KEY, operation)
    observed = functools.partial(getattr(heard, verb), KEY, operation)
    return {
        "recourse": swallow(alone),
        "recourse guard": swallow(plain.guard(KEY)(operation)),
        "recourse + timeline": capture(alone),
        "recourse + observer": swallow(observed),
        "recourse + timeline + observer": capture(observed),
    }


def peers(operation: Callable[[], Any], *, is_async: bool) -> Contenders:
    """The other libraries around one operation, each configured not to wait."""
    makers: dict[str, Callable[..., Any]] = {
        "tenacity as shipped": tenacity_,
        "tenacity without its sleep": functools.partial(tenacity_, sleeps=False),
        "stamina": stamina_,
        "backoff": backoff_,
        "backoff without its sleep": functools.partial(backoff_, sleeps=False),
        "circuitbreaker (breaker only)": circuitbreaker_,
        "pybreaker (breaker only)": pybreaker_,
        "hyx": hyx_,
        "pyresilience": pyresilience_,
        "pyresilience + listener": functools.partial(pyresilience_, listens=True),
        "redress": redress_,
    }
    sides = {"pybreaker (breaker only)": False, "hyx": True, "backoff without its sleep": False}
    found: Contenders = {}
    for name, make in makers.items():
        if sides.get(name, is_async) is not is_async:
            continue
        try:
            governed = make(operation, is_async=is_async)
        except ImportError:
            print(f"  {name}: not installed, left out")
        else:
            found[name] = aquiet(governed) if is_async else quiet(governed)
    return found


async def _no_asleep(_: float) -> None:
    return None


def tenacity_(operation: Any, *, is_async: bool, sleeps: bool = True) -> Any:
    """Three attempts."""
    import tenacity

    sleep = {} if sleeps else {"sleep": _no_asleep if is_async else (lambda _: None)}
    stop = tenacity.stop_after_attempt(3)
    return tenacity.retry(stop=stop, reraise=True, **sleep)(operation)


def stamina_(operation: Any, *, is_async: bool) -> Any:  # it sees for itself
    """Three attempts, without hooks."""
    import stamina
    import stamina.instrumentation

    stamina.instrumentation.set_on_retry_hooks([])
    timing = {"wait_initial": 0.0, "wait_max": 0.0, "wait_jitter": 0.0}
    return stamina.retry(on=FAILURES, attempts=3, **timing)(operation)


def backoff_(operation: Any, *, is_async: bool, sleeps: bool = True) -> Any:  # likewise
    """Three attempts."""
    import backoff
    import backoff._sync

    decorate = backoff.on_exception(
        backoff.constant, FAILURES, max_tries=3, interval=0, jitter=None
    )
    governed = decorate(operation)
    if sleeps:
        return governed
    asleep, still = backoff._sync.time, SimpleNamespace(sleep=lambda _: None)  # it takes no sleep

    def run() -> Any:
        backoff._sync.time = still  # likewise
        try:
            return governed()
        finally:
            backoff._sync.time = asleep  # likewise

    return run


def circuitbreaker_(operation: Any, *, is_async: bool) -> Any:  # likewise
    """A breaker that stays closed."""
    import circuitbreaker

    return circuitbreaker.circuit(failure_threshold=10**9)(operation)


def pybreaker_(operation: Any, *, is_async: bool) -> Any:  # sync only
    """A breaker that stays closed."""
    import pybreaker

    return pybreaker.CircuitBreaker(fail_max=10**9)(operation)


def hyx_(operation: Any, *, is_async: bool) -> Any:  # async only
    """Three attempts."""
    import hyx.retry

    return hyx.retry.retry(on=ConnectionError, attempts=3, backoff=0.0)(operation)


def pyresilience_(operation: Any, *, is_async: bool, listens: bool = False) -> Any:  # likewise
    """Three attempts and a breaker."""
    import pyresilience

    return pyresilience.resilient(
        retry=pyresilience.RetryConfig(max_attempts=3, delay=0.0, jitter=False),
        circuit_breaker=pyresilience.CircuitBreakerConfig(failure_threshold=10**9),
        listeners=[lambda _: None] if listens else None,
    )(operation)


def redress_(operation: Any, *, is_async: bool) -> Any:
    """Three attempts."""
    import redress

    kind = redress.AsyncRetryPolicy if is_async else redress.RetryPolicy
    policy = kind(classifier=redress.default_classifier, strategy=lambda _: 0.0, max_attempts=3)
    return lambda: policy.call(operation)


def limits() -> Contenders:
    """A limit for an attempt, and a hedge that is armed and does not fire; beside asyncio's own."""
    limited, hedge = executor(timeout_s=5.0), HedgePolicy(hedge_delay_s=5.0)
    hedged = executor(hedge=hedge)
    plain = executor()

    async def timeout() -> int:
        async with asyncio.timeout(5.0):
            return await aok()

    async def wait() -> int:
        task = asyncio.get_running_loop().create_task(aok())
        await asyncio.wait({task}, timeout=5.0)
        return task.result()

    return {
        "recourse": functools.partial(plain.acall, KEY, aok),
        "recourse, attempt timeout": functools.partial(limited.acall, KEY, aok),
        "asyncio.timeout": timeout,
        "recourse, armed hedge": functools.partial(hedged.acall, KEY, aok),
        "create_task + wait": wait,
    }


def in_any_order(contenders: Contenders, turn: int) -> list[tuple[str, Callable[[], Any]]]:
    """The contenders, in another order each round: some leave the machine asleep or cold."""
    return random.Random(turn).sample(list(contenders.items()), len(contenders))  # noqa: S311  # a benchmark


def measure(contenders: Contenders, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds per call of each contender in each round."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call()
        call()
    for turn in range(rounds):
        for name, call in in_any_order(contenders, turn):
            began = time.perf_counter_ns()
            for _ in range(CALLS):
                call()
            samples[name].append((time.perf_counter_ns() - began) / CALLS)
    return samples


async def ameasure(contenders: Contenders, rounds: int) -> dict[str, list[float]]:
    """As :func:`measure`, awaited."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        await call()
        await call()
    for turn in range(rounds):
        for name, call in in_any_order(contenders, turn):
            # Timers that the one before has cancelled are the loop's to clear away, not ours.
            await asyncio.sleep(0)
            began = time.perf_counter_ns()
            for _ in range(CALLS):
                await call()
            samples[name].append((time.perf_counter_ns() - began) / CALLS)
    return samples


def report(case: str, samples: dict[str, list[float]]) -> None:
    """A line per contender, and the limits that concern the case."""
    base = min(samples["recourse"])
    print(f"\n{case:36}   minimum    median")
    for name, values in samples.items():
        least, middle = min(values), statistics.median(values)
        print(f"  {name:34}{least:10,.0f}{middle:10,.0f} ns   {least / base:6.2f} x recourse")
    for claim in CLAIMS:
        if claim.case == case and {claim.ours, claim.peer} <= samples.keys():
            ratio = min(samples[claim.ours]) / min(samples[claim.peer])
            kept = "kept" if ratio <= claim.limit else "MISSED"
            text = f"{claim.ours} / {claim.peer}"
            print(f"    {claim.number:4} {text:64} {ratio:6.3f}, wanted {claim.limit:.3f}: {kept}")


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--only", default="", help="cases whose name has this text in it")
    given = parser.parse_args()
    for name in NAMES:
        try:
            print(f"{name} {importlib.metadata.version(name)}", end="  ")
        except importlib.metadata.PackageNotFoundError:
            continue
    print()
    operations = (
        ("success", ok, aok),
        ("one retry", flaky, aflaky),
        ("three failures", refuse, arefuse),
    )
    for case, operation, aoperation in operations:
        if given.only in case:
            bare = {"bare call": quiet(operation)}
            some = ours(operation, is_async=False) | peers(operation, is_async=False)
            report(case, measure(bare | some, given.rounds))
        if given.only in f"{case}, async":
            abare: Contenders = {"bare await": aquiet(aoperation)}
            some = ours(aoperation, is_async=True) | peers(aoperation, is_async=True)
            report(f"{case}, async", asyncio.run(ameasure(abare | some, given.rounds)))
    if given.only in "limits, async":
        report("limits, async", asyncio.run(ameasure(limits(), given.rounds)))


if __name__ == "__main__":
    main()
