"""From a name and a seed to an archive with labels: drawn until its mechanism shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from recourse_observe.lab.labels import Incident, Labels
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.catalogue import CATALOGUE, ROUND
from recourse_observe.lab.scenarios.draft import Draft
from recourse_observe.lab.scenarios.draw import Dice
from recourse_observe.lab.scenarios.measure import NotShownError, measured
from recourse_observe.lab.scenarios.quiet import beside, hindered
from recourse_observe.lab.spec import Scenario

__all__ = [
    "HELD_OUT",
    "Made",
    "UnknownScenarioError",
    "draft_of",
    "made",
    "set_of",
    "split_of",
    "write",
]

_DEVELOPMENT: Final = "development"
HELD_OUT: Final = "held_out"
_FIRST_HELD_OUT: Final = 1_000_000_000
_MOST_DRAWS: Final = 60
_SEEDS_PER_SET: Final = 10_000


class UnknownScenarioError(ValueError):
    """No kind of scenario has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"scenario {self.name!r} is not known; use one of " + ", ".join(sorted(CATALOGUE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A scenario whose mechanism has shown.

    Attributes:
        scenario: The world, with everything that goes wrong.
        labels: What is true of it.
        draws: How often it was drawn.
    """

    scenario: Scenario
    labels: Labels
    draws: int


def split_of(seed: int) -> str:
    """Which half of all seeds it belongs to; the story engine is never tuned on ``held_out``.

    >>> split_of(7), split_of(1_000_000_007)
    ('development', 'held_out')
    """
    return HELD_OUT if seed >= _FIRST_HELD_OUT else _DEVELOPMENT


def set_of(split: str, seed: int, count: int) -> Sequence[tuple[str, int]]:
    """Names and seeds of a set of scenarios: all kinds in turn, healthy ones between them.

    Args:
        split: ``development`` or ``held_out``.
        seed: Another seed gives another set.
        count: How many.
    """
    first = seed * _SEEDS_PER_SET + (_FIRST_HELD_OUT if split == HELD_OUT else 0)
    return [(ROUND[i % len(ROUND)], first + i) for i in range(count)]


def draft_of(name: str, seed: int, draw: int = 0) -> Draft:
    """One draw of a scenario, without a look at whether it shows anything.

    Raises:
        UnknownScenarioError: The name is none of the catalogue's.
    """
    recipe = CATALOGUE.get(name)
    if recipe is None:
        raise UnknownScenarioError(name)
    dice = Dice(f"{name}/{seed}/{draw}")
    b = Builder(dice, dice.between(recipe.least_s, recipe.most_s))
    claims = recipe.make(b)
    if not recipe.alone:
        b.crowd()
        beside(b)
    hindered(b)
    return Draft(scenario=b.scenario(name, seed * 64 + draw), claims=claims)


def made(name: str, seed: int) -> Made:
    """A scenario of a kind, drawn again until paired runs show what is claimed of it.

    Raises:
        UnknownScenarioError: The name is none of the catalogue's.
        NotShownError: It was drawn many times in vain.
    """
    problem = NotShownError(f"{name}: was never drawn")
    for draw in range(_MOST_DRAWS):
        draft = draft_of(name, seed, draw)
        try:
            incidents = measured(draft)
        except NotShownError as error:
            problem = error
            continue
        labels = _labels(name, seed, draft.scenario, incidents)
        return Made(scenario=draft.scenario, labels=labels, draws=draw + 1)
    raise problem


def write(name: str, seed: int, path: Path) -> Made:
    """Make a scenario and write its archive and its labels into a directory.

    Raises:
        UnknownScenarioError: The name is none of the catalogue's.
        OSError: It cannot be written.
    """
    from recourse_observe.lab.recording import record  # it brings Arrow

    one = made(name, seed)
    record(one.scenario, path)
    one.labels.write(path)
    return one


def _labels(name: str, seed: int, scenario: Scenario, incidents: tuple[Incident, ...]) -> Labels:
    start_ns = scenario.start_unix_ns
    end_ns = start_ns + round(scenario.duration_s * 1e9)
    kept = tuple(replace(one, end_ns=min(one.end_ns, end_ns)) for one in incidents)
    return Labels(
        scenario=name,
        seed=seed,
        split=split_of(seed),
        start_ns=start_ns,
        end_ns=end_ns,
        healthy_s=round(scenario.duration_s - _sick_s(kept), 3),
        incidents=kept,
    )


def _sick_s(incidents: Sequence[Incident]) -> float:
    """Seconds in at least one incident; they come in the order of their onsets."""
    total_ns = reached_ns = 0
    for one in incidents:
        total_ns += max(0, one.end_ns - max(one.onset_ns, reached_ns))
        reached_ns = max(reached_ns, one.end_ns)
    return total_ns / 1e9
