"""What is wrong with the requests, or with how long anybody waits for them."""

from dataclasses import replace
from typing import Any, Final

from recourse_observe.lab.faults import Poison, Slowdown, UpstreamDeadline
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.draft import Claim, edited, retried
from recourse_observe.lab.scenarios.harm import Harm
from recourse_observe.lab.scenarios.outages import over_with_it

__all__ = [
    "caller_cancellation",
    "duplicate_side_effects",
    "poison_requests",
    "timeout_too_tight",
    "unlisted",
]

_CALM: Final[dict[str, Any]] = {"circuit": False, "budget": None}
_HALF: Final = 0.5


def poison_requests(b: Builder) -> Claim:
    """Some calls fail whatever one does, the others never."""
    dice = b.dice
    dependency = b.dependency()
    key = b.key(dependency, dice.around(5.0, 12.0), _CALM | {"max_attempts": dice.whole(2, 5)})
    fault = Poison(
        start_s=b.start_s,
        end_s=b.end_s,
        key=key.key,
        share=dice.between(0.1, 0.42),
        status=dice.one((500, 500, 502, 503)),
    )
    b.faults.append(fault)
    return Claim(cause="poison_requests", keys=(key.key,), faults=(fault,), check=over_with_it)


def caller_cancellation(b: Builder) -> Claim:
    """Whoever asks for a route gives up sooner than the route takes."""
    dice = b.dice
    specs = [
        b.key(
            b.dependency(median_s=dice.around(0.03, 0.12)),
            dice.around(6.0, 10.0) if place == 0 else 0.0,
        )
        for place in range(dice.whole(2, 4))
    ]
    first = b.change(replace(specs[0], then=tuple(spec.key for spec in specs[1:])))
    usual_s = sum(b.dependencies[spec.dependency].median_s for spec in specs)
    fault = UpstreamDeadline(
        start_s=b.start_s,
        end_s=b.end_s,
        keys=(first.key,),
        after_s=round(usual_s * dice.between(0.35, 0.9), 4),
        share=dice.between(0.5, 1.0),
    )
    b.faults.append(fault)
    return Claim(
        cause="caller_cancellation",
        keys=tuple(spec.key for spec in specs),
        faults=(fault,),
        all_hit=True,
        check=_cancelled,
    )


def _cancelled(harm: Harm) -> str | None:
    share = harm.lost_to("CancelledError")
    return f"only {share:.2f} of the lost calls were cancelled" if share < _HALF else None


def timeout_too_tight(b: Builder) -> Claim:
    """The timeout leaves no room: a little slower, and many attempts die just before their answer."""
    dice = b.dice
    dependency = b.dependency(
        median_s=dice.around(0.02, 0.15), sigma=dice.between(0.22, 0.35), workers=20
    )
    policy = _CALM | {
        "timeout_per_attempt_s": round(dependency.median_s * dice.between(2.4, 3.6), 4),
        "max_attempts": dice.whole(2, 4),
    }
    key = b.key(dependency, dice.around(6.0, 12.0), policy)
    fault = Slowdown(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        factor=dice.between(1.9, 2.8),
    )
    b.faults.append(fault)
    return Claim(
        cause="timeout_too_tight",
        keys=(key.key,),
        faults=(fault,),
        remedy=lambda s: edited(s, [key.key], lambda p: retried(p, timeout_per_attempt_s=10.0)),
        check=lambda harm: over_with_it(harm) or _in_part(harm),
    )


def _in_part(harm: Harm) -> str | None:
    share = len(harm.harmed & {call.number for call in harm.calls}) / len(harm.calls)
    return f"{share:.2f} of the calls are harmed" if share > 0.8 else None  # noqa: PLR2004  # then the timeout is not tight but absurd


def duplicate_side_effects(b: Builder) -> Claim:
    """Requests that timed out were carried out all the same; repeated, they meet their own effect."""
    dice = b.dice
    dependency = b.dependency(
        refuses_repeats=True, workers=24, queue=200, median_s=dice.around(0.02, 0.12)
    )
    timeout_s = round(dependency.median_s * dice.between(10.0, 20.0), 3)
    policy = _CALM | {
        "timeout_per_attempt_s": timeout_s,
        "max_attempts": dice.whole(2, 4),
        "initial_backoff_s": round(max(0.05, timeout_s * dice.between(0.5, 1.5)), 3),
        "max_backoff_s": round(max(0.5, timeout_s * 3.0), 3),
        "jitter": "equal",
    }
    key = b.key(dependency, dice.around(5.0, 10.0), policy)
    fault = Slowdown(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        factor=round(timeout_s / dependency.median_s * dice.between(0.8, 1.2), 2),
    )
    b.faults.append(fault)
    return Claim(
        cause="duplicate_side_effects",
        keys=(key.key,),
        also_right=("dependency_brownout",),
        faults=(fault,),
        least_share=0.15,
        check=_conflicts,
    )


def _conflicts(harm: Harm) -> str | None:
    numbers = {call.number for call in harm.calls}
    again = [a.status for a in harm.run.attempts if a.attempt and a.number in numbers]
    share = again.count(409) / max(1, len(again))
    return f"only {share:.2f} of the retries met a conflict" if share < 0.2 else None  # noqa: PLR2004  # one in five


def unlisted(b: Builder) -> Claim:
    """A cause that is not on the list: the dependency suddenly refuses what it always took."""
    dice = b.dice
    dependency = b.dependency()
    key = b.key(dependency, dice.around(5.0, 12.0), _CALM)
    fault = Poison(
        start_s=b.start_s,
        end_s=b.end_s,
        key=key.key,
        share=dice.between(0.3, 1.0),
        status=dice.one((401, 403, 404, 405, 410, 415)),
    )
    b.faults.append(fault)
    return Claim(cause="unknown", keys=(key.key,), faults=(fault,), check=over_with_it)
