"""The measures of a set of cases, and what each has to reach. Pure."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from recourse_observe.story.findings import Cause
from recourse_observe.story.score.match import Case, Pair

__all__ = ["MISSED", "NOTHING", "Measure", "confusion", "measured", "mistakes"]

MISSED: Final = "(missed)"
NOTHING: Final = "(nothing)"
_TOP: Final = 3
_UNKNOWN: Final = str(Cause.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number.

    Attributes:
        name: What it is.
        value: ``None`` when there was nothing to measure.
        bound: What it has to reach, or may not exceed.
        is_most: Whether the bound is the most that it may be.
        of: Of how many it was taken.
    """

    name: str
    value: float | None
    bound: float
    is_most: bool
    of: float

    @property
    def is_met(self) -> bool:
        """Whether the bound is kept; nothing measured is nothing missed."""
        if self.value is None:
            return True
        return self.value <= self.bound if self.is_most else self.value >= self.bound


def measured(cases: Sequence[Case]) -> tuple[Measure, ...]:
    """All measures, in the order in which they are told."""
    pairs = [pair for case in cases for pair in case.pairs]
    listed = [pair for pair in pairs if pair.label.cause != _UNKNOWN]
    missed = [label for case in cases for label in case.missed]
    missed_listed = sum(label.cause != _UNKNOWN for label in missed)
    real, real_listed = len(pairs) + len(missed), len(listed) + missed_listed
    effects = [pair for pair in pairs if pair.label.retry_effect]
    missed_effects = sum(bool(label.retry_effect) for label in missed)
    strange = [pair for pair in pairs if pair.label.cause == _UNKNOWN]
    return (
        _share("scenario solved", [c.is_solved for c in cases], len(cases), 0.85),
        _share("cause top-1", [p.is_right for p in listed], real_listed, 0.93),
        _share("cause top-3", [_is_near(p) for p in listed], real_listed, 0.98),
        _share("culprit keys exact", [p.has_keys for p in pairs], real, 0.95),
        _onset("onset error, median (s)", pairs, 0.5, 0.5),
        _onset("onset error, p95 (s)", pairs, 0.95, 10.0),
        _share(
            "our part",
            [p.answer.retry_effect == p.label.retry_effect for p in effects],
            len(effects) + missed_effects,
            0.92,
        ),
        _share(
            "right and grounded",
            [p.is_right and p.answer.is_grounded for p in listed],
            real_listed,
            0.92,
        ),
        _false_alarms(cases),
        _brier(cases),
        _share(
            "unlisted cause answered unknown",
            [p.answer.cause == _UNKNOWN for p in strange],
            real - real_listed,
            0.8,
        ),
        _share(
            "listed cause answered unknown",
            [p.answer.cause == _UNKNOWN and not p.is_right for p in listed],
            real_listed,
            0.03,
            is_most=True,
        ),
    )


def confusion(cases: Sequence[Case]) -> Mapping[str, Mapping[str, int]]:
    """How often each real cause was told as which; a cause that is as good counts as the real one."""
    found: dict[str, Counter[str]] = {}
    for case in cases:
        for pair in case.pairs:
            told = pair.label.cause if pair.is_right else pair.answer.cause
            found.setdefault(pair.label.cause, Counter())[told] += 1
        for label in case.missed:
            found.setdefault(label.cause, Counter())[MISSED] += 1
        for answer in (*case.false_alarms, *case.fragments):
            found.setdefault(NOTHING, Counter())[answer.cause] += 1
    return {cause: dict(sorted(told.items())) for cause, told in sorted(found.items())}


def mistakes(cases: Sequence[Case]) -> list[tuple[float, str]]:
    """What went wrong, the surest mistake first: how bad it is from 0 to 1, and a sentence."""
    found = [one for case in cases for one in _wrong(case)]
    return sorted(found, key=lambda one: (-one[0], one[1]))


def _wrong(case: Case) -> list[tuple[float, str]]:
    where = f"{case.truth.scenario} (seed {case.truth.seed})"
    found = [
        (1.0, f"{where}: missed {label.cause} on {_names(label.keys)}") for label in case.missed
    ]
    for what, answers in (("false alarm", case.false_alarms), ("told apart", case.fragments)):
        found += [
            (a.confidence, f"{where}: {what}: {a.cause} {a.confidence:.2f} on {_names(a.keys)}")
            for a in answers
        ]
    for pair in case.pairs:
        if not pair.is_right:
            text = f"said {pair.answer.cause} {pair.answer.confidence:.2f}, was {pair.label.cause}"
            found.append((pair.answer.confidence, f"{where}: {text}"))
        if not pair.has_keys:
            text = f"blamed {_names(pair.answer.keys)}, was {_names(pair.label.keys)}"
            found.append((0.5, f"{where}: {text}"))
        if pair.onset_error_s > 15:  # noqa: PLR2004  # what a solved scenario allows
            text = f"onset of {pair.label.cause} off by {pair.onset_error_s:.1f} s"
            found.append((0.4, f"{where}: {text}"))
        if pair.label.retry_effect not in {"", pair.answer.retry_effect}:
            text = f"said our part {pair.answer.retry_effect}, was {pair.label.retry_effect}"
            found.append((0.3, f"{where}: {text} ({pair.label.cause})"))
    return found


def _names(keys: frozenset[str]) -> str:
    shown = sorted(keys)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")  # noqa: PLR2004  # enough to see


def _is_near(pair: Pair) -> bool:
    return any(pair.label.is_right(cause) for cause, _ in pair.answer.causes[:_TOP])


def _share(
    name: str, passed: Sequence[bool], of: int, bound: float, *, is_most: bool = False
) -> Measure:
    value = sum(passed) / of if of else None
    return Measure(name=name, value=value, bound=bound, is_most=is_most, of=of)


def _onset(name: str, pairs: Sequence[Pair], level: float, bound: float) -> Measure:
    errors = sorted(pair.onset_error_s for pair in pairs)
    value = errors[max(0, math.ceil(level * len(errors)) - 1)] if errors else None
    return Measure(name=name, value=value, bound=bound, is_most=True, of=len(errors))


def _false_alarms(cases: Sequence[Case]) -> Measure:
    hours = sum(case.truth.healthy_s for case in cases) / 3600
    alarms = sum(len(case.false_alarms) for case in cases)
    return Measure(
        name="false alarms per healthy hour",
        value=alarms / hours if hours else None,
        bound=0.05,
        is_most=True,
        of=hours,
    )


def _brier(cases: Sequence[Case]) -> Measure:
    """Of everything told: a false alarm was told with a confidence, too."""
    told = [(p.answer.confidence, p.is_right) for case in cases for p in case.pairs]
    told += [
        (answer.confidence, False)
        for case in cases
        for answer in (*case.false_alarms, *case.fragments)
    ]
    squares = [(confidence - right) ** 2 for confidence, right in told]
    value = sum(squares) / len(squares) if squares else None
    return Measure(name="Brier score", value=value, bound=0.08, is_most=True, of=len(told))
