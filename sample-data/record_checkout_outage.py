"""Records `checkout-outage`: real calls over real sockets, through an outage of the payment service.

    python sample-data/record_checkout_outage.py [--out DIR] [--minutes 4] [--seed 7]

A shop's back end (``shop.py``) listens on loopback in a process of its own, and its payments go
through a scheduled outage. This process is the checkout service: it calls the shop through the real
executor, under ``checkout-policies.toml``, and records what happens. Nothing in the archive is made up; only the outage is arranged.
When the shop really switched, and how it answered, is written beside it, as ``DIR.faults.json``.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

import recourse
from recourse import TokenBucket
from recourse.clock import Clock, SystemClock
from recourse.events import CallEnd, CircuitState, Event
from recourse.observer import Observer
from recourse.policy.load import load
from recourse_observe.archive import ArchiveObserver

HERE: Final = Path(__file__).resolve().parent
CALLS_PER_S: Final = {"browse": 10.0, "order": 8.0, "refund": 3.0}
WORKER_CALLS_PER_S: Final = 5.0
MOST_LOST: Final = 0.002
MOST_LAG_S: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request of the shop."""

    method: str
    url: str
    body: dict[str, object] | None = None
    headers: dict[str, str] | None = None


class Tally:
    """An observer that judges whether the recording is fit to keep."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, str, bool]] = []
        self.transitions: list[str] = []

    def on_event(self, event: Event) -> None:
        """Note how calls end and where breakers go."""
        if isinstance(event, CallEnd):
            self.ends.append((event.t_wall_ns, event.key, event.success))
        elif isinstance(event, CircuitState):
            self.transitions.append(f"{event.key} {event.from_state} → {event.to_state}")


class Checkout:
    """The service under observation: its clients, its executor, and its customers."""

    def __init__(
        self, ports: dict[str, int], observers: list[Observer], seed: int, clock: Clock
    ) -> None:
        self._ports = ports
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311  # traffic, no secret
        self._client = httpx.AsyncClient(timeout=5.0)
        self._worker_client = httpx.Client(timeout=5.0)
        told = load(HERE / "checkout-policies.toml")
        self._executor = recourse.Executor(
            policies=told.policies,
            observers=observers,
            budgets={
                name: TokenBucket(budget["capacity"], budget["refill_per_s"])
                for name, budget in told.budgets.items()
            },
            random=random.Random(seed + 1),  # noqa: S311  # jitter
        )
        self.lags_s: list[float] = []

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await self._clock.asleep(max(0.0, seconds), asyncio.get_running_loop().create_future())

    async def serve_customers(self, over: asyncio.Event) -> None:
        """Carry out everything that customers want, until it is over, and finish what is begun."""
        worker = self._clock.spawn(lambda: self._look_users_up(over), "checkout-worker")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_lag(over))
            for name, flow in self._flows().items():
                group.create_task(self._arrivals(group, CALLS_PER_S[name], flow, over))
        await asyncio.to_thread(worker.join)
        await self._executor.aclose()
        await self._client.aclose()
        self._worker_client.close()

    def _flows(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {"browse": self._browse, "order": self._order, "refund": self._refund}

    async def _arrivals(
        self,
        group: asyncio.TaskGroup,
        per_s: float,
        flow: Callable[[], Awaitable[None]],
        over: asyncio.Event,
    ) -> None:
        """Customers come at random and wait for nobody (a Poisson process)."""
        next_s = self._clock.monotonic_s()
        while not over.is_set():
            next_s += self._random.expovariate(per_s)
            await self.pause(next_s - self._clock.monotonic_s())
            group.create_task(_whatever_comes(flow))

    async def _browse(self) -> None:
        await self._get("user-service.GetUser", f"users/{self._random.randrange(5000)}")
        await self._get("search.Query", f"search?q={self._random.randrange(900)}")

    async def _order(self) -> None:
        order = self._random.randrange(10**9)
        await self._post("inventory.Reserve", "inventory/reservations", order)
        await self._post("payments.Charge", "payments/charges", order)
        await self._post("email.Send", "email/messages", order)

    async def _refund(self) -> None:
        await self._post("payments.Refund", "payments/refunds", self._random.randrange(10**9))

    async def _get(self, key: str, path: str) -> None:
        request = Request(method="GET", url=self._url(path))
        await self._executor.acall(key, self._send, request)

    async def _post(self, key: str, path: str, order: int) -> None:
        headers = {} if key == "email.Send" else {"Idempotency-Key": f"{order:09d}"}
        request = Request(
            method="POST", url=self._url(path), body={"order": order}, headers=headers
        )
        await self._executor.acall(key, self._send, request)

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._ports[path.partition('/')[0].partition('?')[0]]}/{path}"

    async def _send(self, request: Request) -> Any:
        _note(request)
        response = await self._client.request(
            request.method, request.url, json=request.body, headers=request.headers
        )
        return _answer(response)

    def _look_users_up(self, over: asyncio.Event) -> None:
        """The service's one thread: it looks users up, one after the other."""
        source, mailbox = random.Random(0), self._clock.mailbox()  # noqa: S311  # traffic
        while not over.is_set():
            mailbox.take(source.expovariate(WORKER_CALLS_PER_S))
            request = Request(method="GET", url=self._url(f"users/{source.randrange(5000)}"))
            with contextlib.suppress(httpx.HTTPError, recourse.RecourseError):
                self._executor.call("user-service.GetUser", self._send_in_thread, request)

    def _send_in_thread(self, request: Request) -> Any:
        attempt = _note(request)
        timeout_s = attempt.remaining_s() or 5.0
        return _answer(self._worker_client.request(request.method, request.url, timeout=timeout_s))

    async def _watch_lag(self, over: asyncio.Event) -> None:
        """How late this process runs: a recording of an overloaded machine is of no use."""
        while not over.is_set():
            due_s = self._clock.monotonic_s() + 0.05
            await self.pause(0.05)
            self.lags_s.append(self._clock.monotonic_s() - due_s)


