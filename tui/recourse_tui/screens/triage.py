"""Triage: what broke, when, on which keys, why, and whether we made it worse, before any key is pressed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.scope import EVERYTHING
from recourse_observe.text import count
from recourse_tui.lines import Ink, Lines, Span, inked
from recourse_tui.screens.place import Place, incident_scope
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.keys import COUNTED, key_columns
from recourse_tui.widgets.table import Table

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.contrast import Contrast
    from recourse_observe.queries.rows import KeyRow, OverviewRow
    from recourse_observe.story.asked import Span as Found
    from recourse_observe.story.changes import Change
    from recourse_observe.story.findings import Incident, StoryDocument
    from recourse_observe.whatif.glance import Glance

__all__ = ["TriageView"]

_VERDICT: Final = "recourse_tui.widgets.verdict"
_TELLING: Final = "recourse_observe.queries.telling"
_CHANGES: Final = "recourse_observe.story.changes"
_GLANCE: Final = "recourse_observe.whatif.glance"
_INCIDENT_ROWS: Final = 5
_SIDE_CELLS: Final = 40
_MOST_SIDE_CELLS: Final = 60
_LIST_CELLS: Final = 80
"""What the lists have before the side gets more."""
_LEAST_CHANGES: Final = 6
_DEGRADED: Final = 0.01
"""From which share of lost calls on a key that is in no incident is not fine either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The place as it turned out to be, and what is known of it: ``None`` is still to come.

    Attributes:
        counted: The keys from counts alone, until more is known of them.
        found: The incidents before their causes are known.
        changes: What changed around the incident; with all below it asked only where there is room for it.
        glance: What could be changed, as far as it is known without waiting.
    """

    place: Place
    counted: "tuple[OverviewRow, ...]" = ()
    found: "tuple[Found, ...]" = ()
    keys: "tuple[KeyRow, ...] | None" = None
    story: "StoryDocument | None" = None
    changes: "tuple[Change, ...] | None" = None
    why: "tuple[Contrast, ...] | None" = None
    glance: "tuple[Glance, ...] | None" = None

    @property
    def incident(self) -> "Incident | None":
        """The chosen incident."""
        if self.story is None or not 1 <= self.place.incident <= len(self.story.incidents):
            return None
        return self.story.incidents[self.place.incident - 1]


class TriageView(View):
    """Incidents and keys; at the right, in a wide terminal, what there is to know of the incident."""

    DEFAULT_CSS = """
    TriageView {
        & #incidents { height: 2; }
        & #changes { display: none; }
        & #side { display: none; border-left: solid $dim; }
        &.-wide #side { display: block; }
    }
    """
    name_of_view: ClassVar[str] = "triage"
    has_axis: ClassVar[bool] = True
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._is_one_scale = False

    def panels(self) -> ComposeResult:
        """Incidents above keys above what changed, details beside them."""
        with Vertical():
            yield Lines(id="incidents")
            yield Lines(id="keys")
            yield Lines(id="changes")
        yield Lines(id="side", can_focus=False)

    def ask(self, archive: "Archive", place: Place) -> Iterator[Answer]:
        """What was counted first, then when and where, then why, then the keys of that incident, then what differs."""
        import_module(_VERDICT)  # what draws the answers is brought here, not on the event loop
        book = self.session.book
        counted: tuple[OverviewRow, ...] = ()
        if is_new := book.told is None:
            counted = () if place.scope.where else archive.overview(place.scope)
            yield Answer(place=place, counted=counted)
            yield Answer(place=place, counted=counted, found=book.incidents().spans)
        story = book.story()
        resolved = self.session.on_incident(place)
        if is_new:
            yield Answer(place=resolved, counted=counted, story=story)
        answer = Answer(place=resolved, story=story, keys=archive.keys(resolved.scope))
        yield answer
        if (incident := answer.incident) is not None and self.is_wide:
            answer = replace(answer, changes=import_module(_CHANGES).changes(archive, incident))
            yield answer
            scope = incident_scope(EVERYTHING, incident).of(incident.keys[0])
            told = import_module(_TELLING)
            answer = replace(answer, why=told.telling(told.differences(archive, scope)))
            yield answer
            span = book.incidents().spans[incident.id - 1]
            yield replace(answer, glance=import_module(_GLANCE).glance(archive, incident, span))

    def draw(self) -> None:
        """Both lists, and the details."""
        if self.answer is None:
            return
        # It brings the story's words and rows, which the first frame does without.
        from recourse_tui.widgets.suggested import suggestion_lines
        from recourse_tui.widgets.verdict import (
            VERDICT_ROWS,
            beside_lines,
            found_lines,
            incident_lines,
            rows_of_incidents,
        )

        aside = max(_SIDE_CELLS, min(_MOST_SIDE_CELLS, self.width - _LIST_CELLS))
        self.lines("side").styles.width = aside
        width = self.width - aside if self.is_wide else self.width
        story, chosen = self.answer.story, self.answer.place.incident
        if story is None:
            head, rows = found_lines(self.answer.found, width)
        else:
            head, rows = incident_lines(story, chosen, width)
        numbers = rows_of_incidents(story, chosen)
        pane = self.lines("incidents")
        pane.styles.height = 1 + min(len(rows), _INCIDENT_ROWS)
        pane.show(
            rows,
            head=[head],
            stops=list(numbers),
            cursor=next((row for row, number in numbers.items() if number == chosen), -1),
            below=VERDICT_ROWS,
        )
        if self.answer.keys is None and self.answer.counted:
            table: Table[Any] = Table(self.answer.counted, COUNTED, width=width)
            self.lines("keys").show(table, head=[table.head])
        else:
            self._draw_keys(self.answer.keys or (), width)
        self._draw_changes(width, self.body_rows - 1 - min(len(rows), _INCIDENT_ROWS))
        searched = self.session.searched.get(chosen, ())
        asked = suggestion_lines(self.answer.glance, searched, aside - 2)
        side = beside_lines(self.answer.incident, self.answer.why, asked, aside - 2)
        self.lines("side").show(side if self.is_wide else [])

    def resolved(self, answer: Answer) -> Place:
        """Triage opens on the first incident."""
        return answer.place

    def marked(self) -> None:
        """Another incident sets the brush and asks for its keys."""
        if self.answer is None or self.answer.story is None:
            return
        from recourse_tui.widgets.verdict import rows_of_incidents  # see draw

        story = self.answer.story
        numbers = rows_of_incidents(story, self.place.incident)
        number = numbers.get(self.lines("incidents").cursor, self.place.incident)
        if number != self.place.incident:
            scope = incident_scope(self.place.scope, story.incidents[number - 1])
            self.stay(replace(self.place, incident=number, scope=scope))

    def status(self) -> Span:
        """Which keys of how many, and what the glyphs of the breaker mean."""
        pane = self.lines("keys")
        if self.answer is not None and self.answer.keys is None and self.is_asking:
            doing = "diagnosing" if self.answer.story is None else "reading the keys"
            counts = " · keys of the whole archive, as counted" if self.answer.counted else ""
            return Span(f"{doing} … {self.waited_ms:.0f} ms{counts}", Ink.DIM)
        if not len(pane.rows):
            return Span("no call in this scope", Ink.DIM)
        first = pane.scroll_offset.y + 1
        last = min(len(pane.rows), first - 1 + pane.page_rows())
        brush = (
            f"#{self.place.incident}"
            if self._is_on_incident()
            else "set"
            if self._is_set()
            else "all"
        )
        scale = "one scale · " if self._is_one_scale else ""
        keys = f"keys {count(first)}-{count(last)} of {count(len(pane.rows))} · brush = {brush}"
        return Span(f"{keys} · {scale}BRK ●closed ◐half ○open —none", Ink.DIM)

    def hint(self) -> str:
        """What one would do next."""
        return "enter story · tab keys · w why · a amp · p what-if · space replay"

    def enter(self, place: Place, *, keep: bool = False) -> None:
        """Show a place; in a terminal that has become wider with what it has room for now."""
        lacks = self.answer is not None and self.answer.incident is not None and self.is_wide
        if lacks and self.answer is not None and self.answer.glance is None and not self.is_asking:
            self._is_whole, keep = False, keep or place == self.place
        super().enter(place, keep=keep)

    def on_resize(self) -> None:
        """Another size is another drawing, and a wide one has more to say."""
        super().on_resize()
        if self.is_current and self.answer is not None:
            self.enter(self.place, keep=True)

    def moment(self) -> int | None:
        """When the marked change was, if the keys are with the changes."""
        pane = self.lines("changes")
        if pane.has_focus and self.answer is not None and self.answer.changes:
            return self.answer.changes[pane.cursor].at_us
        return super().moment()

    def action_open(self) -> None:
        """The story of the marked incident, the calls of the marked key, or the moment of a change, played."""
        if self.answer is None:
            return
        keys = self.lines("keys")
        if self.lines("changes").has_focus:
            self.action_replay()
            return
        if keys.has_focus and keys.cursor >= 0 and self.answer.keys:
            scope = self.place.scope.of(self.answer.keys[keys.cursor].key)
            self.visit(replace(self.place, view="calls", shape=False, scope=scope))
        else:
            self.visit(replace(self.place, view="story"))

    def action_scale(self) -> None:
        """One scale for all bars, or one for each row."""
        self._is_one_scale = not self._is_one_scale
        self.redraw()

    # ------------------------------------------------------------ private

    def _draw_keys(self, keys: "Sequence[KeyRow]", width: int) -> None:
        lost = (lost for row in keys for lost in row.lost_per_bucket)
        top = max((n for n in lost if n), default=0) if self._is_one_scale else None
        columns = key_columns(8 if self.is_wide else 14, top)
        table = Table(keys, columns, width=width, glyph=self._glyph)
        self.lines("keys").show(table, head=[table.head], stops=range(len(table)))

    def _draw_changes(self, width: int, free: int) -> None:
        """What changed, below the keys, where both have room."""
        from recourse_tui.widgets.verdict import change_lines  # see draw

        changes = self.answer.changes if self.answer is not None else None
        pane, keys = self.lines("changes"), self.lines("keys")
        pane.display = self.is_tall and bool(changes)
        keys.styles.height = "1fr"
        if not changes or not self.is_tall:
            return
        wanted = min(len(changes) + 2, max(_LEAST_CHANGES, free // 2))
        keys.styles.height = max(2, min(len(keys.rows) + 1, free - wanted))
        head = [inked(), inked(" ", Span("TIMELINE OF CHANGES", Ink.HEAD))]
        pane.show(change_lines(changes, width), head=head, stops=range(len(changes)))

    def _glyph(self, row: "KeyRow") -> Span:
        incidents = self._incidents_of_the_brush()
        if any(row.key in incident.keys for incident in incidents):
            return Span("✗", Ink.BAD)
        is_affected = any(row.key in incident.affected_keys for incident in incidents)
        if is_affected or row.lost_share > _DEGRADED:
            return Span("!", Ink.WARN)
        return Span("●", Ink.GOOD)

    def _incidents_of_the_brush(self) -> "list[Incident]":
        story = self.answer.story if self.answer is not None else None
        return [
            incident
            for incident in (story.incidents if story is not None else ())
            if incident.onset_unix_ns // 1_000 < self.place.scope.end_unix_us
            and self.place.scope.start_unix_us < incident.end_unix_ns // 1_000
        ]

    def _is_set(self) -> bool:
        data = self.session.histogram()
        return data is not None and data.chosen is not None

    def _is_on_incident(self) -> bool:
        incident = self.answer.incident if self.answer is not None else None
        return (
            incident is not None and incident_scope(self.place.scope, incident) == self.place.scope
        )
