"""Triage: what broke, when, on which keys, why, and whether we made it worse, before any key is pressed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.text import count, duration, percent, times
from recourse_tui.lines import Ink, Lines, Span
from recourse_tui.screens.place import Place, incident_scope
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.sparkline import bars
from recourse_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import KeyRow, OverviewRow
    from recourse_observe.story.asked import Span as Found
    from recourse_observe.story.findings import Incident, StoryDocument

__all__ = ["TriageView"]

_VERDICT: Final = "recourse_tui.widgets.verdict"
_BREAKERS: Final = {"closed": "●", "half_open": "◐", "open": "○", "isolated": "○", "": "—"}
_INCIDENT_ROWS: Final = 5
_SIDE_CELLS: Final = 40
_DEGRADED: Final = 0.01
"""From which share of lost calls on a key that is in no incident is not fine either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The place as it turned out to be, and what is known of it: ``None`` is still to come.

    Attributes:
        counted: The keys from counts alone, until more is known of them.
        found: The incidents before their causes are known.
    """

    place: Place
    counted: "tuple[OverviewRow, ...]" = ()
    found: "tuple[Found, ...]" = ()
    keys: "tuple[KeyRow, ...] | None" = None
    story: "StoryDocument | None" = None

    @property
    def incident(self) -> "Incident | None":
        """The chosen incident."""
        if self.story is None or not 1 <= self.place.incident <= len(self.story.incidents):
            return None
        return self.story.incidents[self.place.incident - 1]


class TriageView(View):
    """Incidents and keys; at the right, in a wide terminal, what there is to know of the incident."""

    DEFAULT_CSS = f"""
    TriageView {{
        & #incidents {{ height: 2; }}
        & #side {{ display: none; width: {_SIDE_CELLS}; border-left: solid $dim; }}
        &.-wide #side {{ display: block; }}
    }}
    """
    name_of_view: ClassVar[str] = "triage"
    has_axis: ClassVar[bool] = True
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._is_one_scale = False

    def panels(self) -> ComposeResult:
        """Incidents above keys, details beside both."""
        with Vertical():
            yield Lines(id="incidents")
            yield Lines(id="keys")
        yield Lines(id="side", can_focus=False)

    def ask(self, archive: "Archive", place: Place) -> Iterator[Answer]:
        """What was counted first, then when and where, then why, then the keys of that incident."""
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
        yield Answer(place=resolved, story=story, keys=archive.keys(resolved.scope))

    def draw(self) -> None:
        """Both lists, and the details."""
        if self.answer is None:
            return
        # It brings the story's words and rows, which the first frame does without.
        from recourse_tui.widgets.verdict import (
            VERDICT_ROWS,
            found_lines,
            incident_lines,
            row_of_incident,
            side_lines,
        )

        width = self.width - _SIDE_CELLS if self.is_wide else self.width
        story, chosen = self.answer.story, self.answer.place.incident
        if story is None:
            head, rows = found_lines(self.answer.found, width)
        else:
            head, rows = incident_lines(story, chosen, width)
        numbers = range(1, len(story.incidents) + 1) if story is not None else ()
        pane = self.lines("incidents")
        pane.styles.height = 1 + min(len(rows), _INCIDENT_ROWS)
        pane.show(
            rows,
            head=[head],
            stops=[row_of_incident(number, chosen) for number in numbers],
            cursor=row_of_incident(chosen, chosen),
            below=VERDICT_ROWS,
        )
        if self.answer.keys is None and self.answer.counted:
            table: Table[Any] = Table(self.answer.counted, _COUNTED, width=width)
            self.lines("keys").show(table, head=[table.head])
        else:
            self._draw_keys(self.answer.keys or (), width)
        self.lines("side").show(
            side_lines(self.answer.incident, _SIDE_CELLS - 2) if self.is_wide else []
        )

    def resolved(self, answer: Answer) -> Place:
        """Triage opens on the first incident."""
        return answer.place

    def marked(self) -> None:
        """Another incident sets the brush and asks for its keys."""
        if self.answer is None or self.answer.story is None:
            return
        from recourse_tui.widgets.verdict import incident_of_row  # see draw

        incidents, pane = self.answer.story.incidents, self.lines("incidents")
        number = incident_of_row(pane.cursor, self.place.incident)
        if 1 <= number <= len(incidents) and number != self.place.incident:
            scope = incident_scope(self.place.scope, incidents[number - 1])
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
        return "enter story · tab keys · w why · a amplification · space replay"

    def action_open(self) -> None:
        """The story of the marked incident, or the calls of the marked key."""
        if self.answer is None:
            return
        keys = self.lines("keys")
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
        columns = _columns(8 if self.is_wide else 14, top)
        table = Table(keys, columns, width=width, glyph=self._glyph)
        self.lines("keys").show(table, head=[table.head], stops=range(len(table)))

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


def _columns(spark_cells: int, top: float | None = None) -> "Sequence[Column[KeyRow]]":
    return (
        Column(title="KEY", width=22, text=lambda k: k.key, stretch=True),
        Column(title="CALLS", width=7, right=True, text=lambda k: count(k.calls)),
        Column(title="AMP", width=5, right=True, text=lambda k: times(k.attempts_per_call)),
        Column(title="FAIL", width=6, right=True, text=lambda k: percent(k.lost_share)),
        Column(title="P50", width=6, right=True, drop=1, text=lambda k: duration(k.p50_us)),
        Column(title="P99", width=6, right=True, drop=4, text=lambda k: duration(k.p99_us)),
        Column(title="DENIED", width=6, right=True, drop=2, text=lambda k: count(k.denied)),
        Column(title="BRK", width=3, drop=3, text=lambda k: f" {_BREAKERS.get(k.breaker, '?')}"),
        Column(
            title="LOST/min",
            width=spark_cells,
            text=lambda k: Span(bars(k.lost_per_bucket, spark_cells, top=top), Ink.INFO),
        ),
    )


_COUNTED: "Final[Sequence[Column[OverviewRow]]]" = (
    Column(title="KEY", width=22, text=lambda k: k.key, stretch=True),
    Column(title="CALLS", width=9, right=True, text=lambda k: count(k.calls)),
    Column(title="AMP", width=5, right=True, text=lambda k: times(k.attempts_per_call)),
    Column(title="LOST", width=9, right=True, text=lambda k: count(k.lost)),
    Column(title="DENIED", width=8, right=True, text=lambda k: count(k.denied)),
)
