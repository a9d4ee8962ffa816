"""What all screens share: the open archive, and the way taken."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recourse_observe.scope import EVERYTHING, Scope
from recourse_observe.text import clock, printable, shell, shown_in, zone_name
from recourse_tui.actions import VIEWS
from recourse_tui.screens.links import argv_of
from recourse_tui.screens.notebook import Notebook
from recourse_tui.screens.opened import Opened
from recourse_tui.screens.place import Place, incident_scope
from recourse_tui.widgets.brush import Histogram
from recourse_tui.widgets.shortly import short_count

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.story.findings import Incident, StoryDocument
    from recourse_observe.whatif import LoadPoint, Suggestion
    from recourse_tui.screens.place import Candidate

__all__ = ["Session"]

_BRUSH_STEPS: Final = 78
_HISTORY: Final = 100
_PROBES: Final = 3
_OPEN: Final = (EVERYTHING.start_unix_us, EVERYTHING.end_unix_us)


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
        self.shows_local = False
        self.zone: tzinfo | None = None
        self.probes: tuple[str, ...] = ()
        self.loads: dict[Candidate, tuple[LoadPoint, ...]] = {}
        self.searched: dict[int, tuple[Suggestion, ...]] = {}
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
        """The place, with the brush on the worst incident unless it is set; asks, so only in a worker."""
        incidents = self.listed(self.book.story().incidents)
        is_brushed = (place.scope.start_unix_us, place.scope.end_unix_us) != _OPEN
        if place.incident or is_brushed or not incidents:
            return place
        worst = incidents[0]
        return replace(place, incident=worst.id, scope=incident_scope(place.scope, worst))

    def listed(self, incidents: "Sequence[Incident]") -> "tuple[Incident, ...]":
        """Incidents in the order of lists, the one with most lost calls first."""
        from recourse_observe.story.changes import by_loss  # the story is there by now

        return by_loss(incidents)

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
        self.searched.clear()

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
        """This place about the next incident of the list; ``None`` when there is no other."""
        if self.story is None or not self.story.incidents:
            return None
        numbers = [one.id for one in self.listed(self.story.incidents)]
        here = numbers.index(self.place.incident) if self.place.incident in numbers else -1
        number = numbers[min(len(numbers) - 1, max(0, here + steps))]
        return None if number == self.place.incident else self.of_incident(number)

    def of_incident(self, number: int) -> Place | None:
        """This place about an incident; ``None`` when there is none of that number."""
        incident = self.incident(number)
        if incident is None:
            return None
        return replace(
            self.place, incident=number, scope=incident_scope(self.place.scope, incident), at_us=-1
        )

    @property
    def story(self) -> "StoryDocument | None":
        """The story, once it is told."""
        return self.opened.told if self.opened is not None else None

    def incident(self, number: int) -> "Incident | None":
        """An incident by its number, once the story is told."""
        known = self.story.incidents if self.story is not None else ()
        return known[number - 1] if 1 <= number <= len(known) else None

    def incident_name(self, number: int) -> str:
        """An incident by its number and its keys; nothing before the story is told."""
        incident = self.incident(number)
        return "" if incident is None else f"#{number} {printable(', '.join(incident.keys))}"

    def note(self) -> str:
        """What the prompt's line says: the brush on one's own clock, and the filter that all screens share."""
        own = f"{self.brush_here()}  " if self.shows_local and self.is_open else ""
        return f"{own}filter: {printable(self.place.scope.where) or 'none'}"

    def brush_here(self) -> str:
        """The brush on the clock of whoever looks; every other time on a screen is UTC."""
        scope, covered = self.place.scope, self.book.coverage
        ends = (
            max(scope.start_unix_us, covered.first_unix_us),
            min(scope.end_unix_us, covered.last_unix_us),
        )
        with shown_in(self.zone):
            return f"here {clock(ends[0])}→{clock(ends[1])} {zone_name(ends[1])}"

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
        return shell(("recourse", view, self.path, *rest))

    def argv(self) -> tuple[str, ...]:
        """The same without ``recourse`` and without the archive."""
        return argv_of(self.place, self.story)

    def too_small(self, smallest: tuple[int, int]) -> tuple[str, ...]:
        """What a terminal shows that has no room for anything else."""
        width, height = smallest
        return (f"recourse needs {width}x{height}:", f"use `recourse triage {self.name}`")
