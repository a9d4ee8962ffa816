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
import importlib.metadata
import random
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.benchmarks.call_contenders import (
    Contenders,
    aflaky,
    aok,
    aquiet,
    arefuse,
    flaky,
    limits,
    ok,
    ours,
    peers,
    quiet,
    refuse,
)

# Few enough that most batches are over before another process gets its turn.
CALLS = 100
NAMES = (
    "tenacity stamina backoff circuitbreaker pybreaker hyx pyresilience redress".split()  # noqa: SIM905  # one word after the other
)


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
