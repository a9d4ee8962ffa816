"""The curves of an incident: load, failures, latency, amplification, breakers and budgets over time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.rows import BucketRow, TransitionRow
from recourse_observe.scope import EVERYTHING, Scope
from recourse_observe.story.findings import Incident
from recourse_observe.text import count, duration, percent, times

__all__ = ["Curve", "Curves", "Lane", "curves"]

_Values: TypeAlias = tuple[float | None, ...]

_STEPS: Final = 90
_LEAST_US: Final = 1_000_000
_MARGIN: Final = 0.5
_MOST_MARGIN_US: Final = 300_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One value per step; ``None`` where nothing was asked."""

    name: str
    values: _Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Curves that share an axis.

    Attributes:
        is_bars: Bars instead of lines.
        words: How its values are written.
    """

    title: str
    curves: tuple[Curve, ...]
    is_bars: bool
    words: Callable[[float], str]

    @property
    def top(self) -> float:
        """The greatest value of all its curves."""
        known = (value for one in self.curves for value in one.values if value is not None)
        return max(known, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """All lanes of an incident over one stretch of time."""

    start_us: int
    end_us: int
    onset_us: int
    offset_us: int
    lanes: tuple[Lane, ...]


def curves(archive: Archive, incident: Incident) -> Curves:
    """The lanes of an incident, from some time before it until some time after it."""
    onset, offset = incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
    margin = min(_MOST_MARGIN_US, max(30_000_000, round(_MARGIN * (offset - onset))))
    scope = archive.within(EVERYTHING.during(onset - margin, offset + margin))
    step = max(_LEAST_US, -(-scope.span_us // _STEPS))
    size = -(-scope.span_us // step)
    rows = [r for r in archive.buckets(scope, bucket_us=step) if r.key in incident.keys]
    return Curves(
        start_us=scope.start_unix_us,
        end_us=scope.start_unix_us + size * step,
        onset_us=onset,
        offset_us=offset,
        lanes=(
            *_of_calls(rows, size, step / 1e6),
            _breakers(archive, incident.keys, scope, size, step),
            _budgets(archive, incident.keys, scope, size, step),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Steps:
    """The buckets of all keys, those of one step together."""

    steps: Sequence[Sequence[BucketRow]]

    def summed(self, value: Callable[[BucketRow], int]) -> list[int]:
        """One number for each step: that of all keys together."""
        return [sum(value(row) for row in same) for same in self.steps]

    def longest(self, value: Callable[[BucketRow], int | None]) -> _Values:
        """One number for each step: that of the slowest key."""
        known = ([v for row in same if (v := value(row)) is not None] for same in self.steps)
        return tuple(max(values, default=None) for values in known)


def _of_calls(rows: Sequence[BucketRow], size: int, seconds: float) -> Iterator[Lane]:
    steps = _Steps([[row for row in rows if row.bucket == i] for i in range(size)])
    calls, lost = steps.summed(lambda row: row.calls), steps.summed(lambda row: row.lost)
    attempts = steps.summed(lambda row: row.attempts)
    load = {
        "attempts": tuple(n / seconds for n in attempts),
        "calls": tuple(n / seconds for n in calls),
    }
    durations = {
        "99th percentile": steps.longest(lambda row: row.p99_us),
        "median": steps.longest(lambda row: row.p50_us),
    }
    yield _lines("load per second", load, lambda value: f"{value:,.1f}")
    yield _bars("calls lost", "of the calls", _ratios(lost, calls), percent)
    yield _lines("duration of calls", durations, duration)
    yield _lines("attempts per call", {"amplification": _ratios(attempts, calls)}, times)


def _lines(title: str, values: Mapping[str, _Values], words: Callable[[float], str]) -> Lane:
    made = tuple(Curve(name=name, values=one) for name, one in values.items())
    return Lane(title=title, curves=made, is_bars=False, words=words)


def _bars(title: str, name: str, values: _Values, words: Callable[[float], str]) -> Lane:
    return Lane(title=title, curves=(Curve(name=name, values=values),), is_bars=True, words=words)


def _ratios(parts: Sequence[int], wholes: Sequence[int]) -> _Values:
    return tuple(part / whole if whole else None for part, whole in zip(parts, wholes, strict=True))


def _breakers(archive: Archive, keys: Sequence[str], scope: Scope, size: int, step: int) -> Lane:
    """How many breakers of these keys were not closed at the end of each step."""
    past = archive.transitions(scope.during(0, scope.end_unix_us))
    changes = [one for one in past if one.key in keys]
    values = tuple(float(_away(changes, scope.start_unix_us + (i + 1) * step)) for i in range(size))
    return _bars("breakers open or half open", "not closed", values, count)


def _away(changes: Sequence[TransitionRow], until_us: int) -> int:
    last = {
        (one.key, one.instance): one.to_state for one in changes if one.changed_unix_us < until_us
    }
    return sum(state in {"open", "half_open", "isolated"} for state in last.values())


def _budgets(archive: Archive, keys: Sequence[str], scope: Scope, size: int, step: int) -> Lane:
    """How many attempts budgets denied in each step."""
    rows = [row for row in archive.levels(scope, bucket_us=step) if row.key in keys]
    values = tuple(float(sum(r.denied for r in rows if r.bucket == i)) for i in range(size))
    return _bars("denied by budgets", "denied", values, count)
