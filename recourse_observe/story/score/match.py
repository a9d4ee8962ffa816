"""Which told incident is which real one, and whether a scenario was solved. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from recourse_observe.story.score.cases import Answer, Label, Truth

__all__ = ["Case", "Pair", "matched"]

_EARLY_NS: Final = 60_000_000_000
_LATE_NS: Final = 60_000_000_000
_ONSET_NS: Final = 15_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A real incident and the told one that is meant by it."""

    label: Label
    answer: Answer

    @property
    def is_right(self) -> bool:
        """Whether the cause is right."""
        return self.label.is_right(self.answer.cause)

    @property
    def has_keys(self) -> bool:
        """Whether the culprit keys are exactly those."""
        return self.answer.keys == self.label.keys

    @property
    def onset_error_s(self) -> float:
        """How far the onset is off, in seconds, either way."""
        return abs(self.answer.onset_ns - self.label.onset_ns) / 1e9

    @property
    def is_solved(self) -> bool:
        """Whether cause, keys and onset are right."""
        near = abs(self.answer.onset_ns - self.label.onset_ns) <= _ONSET_NS
        return self.is_right and self.has_keys and near


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One archive: what was found, what was missed, and what was told beyond it.

    Attributes:
        false_alarms: Told where nothing was wrong.
        fragments: Told again, or apart, in the time of a real incident.
    """

    truth: Truth
    pairs: tuple[Pair, ...]
    missed: tuple[Label, ...]
    false_alarms: tuple[Answer, ...]
    fragments: tuple[Answer, ...]

    @property
    def is_solved(self) -> bool:
        """Whether every incident was told right, and nothing else was."""
        extra = self.missed or self.false_alarms or self.fragments
        return not extra and all(pair.is_solved for pair in self.pairs)


def matched(truth: Truth, answers: Sequence[Answer]) -> Case:
    """The answers laid on the incidents, the best fit first; each is used once."""
    fits = sorted(
        (
            (_fit(label, answer), i, j)
            for i, label in enumerate(truth.incidents)
            for j, answer in enumerate(answers)
            if _meets(label, answer) and label.affected_keys & answer.affected_keys
        ),
        key=lambda one: (-one[0][0], one[0][1], one[1], one[2]),
    )
    chosen: dict[int, int] = {}
    for _, i, j in fits:
        if i not in chosen and j not in chosen.values():
            chosen[i] = j
    rest = [answer for j, answer in enumerate(answers) if j not in chosen.values()]
    inside = [a for a in rest if any(_meets(label, a) for label in truth.incidents)]
    return Case(
        truth=truth,
        pairs=tuple(
            Pair(label=truth.incidents[i], answer=answers[j]) for i, j in sorted(chosen.items())
        ),
        missed=tuple(label for i, label in enumerate(truth.incidents) if i not in chosen),
        false_alarms=tuple(answer for answer in rest if answer not in inside),
        fragments=tuple(inside),
    )


def _meets(label: Label, answer: Answer) -> bool:
    """Whether both are of one time, give or take a minute."""
    return answer.onset_ns < label.end_ns + _LATE_NS and answer.end_ns > label.onset_ns - _EARLY_NS


def _fit(label: Label, answer: Answer) -> tuple[float, int]:
    """How much of the keys they share, and how far their onsets are apart."""
    shared = len(label.keys & answer.keys) / max(1, len(label.keys | answer.keys))
    return shared, abs(label.onset_ns - answer.onset_ns)
