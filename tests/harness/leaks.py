"""What the hunts for leaks have in common: clients one after another, and what is said of each."""

import argparse
import collections
import time
from collections.abc import Callable, Mapping

__all__ = ["Counts", "Hunt", "hunted"]

Counts = collections.Counter[str]
"""How calls ended."""
Hunt = Callable[[int], tuple[Counts, list[str]]]
"""Makes so many calls; how they ended, and what was left open."""


def hunted(what: str | None, clients: Mapping[str, Hunt]) -> int:
    """Run the clients that the command line names; 1 when one has left something open, or a call.

    Args:
        what: The docstring of the harness.
        clients: All that it knows.
    """
    parser = argparse.ArgumentParser(description=(what or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--clients", default=",".join(clients))
    options = parser.parse_args()
    return max(_told(name, clients[name], options.calls) for name in options.clients.split(","))


def _told(name: str, hunt: Hunt, calls: int) -> int:
    began = time.monotonic()
    counts, wrong = hunt(calls)
    if counts.total() != calls:
        wrong.append(f"{counts.total()} of {calls} calls ended")
    told = "; ".join(wrong) or "nothing left open"
    took_s = time.monotonic() - began
    print(f"{name}: {counts.total()} calls, {took_s:.0f} s, {told}  {dict(counts)}")
    return int(bool(wrong))
