"""Replay: what happened, played again: exact states, events around the playhead, markers and probes."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from recourse_observe.queries.archive import Archive
from recourse_observe.replay.words import told
from recourse_observe.text import clock, count
from recourse_tui.lines import Ink, Lines, Span, inked
from recourse_tui.screens.place import Place
from recourse_tui.screens.player import Player
from recourse_tui.screens.session import Session
from recourse_tui.screens.stage import Stage, staged
from recourse_tui.screens.view import View
from recourse_tui.widgets.now import (
    Scrubber,
    event_head,
    event_line,
    lane_head,
    lane_rows,
    marker_line,
    probe_lines,
    scrubber_lines,
)

__all__ = ["ReplayView"]

_SECOND_US: Final = 1_000_000
_LEAST_EVENTS: Final = 4
_FRAMES_A_SECOND: Final = 10
_FRAMES_OVER_SSH: Final = 4
_SLOW_S: Final = 0.05


class ReplayView(View):
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
        self._player = Player()
        self._timer: Timer | None = None
        self._shows_quiet = False

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
        yield staged(archive, self.session.book, self.session.on_incident(place))

    def resolved(self, answer: Stage) -> Place:
        """The brush that was chosen; the playhead stands where the place says, or where it begins."""
        place = answer.place
        if place.when:
            never = place.at_us < 0
            self.said = f"{place.when} {'never held' if never else 'held first here'}"
        at = place.at_us if place.at_us >= 0 else place.scope.start_unix_us
        self._player.stand(answer.within(at))
        return replace(place, when="")

    # ------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Everything as it is at the playhead."""
        if self.answer is None:
            return
        at, replay, width = self._player.at_us, self.answer.replay, self.width
        probes = probe_lines(replay, self.session.probes, at)
        free = self.body_rows - 3 - len(probes) + 1
        room = max(3, free - 1 - max(_LEAST_EVENTS, free // 3) - 1)
        rows = lane_rows(replay, at, self.answer.keys, width)
        lanes, hidden = rows, 0
        if not self._shows_quiet and len(rows) > room:
            lanes = rows[: room - 1]
            hidden = len({row.key for row in rows}) - len({row.key for row in lanes})
        shown_lines = [row.line for row in lanes]
        if hidden:
            shown_lines.append(
                inked(Span(f" +{hidden} more keys, quieter (Q shows them)", Ink.DIM))
            )
        pane = self.lines("lanes")
        pane.styles.height = 1 + min(len(shown_lines), room)
        pane.show(shown_lines, head=[lane_head(width)], stops=range(len(lanes)))
        self._events()
        self.lines("probes").styles.height = len(probes)
        self.lines("probes").show(probes)
        self.lines("markers").show([marker_line(self.answer.markers, at, width)])
        brush = self.place.scope
        self.lines("scrubber").show(
            scrubber_lines(
                replay, self.answer.markers, at, (brush.start_unix_us, brush.end_unix_us), width
            )
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

    # ------------------------------------------------------------ playing

    def action_play(self) -> None:
        """Play, or stop."""
        if self.answer is not None:
            self._run(is_playing=not self._player.is_playing)

    def action_speed(self, steps: int) -> None:
        """Faster or slower."""
        self._player.faster(steps)
        self.redraw()

    def action_seconds(self, seconds: int) -> None:
        """Forward or back in time."""
        self._seek(self._player.at_us + seconds * _SECOND_US)

    def action_event(self, step: int) -> None:
        """To the next event, or the one before."""
        if self.answer is not None:
            self._stand(self.answer.event(self._passed(), step))

    def action_match(self, step: int) -> None:
        """To the next event of a call that the filter chooses."""
        if self.answer is None or self.answer.numbers is None:
            self.say("no filter holds; / sets one")
            return
        self.action_event(step)
        here, total = self.answer.chosen_before(self._passed()), len(self.answer.numbers)
        self.say(f"match {count(here)} of {count(total)}")

    def action_marker(self, step: int) -> None:
        """To the next marker, or the one before."""
        if self.answer is not None:
            self._seek(self.answer.marker(self._player.at_us, step))

    def action_side(self, side: int) -> None:
        """To the first or the last moment."""
        if self.answer is not None:
            self._seek(self.answer.replay.start_us if side < 0 else self.answer.replay.end_us)

    def action_loop(self) -> None:
        """Play from mark A to mark B again and again, or the brush when they are not set."""
        marks, scope = self.session.marks, self.place.scope
        known = None not in marks
        a, b = marks if known else (scope.start_unix_us, scope.end_unix_us)
        self._player.loop = None if self._player.loop is not None or a is None or b is None else (
            min(a, b), max(a, b)
        )  # fmt: skip
        self.redraw()

    def action_idle(self) -> None:
        """Whether pauses over two seconds become two seconds."""
        self._player.skips_idle = not self._player.skips_idle
        self.redraw()

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
            rows = lane_rows(self.answer.replay, self._player.at_us, self.answer.keys, self.width)
            key = rows[min(lanes.cursor, len(rows) - 1)].key
            self.visit(replace(self.place, view="key", scope=self.place.scope.of(key)))
        elif pane.cursor >= 0:
            event = self.answer.replay.event(self._numbers()[pane.cursor])
            if event.call_id:
                self.visit(replace(self.place, view="call", call_id=event.call_id, ordinal=-1))

    def action_failure(self, step: int) -> None:
        """To the next failure, or the one before."""
        if self.answer is not None:
            number = self.answer.failure(self._passed(), step)
            self._stand(number)
            if number is None:
                self.say("no failure is near")

    def action_add(self) -> None:
        """Add the marked event to the story."""
        pane = self.lines("events")
        if self.answer is not None and pane.cursor >= 0:
            event = self.answer.replay.event(self._numbers()[pane.cursor])
            _, about, what, rest = told(event)
            words = " ".join((event.key, event.call_id[:8], about, what, rest))
            self.keep_event(" ".join(words.split()), event.at_us)

    def moment(self) -> int | None:
        """The playhead."""
        return self._player.at_us if self.answer is not None else None

    def step_out(self) -> bool:
        """Escape stops the playing, too."""
        self._run(is_playing=False)
        return super().step_out()

    def on_screen_suspend(self) -> None:
        """Nothing plays where nobody looks."""
        self._run(is_playing=False)

    @on(Scrubber.Sought)
    def _sought(self, message: Scrubber.Sought) -> None:
        if self.answer is not None:
            replay = self.answer.replay
            span_us = replay.end_us - replay.start_us
            self._seek(replay.start_us + round(span_us * message.share))

    # ------------------------------------------------------------ private

    def _seek(self, at_us: int | None) -> None:
        if self.answer is not None and at_us is not None:
            self._player.stand(self.answer.within(at_us))
            self.redraw()

    def _stand(self, number: int | None) -> None:
        """Stop right after an event."""
        if self.answer is not None and number is not None:
            self._run(is_playing=False)
            self._player.stand(self.answer.replay.event(number).at_us, events=number + 1)
            self.redraw()

    def _run(self, *, is_playing: bool) -> None:
        self._player.is_playing = is_playing
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if is_playing:
            rate = _FRAMES_OVER_SSH if "SSH_CONNECTION" in os.environ else _FRAMES_A_SECOND
            self._player.begin(self.app_time_s(), rate)
            self._timer = self.set_interval(1 / rate, self._frame)
        if self.is_mounted and self.answer is not None:
            self.redraw()

    def _frame(self) -> None:
        if self.answer is None:
            return
        begun = self.app_time_s()
        if not self._player.advance(self.answer.replay, begun):
            return
        self.draw()
        self.tick()
        if self._player.at_us >= self.answer.replay.end_us and self._player.loop is None:
            self._run(is_playing=False)
        self._player.took(self.app_time_s() - begun, _SLOW_S)

    def _passed(self) -> int:
        """How many events are at or before the playhead."""
        if self.answer is None:
            return 0
        known = self._player.events
        return self.answer.replay.index(self._player.at_us) if known is None else known

    def _numbers(self) -> Sequence[int]:
        """The events of the list."""
        return () if self.answer is None else self.answer.window(self._passed())

    def _events(self) -> None:
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
