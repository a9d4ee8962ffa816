"""Takes the picture of an incident: what the detectors may look at."""

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.rows import PolicyRow
from recourse_observe.story.asked import Asked, Span
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

__all__ = ["look"]


def look(archive: Archive, span: Span, asked: Asked, applied: tuple[PolicyRow, ...]) -> Picture:
    """The picture of an incident."""
    calls = asked.rows(CallsRow, "phase_calls")
    attempts = asked.rows(AttemptsRow, "phase_attempts")
    latency = {row.phase: row for row in asked.rows(Latency, "phase_latency")}
    seconds = {
        "before": (span.onset_us - span.start_us) / 1e6,
        "during": (span.end_us - span.onset_us) / 1e6,
        "after": (span.stop_us - span.end_us) / 1e6,
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
    heard = span.scope.during(span.onset_us, span.end_us)
    edges = {"onset_us": span.onset_us, "offset_us": span.end_us}
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
        beats=asked.rows(Beat, "pulse"),
        processes=asked.rows(ProcessSecond, "processes"),
        policies=tuple(
            row for row in applied if row.key in span.keys and row.applied_unix_us < span.stop_us
        ),
        transitions=tuple(t for t in archive.transitions(heard) if t.key in span.keys),
        budget=archive.rows(BudgetCount, "phase_budget", span.scope, keys=list(span.keys), **edges),
        new_keys=_new_keys(calls),
    )


def _new_keys(calls: tuple[CallsRow, ...]) -> tuple[str, ...]:
    known = {row.key for row in calls if row.phase == "before"}
    return tuple(sorted({row.key for row in calls if row.phase == "during"} - known))
