"""Send thousands of requests into a server with faults, and look for what was left open.

    python tests/harness/http_leaks.py [--calls 10000] [--clients httpx,httpx2 async,requests,aiohttp]

Of the answers some are failures with small and large bodies, some break off, some never come. Every
call is governed: three attempts, a limit for each, hedges. Afterwards no connection may be
open, no descriptor, thread or task more than before, and no call may have hung or gone unanswered.
"""

import asyncio
import collections
import contextlib
import functools
import gc
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "core" / "integrations" / "http"))

from fault_server import Answer, FaultServer  # type: ignore[import-not-found]  # from the path above
from http_clients import KINDS, opened  # type: ignore[import-not-found]  # as above

from recourse import Executor, HedgePolicy, Policy, RetryPolicy  # as above
from tests.harness.leaks import Counts, hunted

AT_ONCE = 8
ANSWERS = (
    (60, Answer()),
    (12, Answer(status=503, body=b"x" * 500)),
    (4, Answer(status=503, body=b"x" * 100_000)),
    (5, Answer(status=404, body=b"x" * 500)),
    (5, Answer(status=404, body=b"x" * 100_000)),
    (6, Answer(resets=True)),
    (4, Answer(status=500, body=b"x" * 500, breaks=True)),
    (2, Answer(late_s=0.03)),
    (2, Answer(hangs=True)),
)


class Faults(collections.deque[Any]):
    """A plan without an end: every answer is drawn."""

    def __init__(self, seed: int) -> None:
        super().__init__([None])
        self._random = random.Random(seed)  # noqa: S311  # answers, not secrets
        self._answers = [answer for _, answer in ANSWERS]
        self._weights = [weight for weight, _ in ANSWERS]

    def popleft(self) -> Any:
        """The next answer."""
        return self._random.choices(self._answers, self._weights)[0]


def executor() -> Executor:
    """Three attempts of a quarter of a second, each with a hedge where the client allows one."""
    retry = RetryPolicy(timeout_per_attempt_s=0.25, initial_backoff_s=0.001, max_backoff_s=0.002)
    hedge = HedgePolicy(hedge_delay_s=0.02, max_hedges=1)
    return Executor(default_policy=Policy("leaks", retry=retry, hedge=hedge))


def one(send: Callable[[], Any], counts: Counts) -> None:
    """A call, and how it ended."""
    try:
        counts[str(send().status)] += 1
    except Exception as error:  # noqa: BLE001  # every way to fail is counted
        counts[type(error).__name__] += 1


def in_threads(client: Any, url: str, calls: int) -> Counts:
    """Send from several threads at once."""
    counts: Counts = collections.Counter()
    left = iter(range(calls))

    def work() -> None:
        for _ in left:
            one(lambda: client.send("GET", url), counts)

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def in_tasks(client: Any, url: str, calls: int) -> Counts:
    """Send from several tasks at once, of which some are cancelled."""
    counts: Counts = collections.Counter()
    left = iter(range(calls))

    async def work() -> None:
        for number in left:
            task = asyncio.create_task(client.send_async("GET", url))
            if number % 50 == 0:
                asyncio.get_running_loop().call_later(0.002, task.cancel)
            try:
                counts[str((await task).status)] += 1
            except asyncio.CancelledError:
                counts["cancelled"] += 1
            except Exception as error:  # noqa: BLE001  # every way to fail is counted
                counts[type(error).__name__] += 1

    async def main() -> None:
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        async with asyncio.timeout(2.0):
            while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110  # losers are on their way out
                await asyncio.sleep(0.01)

    client.run(main)
    return counts


def held() -> tuple[int, int]:
    """Descriptors and threads of this process."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208  # names suffice


@contextlib.contextmanager
def nothing_left(server: Any) -> Iterator[list[str]]:
    """Compare what is held before and after; the list gets what is wrong."""
    wrong: list[str] = []
    before = held()
    yield wrong
    until = time.monotonic() + 5.0
    # Clients make cycles of their own around errors, so held() has to collect them.
    while (after := held()) != before and time.monotonic() < until:
        time.sleep(0.05)
    if server.sockets:
        wrong.append(f"{len(server.sockets)} connections open")
    if after[0] > before[0] or after[1] > before[1]:
        wrong.append(f"descriptors and threads were {before}, are {after}")


def through(server: Any, name: str, calls: int) -> tuple[Counts, list[str]]:
    """Send with one client."""
    with (
        nothing_left(server) as wrong,
        executor() as governor,
        opened(name, executor=governor, pool=2 * AT_ONCE) as client,
    ):
        send = in_tasks if client.is_async else in_threads
        counts = send(client, server.url, calls)
    return counts, wrong


def main() -> int:
    """Run the clients one after another; 1 when one has left something open."""
    with FaultServer() as server:
        server.plan = Faults(1)
        return hunted(__doc__, {name: functools.partial(through, server, name) for name in KINDS})


if __name__ == "__main__":
    sys.exit(main())
