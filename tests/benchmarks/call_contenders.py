"""One call in many ways: governed by us, by other libraries, and by hand. Nobody really waits."""

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, TypeAlias

import recourse
from recourse import CircuitPolicy, Executor, HedgePolicy, Policy, RetryPolicy
from tests.benchmarks.idle import NoWait, Silent

KEY = "bench.Call"
FAILURES = (ConnectionError,)
Contenders: TypeAlias = dict[str, Callable[[], Any]]


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
