"""More is asked than can be done: by callers, by our retries, by our hedges, or by a quota's measure."""

import math
from dataclasses import replace
from typing import Any, Final

from recourse import HedgePolicy, Policy
from recourse_observe.lab.faults import (
    Fault,
    How,
    Outage,
    PolicyChange,
    QuotaChange,
    Slowdown,
    Surge,
)
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.draft import Claim, Edit, edited, retried
from recourse_observe.lab.scenarios.harm import Harm
from recourse_observe.lab.scenarios.outages import over_with_it
from recourse_observe.lab.spec import DependencySpec, KeySpec, Overflow, Scenario

__all__ = [
    "hedge_runaway",
    "lasts",
    "load_surge",
    "rate_limited",
    "retry_storm",
    "stormy",
    "synchronized_retries",
]

_LONG_S: Final = 45.0
_MOST_HEDGED: Final = 0.5
_CLUMPED: Final = 6.0
_NO_GUARD: Final[dict[str, Any]] = {"circuit": False, "budget": None}


def rate_limited(b: Builder) -> Claim:
    """A quota admits less than is asked for; what it admits is served as ever."""
    dice = b.dice
    per_s = dice.around(8.0, 16.0)
    by_503 = dice.chance(0.2)
    dependency = b.dependency(
        quota_status=503 if by_503 else 429,
        retry_after_s=dice.around(0.5, 4.0) if by_503 or dice.chance(0.6) else None,
    )
    keys = tuple(b.key(dependency, per_s / n).key for n in [dice.whole(1, 2)] for _ in range(n))
    fault = QuotaChange(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        per_s=round(per_s * dice.between(0.25, 0.7), 2),
    )
    b.faults.append(fault)
    return Claim(
        cause="rate_limited",
        keys=keys,
        faults=(fault,),
        least_share=0.15,
        check=over_with_it,
    )


def load_surge(b: Builder) -> Claim:
    """Callers come in multitudes, and there are not workers enough."""
    dice = b.dice
    per_s, used = dice.around(4.0, 8.0), dice.between(0.35, 0.55)
    dependency = b.sized(
        per_s,
        used,
        instances=1,
        median_s=dice.around(0.15, 0.5),
        queue=dice.whole(5, 30),
    )
    key = b.key(dependency, per_s, _NO_GUARD | {"max_attempts": dice.whole(1, 3)})
    b.end_s = min(b.end_s, b.start_s + 120.0)
    fault = Surge(
        start_s=b.start_s,
        end_s=b.end_s,
        key=key.key,
        factor=round(max(2.5, dice.between(1.4, 2.6) / used), 2),
        ramp_s=dice.one((0.0, dice.between(2.0, 12.0))),
    )
    b.faults.append(fault)
    return Claim(
        cause="load_surge", keys=(key.key,), faults=(fault,), counts_slow=True, check=over_with_it
    )


def stormy(b: Builder) -> tuple[DependencySpec, KeySpec]:
    """A dependency that cannot get up once it is down, and a key that retries eagerly.

    A full queue makes requests wait for longer than anybody does: what is served is too late.
    """
    dice = b.dice
    per_s = dice.around(6.0, 12.0)
    instances, sigma = dice.whole(1, 2), dice.between(0.2, 0.4)
    used = dice.between(0.5, 0.75)
    median_s = dice.around(0.05, 0.25)
    timeout_s = round(median_s * dice.between(9.0, 16.0), 3)
    mean_s = median_s * math.exp(sigma**2 / 2)
    workers = max(1, round(per_s * mean_s / used / instances))
    queue = math.ceil(workers * timeout_s / mean_s * dice.between(1.4, 3.0))
    dependency = b.sized(
        per_s, used, median_s=median_s, sigma=sigma, instances=instances, queue=queue
    )
    policy = _NO_GUARD | {
        "max_attempts": dice.whole(4, 7),
        "initial_backoff_s": dice.around(0.02, 0.2),
        "max_backoff_s": dice.around(0.3, 1.5),
        "timeout_per_attempt_s": timeout_s,
    }
    return dependency, b.key(dependency, per_s, policy)


def _trigger(b: Builder, dependency: DependencySpec, key: KeySpec, length_s: float) -> Fault:
    """What fills the queue: a slowdown, silence, or a crowd."""
    dice, start_s = b.dice, b.start_s
    end_s = round(start_s + length_s, 3)
    match dice.whole(0, 2):
        case 0:
            return Slowdown(
                start_s=start_s,
                end_s=end_s,
                dependency=dependency.name,
                factor=dice.between(4.0, 15.0),
            )
        case 1:
            return Outage(start_s=start_s, end_s=end_s, dependency=dependency.name, how=How.SILENCE)
        case _:
            return Surge(start_s=start_s, end_s=end_s, key=key.key, factor=dice.between(3.0, 6.0))


def retry_storm(b: Builder) -> Claim:
    """A short trigger, and retries that keep the dependency down long after it."""
    dice = b.dice
    dependency, key = stormy(b)
    fault = _trigger(b, dependency, key, dice.between(8.0, 35.0))
    b.faults.append(fault)
    end_of_storm(b, key, fault.end_s)
    return Claim(
        cause="retry_storm",
        keys=(key.key,),
        faults=(fault,),
        least_share=0.5,
        remedy=fewer_attempts(key.key),
        check=lasts,
    )


def fewer_attempts(key: str) -> Edit:
    """A remedy: one attempt."""
    return lambda scenario: edited(scenario, [key], lambda p: retried(p, max_attempts=1))


