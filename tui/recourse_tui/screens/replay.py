"""Replay: what happened, played again: exact states, events around the playhead, markers and probes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.duck import Superseded
from recourse_observe.queries.archive import Archive
from recourse_observe.replay.markers import Marker
from recourse_observe.replay.words import told
from recourse_observe.text import clock, count
from recourse_tui.lines import Ink, Lines, Span, inked
from recourse_tui.screens.links import moment_of
from recourse_tui.screens.place import Candidate, Place
from recourse_tui.screens.probing import Probing
from recourse_tui.screens.session import Session
from recourse_tui.screens.stage import Stage, staged
from recourse_tui.widgets.now import (
    LaneRow,
    event_head,
    event_line,
    lane_head,
    lane_rows,
    load_rows,
    probe_lines,
)
from recourse_tui.widgets.scrubber import Scrubber, marker_line, scrubber_lines

if TYPE_CHECKING:
    from recourse_observe.whatif import LoadPoint

__all__ = ["ReplayView"]

_LEAST_EVENTS: Final = 4


class ReplayView(Probing):
    """The archive, played again."""

    DEFAULT_CSS = """
    ReplayView {
        & #next { display: none; }
        & #markers { height: 1; }
        & #probes { height: 0; }
    }
    """
    name_of_view: ClassVar[str] = "replay"
    has_brush: ClassVar[bool] = False
    question: ClassVar[str] = "replay_events"
    answer: Stage | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._shows_quiet = False
        self._begun: Place | None = None

    def panels(self) -> ComposeResult:
        """Lanes above events above the line of time."""
        with Vertical():
            yield Lines(id="lanes")
            yield Lines(id="events")
            yield Lines(id="probes", can_focus=False)
            yield Lines(id="markers", can_focus=False)
            yield Scrubber(id="scrubber")

    def ask(self, archive: Archive, place: Place) -> Iterator[Stage]:
        """Every event of the brush and of half its length before and after."""
        stage = staged(archive, self.session.book, self.session.on_incident(place))
        stage = replace(stage, bookmarks=self._bookmarks())
        yield stage
        if (candidate := stage.place.candidate) is not None:
            yield replace(stage, loads=self._loads(archive, candidate))

    def _loads(self, archive: Archive, candidate: Candidate) -> "tuple[LoadPoint, ...]":
        """What a candidate makes of the load: known from What-if, or asked as it is there."""
        if candidate not in self.session.loads:
            from recourse_tui.screens.modelling import modelled  # it brings the model

            progress = partial(self._go_on, self._question)
            asked = modelled(
                archive, candidate, processes=self.session.processes, progress=progress
            )
            self.session.loads[candidate] = asked.load
        return self.session.loads[candidate]

    def _go_on(self, question: int, text: str) -> None:
        """Nobody waits for a candidate who has left, or asks something else."""
        if question != self._question or self.session.place.view != self.name_of_view:
            raise Superseded(text)

    def resolved(self, answer: Stage) -> Place:
        """The brush that was chosen; the playhead stands where the place says, or where it begins."""
        place = answer.place
        if place.when:
            replay = answer.replay
            looked = f"from {clock(replay.start_us)} to {clock(replay.end_us)}"
            how = f"never held {looked}" if place.at_us < 0 else "held first here"
            self.said = f"{place.when} {how}"
        self._begin_at(answer)
        return replace(place, when="")

    def _begin_at(self, stage: Stage) -> None:
        """Put the playhead where the place says, once: what comes later leaves it where it went."""
        place = stage.place
        if place is not self._begun:
            at = place.at_us if place.at_us >= 0 else place.scope.start_unix_us
            self._player.stand(stage.within(at))
        self._begun = place

    # ------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Everything as it is at the playhead."""
        if self.answer is None:
            return
        self._begin_at(self.answer)
        self._keep_moment()
        at, replay, width = self._player.at_us, self.answer.replay, self.width
        probes = probe_lines(self.known_at(self.answer, at), width)
        self._draw_lanes(self.body_rows - 2 - len(probes))
        self._draw_events()
        self.lines("probes").styles.height = len(probes)
        self.lines("probes").show(probes)
        moments = self.answer.moments
        self.lines("markers").show([marker_line(moments, at, width)])
        brush = self.place.scope
        self.lines("scrubber").show(
            scrubber_lines(replay, moments, at, (brush.start_unix_us, brush.end_unix_us), width)
        )

    def status(self) -> Span:
        """How far the events have come."""
        if self.answer is None:
            return Span("")
        passed, total = self._passed(), len(self.answer.replay)
        chosen = (
            "" if self.answer.numbers is None else f" · {count(len(self.answer.numbers))} chosen"
        )
        return Span(
            f"event {count(passed)} of {count(total)}{chosen} · NOW and AMP of the last 10 s",
            Ink.DIM,
        )

    def facts(self) -> str:
        """Whether it plays, how fast, and where it is."""
        if self.answer is None:
            return super().facts()
        sign = "▶" if self._player.is_playing else "■"
        skip = "on" if self._player.skips_idle else "off"
        loop = "on" if self._player.loop is not None else "off"
        now = clock(self._player.at_us, decimals=1)
        return f"{sign} {self._player.speed:g}×  {now}  idle-skip {skip}  loop {loop}"  # noqa: RUF001  # a multiplication sign

    def action_quiet(self) -> None:
        """Show all keys, or as many as fit."""
        self._shows_quiet = not self._shows_quiet
        self.redraw()

    def action_open(self) -> None:
        """The call of the marked event, or the marked key over time."""
        if self.answer is None:
            return
        lanes, pane = self.lines("lanes"), self.lines("events")
        if lanes.has_focus and lanes.cursor >= 0:
            rows = self._lanes(self.answer)
            key = rows[min(lanes.cursor, len(rows) - 1)].key
            self.visit(replace(self.place, view="key", scope=self.place.scope.of(key)))
        elif pane.cursor >= 0:
            event = self.answer.replay.event(self._numbers()[pane.cursor])
            if event.call_id:
                self.visit(replace(self.place, view="call", call_id=event.call_id, ordinal=-1))

    def action_add(self) -> None:
        """Add the marked event to the story."""
        pane = self.lines("events")
        if self.answer is not None and pane.cursor >= 0:
            event = self.answer.replay.event(self._numbers()[pane.cursor])
            _, about, what, rest = told(event)
            words = " ".join((event.key, event.call_id[:8], about, what, rest))
            self.keep_event(" ".join(words.split()), event.at_us)

    def action_bookmark(self) -> None:
        """Keep this moment, and mark it on the line of time."""
        super().action_bookmark()
        if self.answer is not None:
            said = self.said
            self.answer = replace(self.answer, bookmarks=self._bookmarks())
            self.redraw()
            self.say(said)

    # ------------------------------------------------------------ private

    def _bookmarks(self) -> tuple[Marker, ...]:
        """The moments of this archive that somebody kept."""
        kept = [note for note in self.session.notebook.notes if note.kind == "bookmark"]
        moments = ((moment_of(note.argv), note.name) for note in kept)
        return tuple(
            Marker(at_us=at, label=f"bookmark {name}") for at, name in moments if at is not None
        )

    def _numbers(self) -> Sequence[int]:
        """The events of the list."""
        return () if self.answer is None else self.answer.window(self._passed())

    def _lanes(self, stage: Stage) -> list[LaneRow]:
        """Every key; that of a candidate also with what it makes of the load."""
        at_us, key, points = self._player.at_us, self.place.scope.key, stage.loads
        rows = lane_rows(stage.replay, at_us, stage.keys, self.width)
        if key in stage.keys and points and any(one.candidate is not None for one in points):
            after = 1 + max(number for number, row in enumerate(rows) if row.key == key)
            rows[after:after] = load_rows(points, at_us, key, self.width)
        return rows

    def _draw_lanes(self, free: int) -> None:
        """As many keys as leave room for events, unless all are wanted."""
        if self.answer is None:
            return
        room = max(3, free - 1 - max(_LEAST_EVENTS, free // 3) - 1)
        rows = self._lanes(self.answer)
        lanes, hidden = rows, 0
        if not self._shows_quiet and len(rows) > room:
            lanes = rows[: room - 1]
            hidden = len({row.key for row in rows}) - len({row.key for row in lanes})
        shown = [row.line for row in lanes]
        if hidden:
            shown.append(inked(Span(f" +{hidden} more keys, quieter (Q shows them)", Ink.DIM)))
        pane = self.lines("lanes")
        pane.styles.height = 1 + min(len(shown), room)
        pane.show(shown, head=[lane_head(self.width)], stops=range(len(lanes)))

    def _draw_events(self) -> None:
        if self.answer is None:
            return
        passed, numbers = self._passed(), self._numbers()
        lines = [
            event_line(self.answer.replay.event(number), is_next=number >= passed)
            for number in numbers
        ]
        last = sum(number < passed for number in numbers) - 1
        head = event_head(self.place.scope.where, self.width)
        self.lines("events").show(
            lines, head=[head], stops=range(len(lines)), cursor=max(0, last), below=2
        )
