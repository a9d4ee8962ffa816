"""Incidents of the shared processor, each with a change of policy that a person would try.

A pair belongs to a seed, and the seed's remainder says of which family it is. Of a few changes the first
is asked about that makes a difference: most that are drawn blindly make none, and say nothing of whether
an answer has the direction right.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from recourse_observe.archive.build import write_archive
from tests.benchmarks.whatif_pool import Client, Incident, Told, Tried, simulated

__all__ = ["FAMILIES", "KEY", "T0_US", "Pair", "pair", "written"]

KEY = "pool.Ask"
T0_US = 1_795_255_200_000_000
CHANGES = 3


class Change(NamedTuple):
    """What the candidate changes, as a person writes it, and what calls follow then."""

    edits: tuple[str, ...]
    client: Client


class Pair(NamedTuple):
    """An incident, how its calls went, and how they go under the candidate."""

    family: str
    spec: Incident
    client: Client
    edits: tuple[str, ...]
    recorded: list[Told]
    truth: list[Told]


class Drawn(NamedTuple):
    """What a family says of its incident.

    Attributes:
        busy: How busy the processor is in quiet.
        tightness: The timeout, in medians of a request's work.
        lasts_s: How long the trouble lasts.
        trouble: What is wrong meanwhile.
        client: What is special about its clients.
    """

    busy: float
    tightness: float
    lasts_s: float
    trouble: dict[str, float]
    client: dict[str, Any] = {}  # noqa: RUF012  # never changed


def pair(seed: int) -> Pair:
    """The pair of a seed."""
    rng = random.Random(f"pool/{seed}")  # noqa: S311  # a search, no secret
    family = list(FAMILIES)[seed % len(FAMILIES)]
    spec, client = _incident(rng, seed, FAMILIES[family](rng))
    recorded = simulated(spec, client)
    changes = [_change(rng, client) for _ in range(CHANGES)]
    truths = [simulated(spec, one.client) for one in changes]
    differs = [abs(_failed(one) - _failed(recorded)) >= 0.02 * len(recorded) for one in truths]
    place = differs.index(True) if any(differs) else 0
    return Pair(family, spec, client, changes[place].edits, recorded, truths[place])


def _failed(calls: Iterable[Told]) -> int:
    return sum(bool(one.reason) for one in calls)


def _incident(rng: random.Random, seed: int, drawn: Drawn) -> tuple[Incident, Client]:
    median_s, per_s, from_s = rng.uniform(0.08, 0.35), rng.uniform(6, 14), rng.uniform(45, 55)
    sigma = rng.uniform(0.2, 0.6)
    trouble = dict(drawn.trouble)
    if "quota_per_s" in trouble:
        trouble["quota_per_s"] *= per_s
    given: dict[str, Any] = {
        "max_attempts": rng.choice((2, 3, 4, 5)),
        "timeout_s": round(drawn.tightness * median_s, 4),
        "initial_backoff_s": round(rng.uniform(0.02, 0.3), 4),
        **drawn.client,
    }
    if "hedge_delay_s" in given:
        given["hedge_delay_s"] = round(given["hedge_delay_s"] * median_s, 4)
    spec = Incident(
        seed=seed,
        per_s=per_s,
        length_s=from_s + drawn.lasts_s + rng.uniform(35, 55),
        from_s=from_s,
        to_s=from_s + drawn.lasts_s,
        speed=per_s * median_s * 1.1 / drawn.busy,
        limit=rng.choice((30, 60, 120)),
        median_s=median_s,
        sigma=sigma,
        stays=rng.random() < 0.8,
        **trouble,
    )
    return spec, Client(**given)


# ---------------------------------------------------------------- families


def storm(rng: random.Random) -> Drawn:
    """Everything is slow for a short while; retries keep it down, or nearly."""
    trouble = {"slow": rng.uniform(2.5, 6)}
    more = {"max_attempts": rng.choice((3, 4, 5, 6))}
    return Drawn(rng.uniform(0.45, 0.7), rng.uniform(6, 14), rng.uniform(8, 25), trouble, more)


def surge(rng: random.Random) -> Drawn:
    """More calls come for a short while than it can take."""
    trouble = {"surge": rng.uniform(2, 4)}
    return Drawn(rng.uniform(0.4, 0.65), rng.uniform(6, 14), rng.uniform(8, 25), trouble)


def outage(rng: random.Random) -> Drawn:
    """Some or all requests fail at once, from outside."""
    trouble = {"errors": rng.choice((1.0, 0.8, 0.6, 0.4, 0.25))}
    more = {"max_attempts": rng.choice((1, 2, 3, 5))}
    return Drawn(rng.uniform(0.15, 0.4), rng.uniform(8, 14), rng.uniform(20, 40), trouble, more)


def brownout(rng: random.Random) -> Drawn:
    """Everything is slow for a while, with room to spare."""
    trouble = {"slow": rng.uniform(3, 10)}
    return Drawn(rng.uniform(0.05, 0.25), rng.uniform(5, 14), rng.uniform(20, 40), trouble)


def rate_limit(rng: random.Random) -> Drawn:
    """A quota is below what is asked."""
    trouble = {
        "quota_per_s": rng.uniform(0.4, 0.95),
        "retry_after_s": rng.choice((0.0, 0.5, 2.0)),
    }
    return Drawn(rng.uniform(0.15, 0.4), rng.uniform(8, 14), rng.uniform(20, 40), trouble)


def tight(rng: random.Random) -> Drawn:
    """The timeout is near what requests take; for a while they take a little longer."""
    trouble = {"slow": rng.uniform(1.3, 2.5)}
    return Drawn(rng.uniform(0.15, 0.4), rng.uniform(1.8, 3.2), rng.uniform(20, 40), trouble)


def hedge_runaway(rng: random.Random) -> Drawn:
    """Hedges multiply the load when everything gets slower."""
    more = {
        "max_attempts": rng.choice((1, 2)),
        "hedge_delay_s": rng.uniform(1.8, 3),
        "max_hedges": rng.choice((1, 2)),
    }
    trouble = {"slow": rng.uniform(1.5, 3)}
    return Drawn(rng.uniform(0.45, 0.7), rng.uniform(8, 16), rng.uniform(15, 40), trouble, more)


def healthy(rng: random.Random) -> Drawn:
    """Nothing happens."""
    return Drawn(rng.uniform(0.1, 0.4), rng.uniform(6, 14), rng.uniform(20, 40), {})


FAMILIES: dict[str, Callable[[random.Random], Drawn]] = {
    "storm": storm,
    "surge": surge,
    "outage": outage,
    "brownout": brownout,
    "rate_limit": rate_limit,
    "tight": tight,
    "hedge_runaway": hedge_runaway,
    "healthy": healthy,
}


def _change(rng: random.Random, client: Client) -> Change:
    if client.hedge_delay_s and rng.random() < 0.6:
        return _hedging(rng, client)
    kind = rng.randrange(3)
    if kind == 0:
        most = rng.choice([n for n in (1, 2, 3, 5) if n != client.max_attempts])
        return Change((f"retry.max_attempts={most}",), replace(client, max_attempts=most))
    if kind == 1:
        timeout_s = round(client.timeout_s * rng.choice((0.6, 1.5, 2.5)), 4)
        edit = f"retry.timeout_per_attempt_s={timeout_s}"
        return Change((edit,), replace(client, timeout_s=timeout_s))
    first_s = round(client.initial_backoff_s * 8, 4)
    edits = (f"retry.initial_backoff_s={first_s}", "retry.max_backoff_s=8")
    return Change(edits, replace(client, initial_backoff_s=first_s, max_backoff_s=8.0))


def _hedging(rng: random.Random, client: Client) -> Change:
    if rng.random() < 0.5:
        return Change(("hedge.enabled=false",), replace(client, hedge_delay_s=0.0))
    delay_s = round(client.hedge_delay_s * 3, 4)
    return Change((f"hedge.hedge_delay_s={delay_s}",), replace(client, hedge_delay_s=delay_s))


# ---------------------------------------------------------------- the archive


def written(found: Pair, folder: Path) -> None:
    """An archive of the recorded calls, as their clients saw them."""
    rows: dict[str, list[Any]] = {"calls": [], "attempts": [], "policies": []}
    for number, call in enumerate(found.recorded):
        call_id = f"{number:06d}"
        rows["attempts"] += [_attempt_row(call_id, one, found) for one in call.runs]
        hedges = sum(one.hedge > 0 for one in call.runs)
        rows["calls"].append(
            {
                "call_id": call_id,
                "key": KEY,
                "started_at": T0_US + round(call.started_s * 1e6),
                "duration_us": round((call.ended_s - call.started_s) * 1e6),
                "policy_version": "v1",
                "success": not call.reason,
                "disposition": "exhausted" if call.reason else "success",
                "attempts_run": len(call.runs),
                "retries": len(call.runs) - hedges - 1,
                "hedges": hedges,
            }
        )
    rows["policies"].append(_policy_row(found.client))
    write_archive(folder, rows)


def _attempt_row(call_id: str, run: Tried, found: Pair) -> dict[str, Any]:
    row: dict[str, Any] = {
        "call_id": call_id,
        "key": KEY,
        "attempt": run.attempt,
        "hedge_index": run.hedge,
        "is_hedge": run.hedge > 0,
        "started_at": T0_US + round(run.started_s * 1e6),
        "duration_us": round(run.took_s * 1e6),
        "timeout_us": round(found.client.timeout_s * 1e6),
    }
    if run.reason:
        kind = "cancelled" if run.reason == "hedge_lost" else "retryable"
        row |= {"outcome": kind, "reason": run.reason}
    if run.reason == "http_429" and found.spec.retry_after_s:
        row["retry_after_us"] = round(found.spec.retry_after_s * 1e6)
    return row


def _policy_row(client: Client) -> dict[str, Any]:
    row: dict[str, Any] = {
        "applied_at": T0_US,
        "key": KEY,
        "policy_version": "v1",
        "max_attempts": client.max_attempts,
        "timeout_per_attempt_us": round(client.timeout_s * 1e6),
        "initial_backoff_us": round(client.initial_backoff_s * 1e6),
        "max_backoff_us": round(client.max_backoff_s * 1e6),
        "backoff_multiplier": 2.0,
        "jitter": "full",
    }
    if client.hedge_delay_s:
        row |= {
            "hedge_enabled": True,
            "hedge_delay_us": round(client.hedge_delay_s * 1e6),
            "max_hedges": client.max_hedges,
            "hedge_trigger": "fixed_delay",
        }
    return row