async def _whatever_comes(flow: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(httpx.HTTPError, recourse.RecourseError):
        await flow()


def _note(request: Request) -> recourse.AttemptInfo:
    attempt = recourse.current_attempt()
    if attempt is None:
        message = "a request is sent outside of any call"
        raise RuntimeError(message)
    attempt.annotate(method=request.method, peer=httpx.URL(request.url).netloc.decode())
    return attempt


def _answer(response: httpx.Response) -> Any:
    attempt = recourse.current_attempt()
    if attempt is not None:
        attempt.annotate(status=response.status_code)
    return response.raise_for_status().json()


@contextlib.asynccontextmanager
async def _open_shop(
    seconds: float, seed: int
) -> AsyncIterator[tuple[asyncio.StreamWriter, asyncio.StreamReader]]:
    """The shop's process: what it is told (its end), and what it says."""
    shop = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "shop.py"),
        f"--seconds={seconds}",
        f"--seed={seed}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if shop.stdin is None or shop.stdout is None:
        message = "the shop has no pipes"
        raise RuntimeError(message)
    try:
        yield shop.stdin, shop.stdout
    finally:
        shop.stdin.close()
        await shop.wait()


async def _phases(said: asyncio.StreamReader) -> list[dict[str, Any]]:
    """What the shop says of its phases, once it has gone through them all."""
    phases: list[dict[str, Any]] = []
    while not phases or phases[-1]["phase"] != "over":
        phases.append(json.loads(await said.readline()))
        print(f"{phases[-1]['phase']} at {phases[-1]['started_unix_ns']}", flush=True)
    return phases


async def record(out: Path, seconds: float, seed: int) -> str | None:
    """Record into ``out``; gives what is wrong with the recording, if anything is."""
    tally = Tally()
    over = asyncio.Event()
    archive = ArchiveObserver(out, service="checkout", instance="checkout-1", rotate_s=3600.0)
    async with _open_shop(seconds, seed) as (told, said):
        ports = json.loads(await said.readline())["ports"]
        checkout = Checkout(ports, [archive, tally], seed, SystemClock())
        async with asyncio.TaskGroup() as group:
            group.create_task(checkout.serve_customers(over))
            phases = await _phases(said)
            over.set()
        told.close()
        served = json.loads(await said.readline())["served"]
    archive.close()
    faults = {"service": "payments", "phases": phases, "served": served}
    out.with_name(f"{out.name}.faults.json").write_text(json.dumps(faults, indent=2) + "\n")
    return _judged(tally, phases, sorted(checkout.lags_s))


def _judged(tally: Tally, phases: list[dict[str, Any]], lags_s: list[float]) -> str | None:
    outage_ns = phases[1]["started_unix_ns"]
    before = [success for ended_ns, _, success in tally.ends if ended_ns < outage_ns]
    lost = before.count(False)
    lag_s = lags_s[int(0.99 * len(lags_s))]
    print(f"{len(tally.ends)} calls; before the outage {lost} of {len(before)} failed")
    print(f"event loop late by {lag_s * 1e3:.0f} ms at p99, {lags_s[-1] * 1e3:.0f} ms at most")
    print(*tally.transitions, sep="\n")
    if lost > MOST_LOST * len(before):
        return f"{lost} of {len(before)} calls failed before the outage began"
    if lag_s > MOST_LAG_S:
        return f"the machine was late by {lag_s * 1e3:.0f} ms"
    return None


def main() -> int:
    """Record, and say whether the recording is fit to keep."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE / "checkout-outage", metavar="DIR")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.out.exists():
        print(f"{str(arguments.out)!r} is there already; remove it, or give another --out")
        return 2
    wrong = asyncio.run(record(arguments.out, arguments.minutes * 60, arguments.seed))
    if wrong is not None:
        print(f"the recording is not fit to keep: {wrong}; try again on an idle machine")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