def end_of_storm(b: Builder, key: KeySpec, trigger_end_s: float) -> None:
    """Somebody takes the retries away after a while; or nobody does."""
    if key.policy is None or not b.dice.chance(0.7):
        return
    _calm_down(b, retried(key.policy, max_attempts=1), trigger_end_s + b.dice.between(60.0, 150.0))


def _calm_down(b: Builder, policy: Policy, at_s: float) -> None:
    """Somebody applies a better policy to all processes, for good."""
    moments = b.staggered(at_s, 0.2, 2.0)
    end_s = b.duration_s + 60.0
    b.faults.append(PolicyChange(start_s=at_s, end_s=end_s, policy=policy, applied_s=moments))


def lasts(harm: Harm) -> str | None:
    """The harm goes on for long after its trigger: something sustains it."""
    return f"it lasts only {harm.outlasts_s:.0f} s longer" if harm.outlasts_s < _LONG_S else None


def synchronized_retries(b: Builder) -> Claim:
    """Without jitter, what failed together comes back together, and fails together.

    Calls that hung on a stalled dependency lose their connections in one moment. From then on they
    come back as one crowd, kill an instance that could easily serve them one after the other, and
    everybody who asks while it restarts joins them.
    """
    dice = b.dice
    per_s, backoff_s, attempts = dice.around(9.0, 16.0), dice.between(2.0, 4.5), dice.whole(7, 10)
    dependency = b.sized(
        per_s,
        dice.between(0.1, 0.2),
        instances=1,
        median_s=dice.around(0.03, 0.08),
        queue=dice.whole(4, 10),
        overflow=Overflow.CRASH,
        restart_s=round(backoff_s * dice.between(0.3, 0.6), 3),
    )
    policy = _NO_GUARD | {
        "max_attempts": attempts,
        "initial_backoff_s": backoff_s,
        "max_backoff_s": backoff_s,
        "backoff_multiplier": 1.0,
        "jitter": "none",
        "timeout_per_attempt_s": dice.between(8.0, 15.0),
    }
    key = b.key(dependency, per_s, policy)
    faults: list[Fault] = []
    start_s = b.start_s
    for _ in range(dice.whole(1, 3)):
        end_s = round(start_s + dice.between(2.5, 5.0), 3)
        faults.append(
            Outage(start_s=start_s, end_s=end_s, dependency=dependency.name, how=How.STALL)
        )
        start_s = end_s + attempts * backoff_s * dice.between(0.6, 1.0)
    b.faults += faults
    return Claim(
        cause="synchronized_retries",
        keys=(key.key,),
        faults=tuple(faults),
        counts_slow=True,
        remedy=_jittered(key.key),
        check=_comes_in_waves,
    )


def _jittered(key: str) -> Edit:
    def cured(scenario: Scenario) -> Scenario:
        return edited(scenario, [key], lambda p: retried(p, jitter="full"))

    return cured


def _comes_in_waves(harm: Harm) -> str | None:
    """The counts of half seconds vary much more than those of independent requests do."""
    numbers = {call.number for call in harm.calls}
    counts: dict[int, int] = {}
    for a in harm.run.attempts:
        if a.number in numbers:
            counts[int(a.started_s * 2)] = counts.get(int(a.started_s * 2), 0) + 1
    bins = range(int(harm.onset_s * 2), int(harm.end_s * 2) + 1)
    series = [counts.get(i, 0) for i in bins]
    mean = sum(series) / len(series)
    fano = sum((n - mean) ** 2 for n in series) / len(series) / max(mean, 1e-9)
    return f"starts are smooth, {fano:.1f}" if fano < _CLUMPED else None


def hedge_runaway(b: Builder) -> Claim:
    """Hedges make the dependency slower, and the slower it is, the more calls are hedged."""
    dice = b.dice
    per_s, used = dice.around(9.0, 16.0), dice.between(0.45, 0.65)
    dependency = b.sized(
        per_s,
        used,
        instances=1,
        median_s=dice.around(0.2, 0.5),
        sigma=dice.between(0.2, 0.35),
        queue=dice.whole(200, 600),
    )
    hedge = HedgePolicy(
        hedge_delay_s=round(max(0.01, dependency.median_s * dice.between(1.3, 2.0)), 4),
        max_hedges=dice.whole(1, 3),
    )
    policy = _NO_GUARD | {
        "hedge": hedge,
        "max_attempts": dice.whole(1, 2),
        "timeout_per_attempt_s": round(dependency.median_s * dice.between(20.0, 60.0), 3),
    }
    key = b.key(dependency, per_s, policy)
    fault = Slowdown(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        factor=round(dice.between(0.85, 0.97) / used, 3),
    )
    b.faults.append(fault)
    if key.policy is not None and dice.chance(0.8):
        _calm_down(b, _without_hedge(key.policy), fault.end_s + dice.between(10.0, 60.0))
    return Claim(
        cause="hedge_runaway",
        keys=(key.key,),
        faults=(fault,),
        counts_slow=True,
        least_share=0.2,
        remedy=_unhedged(key.key),
        check=_mostly_hedged,
    )


def _unhedged(key: str) -> Edit:
    return lambda scenario: edited(scenario, [key], _without_hedge)


def _without_hedge(policy: Policy) -> Policy:
    return replace(policy, hedge=None)


def _mostly_hedged(harm: Harm) -> str | None:
    hedges = harm.hedges_per_call()
    return f"only {hedges:.2f} hedges per call" if hedges < _MOST_HEDGED else None
