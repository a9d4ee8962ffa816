"""All kinds of scenarios, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from recourse_observe.lab.scenarios import (
    changes,
    guards,
    loads,
    mixtures,
    outages,
    quiet,
    requests,
)
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.draft import Claim

__all__ = ["CATALOGUE", "ROUND", "Recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a kind of scenario is drawn.

    Attributes:
        make: Puts into the world what is wrong with it, and claims what that is.
        says: What it is, as a sentence.
        least_s: The shortest run.
        most_s: The longest.
        alone: Whether nothing else may happen in it.
    """

    make: Callable[[Builder], tuple[Claim, ...]]
    says: str
    least_s: float = 400.0
    most_s: float = 600.0
    alone: bool = False


def _of(family: Callable[[Builder], Claim]) -> Recipe:
    return Recipe(make=lambda b: (family(b),), says=_first_line(family))


def _first_line(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]


def _several(make: Callable[[Builder], tuple[Claim, ...]]) -> Recipe:
    return Recipe(make=make, says=_first_line(make))


_SINGLE: Final = (
    changes.bad_policy_rollout,
    guards.budget_missing,
    guards.budget_starvation,
    requests.caller_cancellation,
    guards.circuit_flapping,
    guards.circuit_stuck_open,
    changes.classifier_misclassification,
    changes.control_plane_outage,
    outages.dependency_brownout,
    outages.dependency_outage,
    requests.duplicate_side_effects,
    loads.hedge_runaway,
    changes.key_cardinality,
    loads.load_surge,
    outages.partial_instance_failure,
    requests.poison_requests,
    loads.rate_limited,
    loads.retry_storm,
    outages.single_process_fault,
    loads.synchronized_retries,
    requests.timeout_too_tight,
    requests.unlisted,
)
_MIXED: Final = (
    mixtures.cascade_across_services,
    mixtures.cascade_in_process,
    mixtures.masked_partial_failure,
    mixtures.one_after_the_other,
    mixtures.outage_after_rollout,
    mixtures.side_by_side,
    mixtures.storm_after_outage,
)
CATALOGUE: Final[dict[str, Recipe]] = {
    **{family.__name__: _of(family) for family in _SINGLE},
    **{make.__name__: _several(make) for make in _MIXED},
    "healthy": Recipe(
        make=quiet.healthy,
        says=_first_line(quiet.healthy),
        least_s=2400.0,
        most_s=4800.0,
        alone=True,
    ),
}
_HEALTHY_EVERY: Final = 3


def _round() -> tuple[str, ...]:
    """Every kind once, and a healthy archive after every third."""
    names: list[str] = []
    for place, name in enumerate(sorted(set(CATALOGUE) - {"healthy"})):
        names.append(name)
        if place % _HEALTHY_EVERY == _HEALTHY_EVERY - 1:
            names.append("healthy")
    return tuple(names)


ROUND: Final = _round()
