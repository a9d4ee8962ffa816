"""Fails many calls in many threads and tasks, and looks for whatever stays behind.

    python tests/soak/soak.py [--calls 100000] [--seed 1] [--limit-s 1800]

Half of the work runs over 8 threads, half over 1,000 tasks: calls that fail at random, with retries,
hedges, attempt timeouts and cancellations, under a budget that reserves at random and whose releases
raise now and then. Afterwards nothing may hang, what was acquired must have been released, each
once, and no thread or task of ours may be left. Says what it counted, and ends with 1 when that fails.
"""

import argparse
import asyncio
import collections
import faulthandler
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from recourse import (
    BudgetRef,
    CircuitPolicy,
    Event,
    Executor,
    HedgePolicy,
    Policy,
    RetryPolicy,
    record_timeline,
)
from recourse.budget.protocol import Ask, Decision

THREADS: Final = 8
TASKS: Final = 1_000
SETTLE_S: Final = 30.0
KEYS: Final = ("soak.Plain", "soak.Budget", "soak.Breaker", "soak.Hedged", "soak.Limited")
# One call in so many is hedged, limited or cancelled: those take threads, tasks and real time.
RARE: Final = 20
FAILS: Final = 0.95


class Reserving:
    """A budget that denies, reserves and lets pass at random, and counts what it gives and gets."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._lock = threading.Lock()
        self.acquired = 0
        self.released = 0
        self.twice = 0

    def ask(self, request: Ask) -> Decision:
        """Deny, let pass or reserve."""
        with self._lock:
            chance = self._dice.random()
            if chance < 0.1:
                return Decision(allowed=False, reason="budget_denied")
            if chance < 0.3:
                return Decision(allowed=True)
            self.acquired += request.cost
        return Decision(allowed=True, release=self._release(request.cost, breaks=chance < 0.35))

    def _release(self, cost: int, *, breaks: bool) -> Callable[[], None]:
        given: list[bool] = []

        def release() -> None:
            with self._lock:
                self.released += cost
                self.twice += len(given)
                given.append(True)
            if breaks:
                message = "a release that raises"
                raise RuntimeError(message)

        return release


class Counter:
    """An observer that counts events by their names."""

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()

    def on_event(self, event: Event) -> None:
        """Count one."""
        self.counts[type(event).__name__] += 1


def executor(budget: Reserving, seed: int, *observers: Counter) -> Executor:
    """Policies with everything that holds something while a call runs."""
    retry = RetryPolicy(initial_backoff_s=0.001, max_backoff_s=0.001, jitter="full")
    budgeted = RetryPolicy(
        initial_backoff_s=0.001, max_backoff_s=0.001, budget=BudgetRef("reserving")
    )
    limited = RetryPolicy(
        max_attempts=2,
        initial_backoff_s=0.001,
        max_backoff_s=0.001,
        timeout_per_attempt_s=0.005,
        budget=BudgetRef("reserving"),
    )
    hedge = HedgePolicy(hedge_delay_s=0.01, budget=BudgetRef("reserving"))
    return Executor(
        policies=[
            Policy("soak.Plain", retry=retry),
            Policy("soak.Budget", retry=budgeted),
            Policy(
                "soak.Breaker", retry=retry, circuit=CircuitPolicy(threshold=50, cooldown_s=0.1)
            ),
            Policy("soak.Hedged", retry=budgeted, hedge=hedge),
            Policy("soak.Limited", retry=limited),
        ],
        budgets={"reserving": budget},
        observers=observers,
        sync_timeout="thread",
        max_abandoned=10_000,
        random=random.Random(seed),  # noqa: S311  # no secret
    )


def key_of(dice: random.Random) -> str:
    """A key: the cheap ones often, those that take threads and time now and then."""
    return dice.choice(KEYS[3:] if dice.randrange(RARE) == 0 else KEYS[:3])


def in_threads(calls: int, seed: int) -> tuple[Executor, Reserving, collections.Counter[str]]:
    """Make the calls from eight threads."""
    budget, ended = Reserving(random.Random(seed)), collections.Counter[str]()  # noqa: S311  # a test
    governed, lock = executor(budget, seed), threading.Lock()

    def work(number: int) -> None:
        dice = random.Random(seed * THREADS + number)  # noqa: S311  # a test
        mine: collections.Counter[str] = collections.Counter()
        nap = threading.Event()

        def operation(waits_s: float, *, fails: bool) -> int:
            if waits_s:
                nap.wait(waits_s)
            if fails:
                raise ConnectionError
            return 1

        for _ in range(calls // THREADS):
            key = key_of(dice)
            waits_s = dice.random() * 0.02 if key in KEYS[3:] else 0.0
            try:
                governed.call(key, operation, waits_s, fails=dice.random() < FAILS)
                mine["value"] += 1
            except Exception as error:  # noqa: BLE001  # counted by kind
                mine[type(error).__name__] += 1
        with lock:
            ended.update(mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return governed, budget, ended


async def later(seconds: float) -> None:
    """Let real time pass."""
    done: asyncio.Event = asyncio.Event()
    timer = asyncio.get_running_loop().call_later(seconds, done.set)
    try:
        await done.wait()
    finally:
        timer.cancel()


async def aoperation(waits_s: float, *, fails: bool) -> int:
    """What tasks call."""
    if waits_s:
        await later(waits_s)
    if fails:
        raise ConnectionError
    return 1


async def recorded(governed: Executor, dice: random.Random) -> None:
    """One call, with its timeline."""
    key = key_of(dice)
    waits_s = dice.random() * 0.02 if key in KEYS[3:] else 0.0
    with record_timeline():
        await governed.acall(key, aoperation, waits_s, fails=dice.random() < FAILS)


async def in_tasks(calls: int, seed: int) -> tuple[Executor, Reserving, collections.Counter[str]]:
    """Make the calls from a thousand tasks; some are cancelled while they run."""
    budget, ended = Reserving(random.Random(seed)), collections.Counter[str]()  # noqa: S311  # a test
    governed, loop = executor(budget, seed, Counter()), asyncio.get_running_loop()

    async def work(number: int) -> None:
        dice = random.Random(seed * TASKS + number)  # noqa: S311  # a test
        for _ in range(max(1, calls // TASKS)):
            call = loop.create_task(recorded(governed, dice))
            if dice.randrange(RARE) == 0:
                loop.call_later(dice.random() * 0.02, call.cancel)
            try:
                await call
                ended["value"] += 1
            except asyncio.CancelledError:
                ended["cancelled"] += 1
            except Exception as error:  # noqa: BLE001  # counted by kind
                ended[type(error).__name__] += 1

    await asyncio.gather(*(work(number) for number in range(TASKS)))
    await governed.aclose()
    await later(0.05)
    ended["tasks left"] = len(asyncio.all_tasks()) - 1
    return governed, budget, ended


def settled(governed: Executor, budget: Reserving) -> list[str]:
    """Close the executor; what is left of it after a while, as sentences."""
    governed.close(SETTLE_S)
    nap, until_s = threading.Event(), time.monotonic() + SETTLE_S
    ours = [""]
    while ours or budget.acquired != budget.released:
        ours = [t.name for t in threading.enumerate() if t.name.startswith("recourse-")]
        if time.monotonic() > until_s:
            break
        nap.wait(0.05)
    else:
        return []
    return [
        f"{len(ours)} threads are left: {sorted(set(ours))[:5]}",
        f"acquired {budget.acquired}, released {budget.released}",
    ]


def report(
    name: str, found: tuple[Executor, Reserving, collections.Counter[str]], began_s: float
) -> list[str]:
    """Say what was counted; gives what must not be."""
    governed, budget, ended = found
    problems = settled(governed, budget)
    if budget.twice:
        problems.append(f"{budget.twice} releases came twice")
    if ended["tasks left"]:
        problems.append(f"{ended['tasks left']} tasks are left")
    calls = sum(count for what, count in ended.items() if what != "tasks left")
    took_s = time.monotonic() - began_s
    print(
        f"{name}: {calls} calls in {took_s:.1f} s, acquired {budget.acquired} = released {budget.released}"
    )
    print("  " + ", ".join(f"{what} {count}" for what, count in sorted(ended.items())))
    return [f"{name}: {problem}" for problem in problems]


def main() -> int:
    """Run both halves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-s", type=float, default=1_800.0)
    given = parser.parse_args()
    # A hang becomes every thread's traceback and an exit code.
    faulthandler.dump_traceback_later(given.limit_s, exit=True)
    began_s = time.monotonic()
    problems = report("8 threads", in_threads(given.calls, given.seed), began_s)
    began_s = time.monotonic()
    problems += report("1,000 tasks", asyncio.run(in_tasks(given.calls, given.seed)), began_s)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
