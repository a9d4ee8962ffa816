"""What all screens share: the open archive, the way taken, and the answers that are asked for more than once."""

import shlex
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recourse_observe.scope import EVERYTHING, Scope, ScopeError, instant, to_argv
from recourse_observe.text import clock, printable
from recourse_tui.actions import VIEWS
from recourse_tui.screens.notebook import Notebook
from recourse_tui.widgets.brush import Histogram

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import Coverage
    from recourse_observe.replay.timeline import Replay
    from recourse_observe.story.find import Found
    from recourse_observe.story.findings import Incident, StoryDocument

__all__ = ["Opened", "Place", "Session"]

_HISTOGRAM_BUCKETS: Final = 240
_BRUSH_STEPS: Final = 78
_HISTORY: Final = 100
_PROBES: Final = 3
_OPEN: Final = (EVERYTHING.start_unix_us, EVERYTHING.end_unix_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody is: a screen and what it is about. The scope holds brush, key and filter."""

    view: str
    scope: Scope = EVERYTHING
    incident: int = 0
    """From 1; 0 is none."""
    call_id: str = ""
    ordinal: int = -1
    """Which call of the scope it is, from 0; -1 when it was not opened from a list."""
    sort: str = "start"
    query: str = ""
    """What was typed on the SQL screen."""
    at_us: int = -1
    """Where the playhead of the replay stands; -1 is where the brush begins."""
    when: str = ""
    """A condition: the replay looks for when it held first."""
    edits: tuple[str, ...] = ()
    """What the candidate of a what-if changes, as ``field=value``."""
    sweep: str = ""
    """A field and its values, one after the other."""
    shape: bool = True
    """Calls are grouped by what happened in them."""


class Opened:
    """An archive, with what every screen's frame shows of it, and its story once somebody asked.

    Attributes:
        lost: Lost calls in equal parts of the archive's time; ``None`` where no call was made.
    """

    def __init__(
        self, archive: "Archive", coverage: "Coverage", lost: tuple[float | None, ...]
    ) -> None:
        self.archive = archive
        self.coverage = coverage
        self.lost = lost
        self.found: Found | None = None
        self.told: StoryDocument | None = None
        self._telling = threading.Lock()
        self._played: tuple[Scope, Replay] | None = None

    def incidents(self) -> "Found":
        """When and where there were incidents, which is known before their causes are."""
        from recourse_observe.story.find import find  # it brings Arrow: not before the first frame

        with self._telling:
            self.found = self.found or find(self.archive)
            return self.found

    def story(self) -> "StoryDocument":
        """What the story engine says: told once, in whichever worker asks first."""
        from recourse_observe.story.tell import tell  # as above

        found = self.incidents()
        with self._telling:
            self.told = self.told or tell(self.archive, found)
            return self.told

    def replay(self, scope: Scope) -> "Replay":
        """Everything that happened in the time of a scope; the last one is kept."""
        from recourse_observe.replay.load import load

        known = self._played
        if known is not None and known[0] == scope:
            return known[1]
        replay = load(self.archive, scope)
        self._played = (scope, replay)
        return replay


class Session:
    """One archive being looked at. Only the app changes it, on the event loop."""

    def __init__(self, path: str, *, in_ascii: bool = False, is_read_only: bool = False) -> None:
        self.path = path
        self.name = printable(Path(path).name or path)
        self.in_ascii = in_ascii
        self.is_read_only = is_read_only
        self.notebook = Notebook(path, is_read_only=is_read_only)
        self.marks: tuple[int | None, int | None] = (None, None)
        self.marked_call = ""
        self.probes: tuple[str, ...] = ()
        self.processes = 0
        self.is_following = False
        self.zoom: tuple[int, int] | None = None
        self.views: tuple[str, ...] = VIEWS
        self.opened: Opened | None = None
        self.problem = ""
        self.edition = 0
        self.trail: tuple[Place, ...] = (Place(view="triage"),)
        self._visited: list[tuple[Place, ...]] = [self.trail]
        self._now = 0

    @property
    def place(self) -> Place:
        """Where we are."""
        return self.trail[-1]

    @property
    def is_open(self) -> bool:
        """There is an archive to ask."""
        return self.opened is not None

    @property
    def book(self) -> Opened:
        """What is open; screens ask nothing before it is."""
        if self.opened is None:
            message = "the archive is asked before it is open"
            raise RuntimeError(message)
        return self.opened

    @property
    def archive(self) -> "Archive":
        """The open archive."""
        return self.book.archive

    def on_incident(self, place: Place) -> Place:
        """The place, with the brush on the first incident unless it is set; asks, so only in a worker."""
        incidents = self.book.story().incidents
        is_brushed = (place.scope.start_unix_us, place.scope.end_unix_us) != _OPEN
        if place.incident or is_brushed or not incidents:
            return place
        return replace(place, incident=1, scope=incident_scope(place.scope, incidents[0]))

    # ------------------------------------------------------------ changed by the app alone

    def go(self, place: Place) -> None:
        """One step further on the way."""
        self.trail = (*self.trail, place)
        self._remember()

    def back(self) -> bool:
        """One step up; false at the top."""
        if len(self.trail) == 1:
            return False
        self.trail = self.trail[:-1]
        self._remember()
        return True

    def stay(self, place: Place) -> None:
        """The same step, seen otherwise: another incident, brush or filter."""
        self.trail = (*self.trail[:-1], place)
        self._visited[self._now] = self.trail

    def jump(self, place: Place) -> None:
        """A fresh way that leads from triage straight to a place."""
        top = replace(place, view="triage", call_id="", ordinal=-1, scope=place.scope.of(None))
        self.trail = (top,) if place.view == "triage" else (top, place)
        self._remember()

    def _remember(self) -> None:
        self._visited[self._now + 1 :] = [self.trail]
        del self._visited[:-_HISTORY]
        self._now = len(self._visited) - 1

    def turn(self, steps: int) -> bool:
        """Back or forward through what was seen; false at the ends."""
        if not 0 <= self._now + steps < len(self._visited):
            return False
        self._now += steps
        self.trail = self._visited[self._now]
        return True

    def swap(self) -> bool:
        """To the view before this one, and from there to this one again; false when there is none."""
        others = [
            number
            for number, trail in enumerate(self._visited)
            if number != self._now and trail[-1].view != self.place.view
        ]
        return bool(others) and self.turn(others[-1] - self._now)

    def mark(self, side: int, at_us: int) -> None:
        """Keep a moment as A or B."""
        a, b = self.marks
        self.marks = (at_us, b) if side == 0 else (a, at_us)

    def add_probe(self, text: str) -> None:
        """Know something at every moment; known again, it is forgotten."""
        rest = tuple(probe for probe in self.probes if probe != text)
        self.probes = rest if len(rest) < len(self.probes) else (*rest, text)[-_PROBES:]

    def forget(self) -> None:
        """The archive is read again: what screens know of it is old."""
        self.edition += 1
        self.opened, self.problem = None, ""

    # ------------------------------------------------------------ what the frame shows

    def names(self) -> tuple[str, ...]:
        """The way here, from the top, as one reads it."""
        place = self.place
        about = printable(place.scope.key or "") or self.incident_name(place.incident)
        match place.view:
            case "triage":
                return ("triage",)
            case "call":
                return tuple(name for name in (about, "calls") if name)
            case _:
                return tuple(name for name in ("triage", about, place.view) if name)

    def longer_brush(self, cells: int) -> Scope | None:
        """The brush with its end moved; ``None`` when nothing is brushed."""
        data, scope = self.histogram(), self.place.scope
        if data is None or data.chosen is None:
            return None
        step = (data.end_unix_us - data.start_unix_us) // _BRUSH_STEPS
        first, last = data.chosen
        end = min(data.end_unix_us, max(first + step, last + cells * step))
        return scope.during(first, end)

    def no_brush(self) -> Scope:
        """All of the archive, said with its own first and last moment."""
        covered = self.book.coverage
        return self.place.scope.during(covered.first_unix_us, covered.last_unix_us + 1)

    def next_incident(self, steps: int) -> Place | None:
        """This place about another incident; ``None`` when there is no other."""
        incidents = self._incidents()
        number = min(len(incidents), max(1, self.place.incident + steps))
        if not incidents or number == self.place.incident:
            return None
        scope = incident_scope(self.place.scope, incidents[number - 1])
        return replace(self.place, incident=number, scope=scope)

    def of_incident(self, number: int) -> Place | None:
        """This place about an incident; ``None`` when there is none of that number."""
        incident = self.incident(number)
        if incident is None:
            return None
        return replace(
            self.place, incident=number, scope=incident_scope(self.place.scope, incident), at_us=-1
        )

    def incident(self, number: int) -> "Incident | None":
        """An incident by its number, once the story is told."""
        incidents = self._incidents()
        return incidents[number - 1] if 1 <= number <= len(incidents) else None

    def incident_name(self, number: int) -> str:
        """An incident by its number and its keys; nothing before the story is told."""
        incident = self.incident(number)
        return "" if incident is None else f"#{number} {printable(', '.join(incident.keys))}"

    def note(self) -> str:
        """What the prompt's line says: the filter that all screens share."""
        return f"filter: {printable(self.place.scope.where) or 'none'}"

    def histogram(self) -> Histogram | None:
        """Lost calls over the archive's time, and the brush."""
        if self.opened is None:
            return None
        covered, scope = self.opened.coverage, self.place.scope
        start, end = covered.first_unix_us, covered.last_unix_us + 1
        brushed = (max(start, scope.start_unix_us), min(end, scope.end_unix_us))
        whole = brushed == (start, end) or brushed[0] >= brushed[1]
        counts = self.opened.lost
        if self.zoom is not None:
            first, last = ((at - start) * len(counts) // (end - start) for at in self.zoom)
            counts, (start, end) = counts[first : max(first + 1, last)], self.zoom
            brushed = (max(start, brushed[0]), min(end, brushed[1]))
            whole = brushed[0] >= brushed[1]
        return Histogram(
            start_unix_us=start,
            end_unix_us=end,
            counts=counts,
            chosen=None if whole else brushed,
        )

    def facts(self, *, wide: bool) -> str:
        """What is known of the archive, for the end of the first line."""
        if self.opened is None:
            return self.name
        covered = self.opened.coverage
        size = short_count(covered.attempts)
        if wide:
            hours = f"{clock(covered.first_unix_us)}..{clock(covered.last_unix_us)} UTC"
            parts = [self.name, f"{size} attempts", hours, *self.warnings()]
        else:
            parts = [self.name, f"{size} att", "UTC", *self.warnings()]
        parts.append(f"{'● live  ' if self.is_following else ''}⚑{self.notebook.bookmarks}")
        return "  ".join(parts)

    def warnings(self) -> Sequence[str]:
        """What the archive cannot show, in a few words each."""
        if self.opened is None:
            return ()
        covered, skipped = self.opened.coverage, len(self.opened.archive.warnings)
        found = {
            f"{skipped} skipped": skipped,
            f"{short_count(covered.dropped_events)} dropped": covered.dropped_events,
            "sampled": covered.sampled,
            f"{len(covered.gaps)} gaps": len(covered.gaps),
        }
        told = [text for text, is_so in found.items() if is_so]
        return [f"⚠ {told[0]}" + (f" +{len(told) - 1}" if told[1:] else "")] if told else []

    def link(self) -> str:
        """The command line that shows the same in another terminal."""
        view, *rest = self.argv()
        return shlex.join(("recourse", view, self.path, *rest))

    def argv(self) -> tuple[str, ...]:
        """The same without ``recourse`` and without the archive."""
        place = self.place
        argv = _options(place)
        match place.view:
            case "call" if place.call_id:
                argv = ("call", place.call_id)
            case "sql" if place.query:
                # A comment at its beginning is no option.
                argv = (*argv, *(("--",) if place.query.startswith("-") else ()), place.query)
            case "story" if place.incident:
                argv = ("story", "-i", str(place.incident))
            case "calls":
                how = ("--shapes",) if place.shape else ("--sort", place.sort)
                argv = (*argv, *how)
            case "replay" if place.at_us >= 0:
                argv = (*argv, "--at", instant(place.at_us))
            case "key" if place.scope.key is not None:
                view, *rest = _options(replace(place, scope=place.scope.of(None)))
                argv = (view, place.scope.key, *rest)
            case "compare":
                argv = _compare(place)
            case "whatif":
                argv = _whatif(place)
            case "notes":
                argv = ("notes",)
            case _:
                pass
        return argv

    def too_small(self, smallest: tuple[int, int]) -> tuple[str, ...]:
        """What a terminal shows that has no room for anything else."""
        width, height = smallest
        return (f"recourse needs {width}x{height}:", f"use `recourse triage {self.name}`")

    def _incidents(self) -> "tuple[Incident, ...]":
        told = self.opened.told if self.opened is not None else None
        return told.incidents if told is not None else ()


def _options(place: Place) -> tuple[str, ...]:
    view, _, *rest = to_argv(place.view, "", place.scope)
    return (view, *rest)


def _compare(place: Place) -> tuple[str, ...]:
    """The brush is B; A is what was before it, or the other keys."""
    scope = place.scope
    if _OPEN[0] == scope.start_unix_us or _OPEN[1] == scope.end_unix_us:
        return _options(place)
    _, *rest = _options(replace(place, scope=scope.during(*_OPEN)))
    window = f"{instant(scope.start_unix_us)}..{instant(scope.end_unix_us)}"
    return ("compare", "--b", window, *rest)


def _whatif(place: Place) -> tuple[str, ...]:
    pairs = [("-k", place.scope.key or ""), *(("--set", edit) for edit in place.edits)]
    pairs += [("--sweep", place.sweep)] if place.sweep else []
    pairs += [("-i", str(place.incident))] if place.incident else []
    return ("whatif", *(word for pair in pairs for word in pair))


def incident_scope(scope: Scope, incident: "Incident") -> Scope:
    """The brush set to an incident."""
    return scope.during(incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000)


def short_count(number: int) -> str:
    """A count in four or five cells: ``985``, ``41.0k``, ``1.08M``."""
    if number < 1_000:  # noqa: PLR2004  # units: a named constant says less than the number
        return str(number)
    for size, unit in ((1_000, "k"), (1_000_000, "M"), (1_000_000_000, "G")):
        if number < size * 999.5 or unit == "G":
            value = number / size
            return f"{value:.2f}{unit}" if unit == "M" and value < 10 else f"{value:.1f}{unit}"  # noqa: PLR2004  # three digits
    return str(number)


def expected() -> tuple[type[Exception], ...]:
    """Errors that are an answer: their text is for the person."""
    # They bring Arrow, so only workers ask for them.
    from recourse.policy.problems import PolicyFileError
    from recourse_observe.archive.errors import ArchiveError
    from recourse_observe.duck import QueryError
    from recourse_observe.queries.archive import CallNotFoundError
    from recourse_observe.whatif import NoIncidentError, NoKeyError

    return (
        ArchiveError, CallNotFoundError, NoIncidentError, NoKeyError, OSError, PolicyFileError,
        QueryError, ScopeError,
    )  # fmt: skip


def read(path: str, *, trusted: bool = False) -> Opened:
    """Open an archive and ask what every screen's frame needs; runs in a worker.

    Args:
        path: A directory, one Parquet file, a bundle, or a pattern.
        trusted: The archive is our own: read it in this process.

    Raises:
        ArchiveError: Nothing of it can be read.
    """
    from recourse_observe import open_archive  # it brings DuckDB and Arrow

    return looked_at(open_archive(path, trusted=trusted))


def looked_at(archive: "Archive") -> Opened:
    """An open archive with what every screen's frame needs; asks, so only in a worker."""
    whole = archive.within(EVERYTHING)
    bucket_us = max(1, -(-whole.span_us // _HISTOGRAM_BUCKETS))
    lost: list[float | None] = [None] * _HISTOGRAM_BUCKETS
    asked = archive.ask("lost", whole, bucket_us=bucket_us, origin_us=whole.start_unix_us)
    for bucket, calls in zip(*(column.to_pylist() for column in asked.columns), strict=True):
        lost[bucket] = calls
    return Opened(archive, archive.coverage(), tuple(lost))
