"""The back end of a shop over real sockets, one port for each service; its payments break on schedule.

Run by ``record_checkout_outage.py``. It says on its standard output, one JSON document a line, where
its services listen, when each phase really began, and, when its standard input ends and so does it,
how it answered in all.
"""

import argparse
import asyncio
import json
import math
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

from recourse.clock import Clock, SystemClock

__all__ = ["SERVICES", "Fault", "Phase", "Service", "Shop", "schedule"]


class Fault(StrEnum):
    """What happens to a request instead of its answer."""

    UNAVAILABLE = "unavailable"  # 503 at once
    RETRY_AFTER = "retry_after"  # 503 at once, which asks to wait for a second
    RESET = "reset"  # the connection is reset without an answer
    SLOW = "slow"  # the answer comes, but longer than anybody waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: how long it takes (log-normal), and how often it is unavailable on a good day."""

    name: str
    median_s: float
    sigma: float
    hiccups: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of the schedule: how many of the broken service's requests meet which fault."""

    name: str
    seconds: float
    faults: Mapping[Fault, float] = field(default_factory=dict)


SERVICES: Final = (
    Service(name="payments", median_s=0.055, sigma=0.3),
    Service(name="inventory", median_s=0.016, sigma=0.3),
    Service(name="users", median_s=0.009, sigma=0.35),
    Service(name="search", median_s=0.035, sigma=0.6, hiccups=0.003),
    Service(name="email", median_s=0.022, sigma=0.3),
)
BROKEN: Final = "payments"
_OUTAGE: Final = {
    Fault.UNAVAILABLE: 0.68,
    Fault.RETRY_AFTER: 0.12,
    Fault.RESET: 0.11,
    Fault.SLOW: 0.06,
}
_RECOVERING: Final = {Fault.UNAVAILABLE: 0.24, Fault.SLOW: 0.06}
_REFUSAL_S: Final = 0.006
_SLOW_S: Final = 1.6
_RST_ON_CLOSE: Final = struct.pack("ii", 1, 0)


def schedule(total_s: float) -> tuple[Phase, ...]:
    """The phases of a recording of this length: a third of it healthy, a quarter down, then well again."""
    return (
        Phase(name="healthy", seconds=total_s * 0.33),
        Phase(name="outage", seconds=total_s * 0.25, faults=_OUTAGE),
        Phase(name="recovering", seconds=total_s * 0.04, faults=_RECOVERING),
        Phase(name="recovered", seconds=total_s * 0.38),
    )


class Shop:
    """Answers requests of every service, and lets the broken one go through its phases.

    Attributes:
        served: How the requests of each service were answered.
    """

    def __init__(self, source: random.Random, clock: Clock) -> None:
        self._random = source
        self._clock = clock
        self._faults: Mapping[Fault, float] = {}
        self.served = {service.name: Counter[str]() for service in SERVICES}

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await self._clock.asleep(seconds, asyncio.get_running_loop().create_future())

    async def go_through(self, phases: tuple[Phase, ...]) -> None:
        """Enter phase after phase, and say so at the very moment."""
        for phase in phases:
            self._faults = phase.faults
            tell({"phase": phase.name, "started_unix_ns": self._clock.time_unix_ns()})
            await self.pause(phase.seconds)
        tell({"phase": "over", "started_unix_ns": self._clock.time_unix_ns()})

    async def serve(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the requests of one connection until either side ends it."""
        try:
            while await _request_is_read(reader):
                if not await self._answer(service, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up: its right
        finally:
            writer.close()

    async def _answer(self, service: Service, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; false when that was the connection's end."""
        fault = self._fault(service)
        self.served[service.name][fault or "ok"] += 1
        match fault:
            case Fault.UNAVAILABLE:
                await self.pause(self._spread(_REFUSAL_S, 0.3))
                writer.write(_message("503 Service Unavailable"))
            case Fault.RETRY_AFTER:
                await self.pause(self._spread(_REFUSAL_S, 0.3))
                writer.write(_message("503 Service Unavailable", "Retry-After: 1\r\n"))
            case Fault.RESET:
                await self.pause(self._spread(_REFUSAL_S, 0.3))
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
                writer.transport.abort()
                return False
            case Fault.SLOW:
                await self.pause(self._spread(_SLOW_S, 0.2))
                writer.write(_message("200 OK"))
            case None:
                await self.pause(self._spread(service.median_s, service.sigma))
                writer.write(_message("200 OK"))
        await writer.drain()
        return True

    def _fault(self, service: Service) -> Fault | None:
        faults = self._faults if service.name == BROKEN else {Fault.UNAVAILABLE: service.hiccups}
        drawn = self._random.uniform(0.0, 1.0)
        for fault, share in faults.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None

    def _spread(self, median_s: float, sigma: float) -> float:
        return self._random.lognormvariate(math.log(median_s), sigma)


async def _request_is_read(reader: asyncio.StreamReader) -> bool:
    """Read one request to its end; false when there is none any more."""
    head = await reader.readline()
    length = 0
    while (line := await reader.readline()) not in {b"\r\n", b""}:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    await reader.readexactly(length)
    return head != b""


def _message(status: str, headers: str = "") -> bytes:
    body = json.dumps({"status": status}).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def tell(document: Mapping[str, object]) -> None:
    """Say one thing to whoever runs this."""
    print(json.dumps(document), flush=True)


async def main() -> None:
    """Serve, go through the schedule, and end with the standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True, help="length of the schedule")
    parser.add_argument("--seed", type=int, default=7, help="seed of latencies and faults")
    arguments = parser.parse_args()
    shop = Shop(random.Random(arguments.seed), SystemClock())  # noqa: S311  # no secret
    ports = {}
    for service in SERVICES:
        server = await asyncio.start_server(partial(shop.serve, service), "127.0.0.1", 0)
        ports[service.name] = server.sockets[0].getsockname()[1]
    tell({"ports": ports})
    phases = asyncio.create_task(shop.go_through(schedule(arguments.seconds)))
    await asyncio.to_thread(sys.stdin.read)
    phases.cancel()
    tell({"served": shop.served})


if __name__ == "__main__":
    asyncio.run(main())
