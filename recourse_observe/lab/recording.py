"""Writes what the laboratory's processes tell as an ordinary archive, the same bytes every time.

Events become rows, and rows become files, by the archive's own code; only the write-ahead segment
in between is left out, because nobody crashes here.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from recourse import events
from recourse.events import Event
from recourse.observer import Observer
from recourse_observe.archive.arrow import arrow_table
from recourse_observe.archive.columns import Rows, pack, row
from recourse_observe.archive.files import Source, publish_table, write_marker
from recourse_observe.archive.fold import Failure, Fold
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.segment import OPEN
from recourse_observe.archive.sql import write_sql
from recourse_observe.lab.chance import Chance, Stream
from recourse_observe.lab.faults import RecorderGap
from recourse_observe.lab.records import Incarnation
from recourse_observe.lab.spec import Scenario
from recourse_observe.lab.world import Run, run

__all__ = ["record"]

_HEARTBEAT_S: Final = 10.0
_AT_ONCE: Final = 4096
_ORDER: Final = (*(name for name in TABLES if name != "calls"), "calls")


def record(scenario: Scenario, path: Path) -> Run:
    """Run a scenario and write the archive of its processes into an empty or new directory.

    Raises:
        OSError: It cannot be written.
    """
    recorders: list[_Recorder] = []

    def observed(born: Incarnation) -> Sequence[Observer]:
        recorders.append(_Recorder(born, scenario))
        return (recorders[-1],)

    result = run(scenario, observed)
    path.mkdir(parents=True, exist_ok=True)
    write_marker(path)
    for sequence, recorder in enumerate(recorders):
        recorder.write(path, sequence, _ends_s(recorder.born, recorders, scenario))
    write_sql(path)
    return result


def _ends_s(born: Incarnation, recorders: Sequence["_Recorder"], scenario: Scenario) -> float:
    """When an incarnation was replaced, or the run ended."""
    later = [
        other.born.started_s
        for other in recorders
        if other.born[:2] == born[:2] and other.born.started_s > born.started_s
    ]
    return min(later, default=scenario.duration_s + scenario.drain_s)


class _Recorder:
    """An incarnation's observer: folds events into rows, and loses what a gap loses."""

    def __init__(self, born: Incarnation, scenario: Scenario) -> None:
        self.born = born
        self._gaps = [
            gap
            for gap in scenario.of(RecorderGap)
            if not gap.processes or born.process in gap.processes
        ]
        self._chance = Chance(scenario.seed)
        self._start_unix_ns = scenario.start_unix_ns + round(born.skew_s * 1e9)
        self._sample = scenario.sample
        self._fold = Fold(scenario.sample)
        self._waiting: list[Any] = []
        self._lost: set[int] = set()
        self._dropped: list[tuple[float, int]] = []

    def on_event(self, event: Event) -> None:
        """Take one event."""
        if self._gaps and self._loses(event):
            return
        item: Any = event
        error = getattr(event, "error", None)
        if error is not None:
            item = Failure(event._replace(error=None), event.error_type, None)  # type: ignore[union-attr,call-arg]  # those that have one
        self._waiting.append(item)
        if len(self._waiting) >= _AT_ONCE:
            self._take_in()

    def _take_in(self) -> None:
        self._fold.feed(self._waiting)
        self._waiting.clear()

    def _loses(self, event: Event) -> bool:
        """Whether the event's call began in a gap that lost it."""
        info = event[0]
        if type(event) is events.CallStart:
            for gap in self._gaps:
                number = info.started_unix_ns // 1000
                drawn = self._chance.unit(Stream.FAULT, number, self.born.process)
                if gap.active(info.started_s) and drawn < gap.share:
                    self._lost.add(id(info))
        if id(info) not in self._lost:
            return False
        self._dropped.append((info.started_s, 1))
        if type(event) is events.CallEnd:
            self._lost.discard(id(info))
        return True

    def write(self, root: Path, sequence: int, end_s: float) -> None:
        """Make the files of every table that has rows."""
        self._take_in()
        taken = self._fold.take(None)
        for told, table in OPEN.items():
            if told in taken:  # what was in flight at the end stays as it was last heard of
                taken.setdefault(table, Rows()).extend(taken.pop(told))
        self._report(end_s, sum(len(taken[name]) for name in taken if name in TABLES))
        taken["recorder"] = self._fold.take(None)["recorder"]
        source = Source(service=self.born.service, instance=self.born.name)
        at_us = self._unix_ns(self.born.started_s) // 1000
        for table in _ORDER:
            rows = taken.get(table, Rows())
            if rows or table == "calls":
                words = {code: self._fold.words.of(table, code) for code in set(rows.codes)}
                made = arrow_table(table, [pack(table, rows)], words, source)
                publish_table(root, table, made, source, sequence, at_us=at_us, durable=False)

    def _report(self, end_s: float, rows: int) -> None:
        """The recorder's own rows: a sign of life every ten seconds, unless it was dead."""
        moments = [("started", self.born.started_s)]
        at_s = self.born.started_s + _HEARTBEAT_S
        while at_s < end_s:
            moments.append(("heartbeat", at_s))
            at_s += _HEARTBEAT_S
        moments.append(("closed", end_s))
        whole_s = max(end_s - self.born.started_s, 1.0)
        for event, moment_s in moments:
            if any(gap.silent and gap.active(moment_s) for gap in self._gaps):
                continue
            dropped = sum(count for at, count in self._dropped if at <= moment_s)
            wall_ns = self._unix_ns(moment_s)
            told = row(
                "recorder",
                recorded_at=wall_ns // 1000,
                event=event,
                rows=round(rows * (moment_s - self.born.started_s) / whole_s),
                dropped_events=dropped,
                queue_high_water=0,
                monotonic_ns=round(moment_s * 1e9),
                wall_ns=wall_ns,
                detail=self._detail(event, dropped),
            )
            self._fold.add("recorder", told)

    def _detail(self, event: str, dropped: int) -> str | None:
        if event == "started" and self._sample > 1:
            return json.dumps({"sample": self._sample})
        return json.dumps({"queue_full": dropped}) if dropped else None

    def _unix_ns(self, moment_s: float) -> int:
        return self._start_unix_ns + round(moment_s * 1e9)
