"""Takes the picture of an incident: asks the archive what the detectors need."""

from dataclasses import dataclass
from typing import Final

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.rows import PolicyRow
from recourse_observe.scope import Scope
from recourse_observe.story.phases import (
    AttemptsRow,
    Beat,
    BudgetCount,
    CallsRow,
    Latency,
    Phase,
    ProcessSecond,
)
from recourse_observe.story.picture import Picture

__all__ = ["Span", "look"]

_BEFORE_US: Final = 300_000_000
_AFTER_US: Final = 120_000_000
_QUICK: Final = 1.5
_SHED: Final = 0.5
_LEAST_QUICK_US: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The stretch of an incident, and how far one may look around it.

    Attributes:
        clear_from_us: Where the last incident before it ended, or the archive begins.
        clear_to_us: Where the next one begins, or the archive ends.
    """

    keys: tuple[str, ...]
    affected: tuple[str, ...]
    onset_us: int
    end_us: int
    ongoing: bool
    clear_from_us: int
    clear_to_us: int
    usual_p50_us: int


def look(archive: Archive, span: Span, applied: tuple[PolicyRow, ...]) -> Picture:
    """The picture of an incident."""
    start = max(span.clear_from_us, span.onset_us - _BEFORE_US)
    stop = min(span.clear_to_us, span.end_us + _AFTER_US)
    scope = Scope(start_unix_us=start, end_unix_us=max(stop, span.end_us))
    edges = {"onset_us": span.onset_us, "offset_us": span.end_us}
    keys = {"keys": list(span.keys)}
    quick = max(_LEAST_QUICK_US, round(_QUICK * span.usual_p50_us))
    shed = {"shed_us": max(2_000, round(_SHED * span.usual_p50_us))}
    calls = archive.rows(CallsRow, "phase_calls", scope, **edges)
    attempts = archive.rows(
        AttemptsRow, "phase_attempts", scope, **edges, **keys, **shed, quick_us=quick
    )
    latency = {
        row.phase: row for row in archive.rows(Latency, "phase_latency", scope, **edges, **keys)
    }
    seconds = {
        "before": (span.onset_us - start) / 1e6,
        "during": (span.end_us - span.onset_us) / 1e6,
        "after": (stop - span.end_us) / 1e6,
    }
    before, during, after = (
        Phase(
            seconds=seconds[name],
            calls_rows=[r for r in calls if r.phase == name and r.key in span.keys],
            attempts_rows=[r for r in attempts if r.phase == name],
            latency=latency.get(name, Latency(phase=name)),
        )
        for name in ("before", "during", "after")
    )
    heard = scope.during(span.onset_us, span.end_us)
    return Picture(
        keys=span.keys,
        affected=span.affected,
        onset_us=span.onset_us,
        end_us=span.end_us,
        ongoing=span.ongoing,
        before=before,
        during=during,
        after=after,
        all_calls=calls,
        beats=archive.rows(Beat, "pulse", scope, **keys, **shed),
        processes=archive.rows(ProcessSecond, "processes", scope, **keys),
        policies=tuple(
            row for row in applied if row.key in span.keys and row.applied_unix_us < stop
        ),
        transitions=tuple(t for t in archive.transitions(heard) if t.key in span.keys),
        budget=archive.rows(BudgetCount, "phase_budget", scope, **edges, **keys),
        new_keys=_new_keys(calls),
    )


def _new_keys(calls: tuple[CallsRow, ...]) -> tuple[str, ...]:
    known = {row.key for row in calls if row.phase == "before"}
    return tuple(sorted({row.key for row in calls if row.phase == "during"} - known))
