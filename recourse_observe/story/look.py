"""Takes the picture of an incident: what the detectors may look at."""

from collections.abc import Mapping, Sequence

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.rows import PolicyRow
from recourse_observe.story.asked import Asked, Span
from recourse_observe.story.phase_rows import (
    AttemptsRow,
    Beat,
    BudgetCount,
    CallsRow,
    Latency,
    ProcessSecond,
)
from recourse_observe.story.phases import Phase
from recourse_observe.story.picture import Picture

__all__ = ["look"]


def look(archive: Archive, span: Span, asked: Asked, applied: tuple[PolicyRow, ...]) -> Picture:
    """The picture of an incident."""
    calls = asked.rows(CallsRow, "phase_calls")
    phases = _phases(span, asked, calls)
    heard = span.scope.during(span.onset_us, span.end_us)
    edges = {"onset_us": span.onset_us, "offset_us": span.end_us}
    return Picture(
        keys=span.keys,
        affected=span.affected,
        onset_us=span.onset_us,
        end_us=span.end_us,
        ongoing=span.ongoing,
        before=phases["before"],
        during=phases["during"],
        after=phases["after"],
        all_calls=calls,
        beats=asked.rows(Beat, "pulse"),
        processes=asked.rows(ProcessSecond, "processes"),
        policies=tuple(
            row for row in applied if row.key in span.keys and row.applied_unix_us < span.stop_us
        ),
        transitions=tuple(t for t in archive.transitions(heard) if t.key in span.keys),
        budget=archive.rows(BudgetCount, "phase_budget", span.scope, keys=list(span.keys), **edges),
        new_keys=_new_keys(calls),
    )


def _phases(span: Span, asked: Asked, calls: Sequence[CallsRow]) -> Mapping[str, Phase]:
    """What was asked before, during and after it on the culprit keys, and what came of it."""
    attempts = asked.rows(AttemptsRow, "phase_attempts")
    latency = {row.phase: row for row in asked.rows(Latency, "phase_latency")}
    lengths_us = {
        "before": span.onset_us - span.start_us,
        "during": span.end_us - span.onset_us,
        "after": span.stop_us - span.end_us,
    }
    return {
        name: Phase(
            seconds=length_us / 1e6,
            calls_rows=[row for row in calls if row.phase == name and row.key in span.keys],
            attempts_rows=[row for row in attempts if row.phase == name],
            latency=latency.get(name, Latency(phase=name)),
        )
        for name, length_us in lengths_us.items()
    }


def _new_keys(calls: Sequence[CallsRow]) -> tuple[str, ...]:
    known = {row.key for row in calls if row.phase == "before"}
    return tuple(sorted({row.key for row in calls if row.phase == "during"} - known))
