"""Replay: what happened, played again: exact states, events around the playhead, markers and probes."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from recourse_observe.queries.archive import Archive
from recourse_observe.replay.markers import Marker, of_incidents
from recourse_observe.replay.probes import bisect, evaluate, parse_probe, shown
from recourse_observe.replay.state import EventKind
from recourse_observe.replay.timeline import Replay
from recourse_observe.replay.words import told
from recourse_observe.scope import Scope
from recourse_observe.text import clock, count, printable
from recourse_tui.lines import Ink, Line, Lines, Span, cell, inked
from recourse_tui.screens.place import Place
from recourse_tui.screens.player import Player
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.now import (
    Scrubber,
    event_line,
    lane_head,
    lane_rows,
    marker_line,
    scrubber_lines,
)

__all__ = ["ReplayView"]

_WINDOW: Final = 200
"""Events that the list has, around the playhead."""
_SECOND_US: Final = 1_000_000
_LEAST_EVENTS: Final = 4
_FRAMES_A_SECOND: Final = 10
_FRAMES_OVER_SSH: Final = 4
_SLOW_S: Final = 0.05
_FAR: Final = 20_000
"""How many events are looked at for a failure."""
_FAILURES: Final = (EventKind.ATTEMPT_END, EventKind.CALL_END, EventKind.DENIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A replay, where it begins, and the events that the filter chooses, if there is one."""

    place: Place
    replay: Replay
    markers: tuple[Marker, ...]
    keys: tuple[str, ...]
    numbers: Sequence[int] | None


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
    answer: Answer | None

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

    def ask(self, archive: Archive, place: Place) -> Iterator[Answer]:
        """Every event of the brush and of half its length before and after."""
        place = self.session.on_incident(place)
        scope = _with_margins(archive, place.scope)
        replay = self.session.book.replay(scope)
        markers = (*replay.markers, *of_incidents(self.session.book.story().incidents))
        inside = sorted(m for m in markers if replay.start_us <= m.at_us <= replay.end_us)
        numbers: Sequence[int] | None = None
        if place.scope.where:
            ids = archive.ask("member_ids", scope.matching(place.scope.where)).column("call_id")
            numbers = replay.numbers(frozenset(ids.to_pylist()).__contains__)
        if place.when and (found := bisect(parse_probe(place.when), replay)) is not None:
            place = replace(place, scope=place.scope.during(*found), at_us=found[1])
        yield Answer(
            place=place,
            replay=replay,
            markers=tuple(inside),
            keys=_interesting_first(replay, place.scope.key),
            numbers=numbers,
        )

    def resolved(self, answer: Answer) -> Place:
        """The brush that was chosen; the playhead stands where the place says, or where it begins."""
        place = answer.place
        if place.when:
            never = place.at_us < 0
            self.said = f"{place.when} {'never held' if never else 'held first here'}"
        at = place.at_us if place.at_us >= 0 else place.scope.start_unix_us
        self._player.stand(max(answer.replay.start_us, min(answer.replay.end_us, at)))
        return replace(place, when="")

    # ------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Everything as it is at the playhead."""
        if self.answer is None:
            return
        at, replay, width = self._player.at_us, self.answer.replay, self.width
        probes = self._probe_lines()
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
        if self.answer is None:
            return
        replay, passed = self.answer.replay, self._passed()
        numbers = self.answer.numbers
        if numbers is None:
            number = passed + step - 1
        else:
            later = sum(n < passed for n in numbers) + step - 1
            number = numbers[later] if 0 <= later < len(numbers) else -1
        if 0 <= number < len(replay):
            self._run(is_playing=False)
            self._player.stand(replay.event(number).at_us, events=number + 1)
            self.redraw()

    def action_match(self, step: int) -> None:
        """To the next event of a call that the filter chooses."""
        if self.answer is None or self.answer.numbers is None:
            self.say("no filter holds; / sets one")
            return
        self.action_event(step)
        chosen = self.answer.numbers
        here = sum(number < self._passed() for number in chosen)
        self.say(f"match {count(here)} of {count(len(chosen))}")

    def action_marker(self, step: int) -> None:
        """To the next marker, or the one before."""
        if self.answer is None:
            return
        at = self._player.at_us
        times = [
            m.at_us for m in self.answer.markers if (m.at_us > at if step > 0 else m.at_us < at)
        ]
        if times:
            self._seek(min(times) if step > 0 else max(times))

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
        if self.answer is None:
            return
        replay, passed = self.answer.replay, self._passed()
        numbers = range(passed, len(replay)) if step > 0 else range(passed - 2, -1, -1)
        chosen = None if self.answer.numbers is None else frozenset(self.answer.numbers)
        for number in islice(numbers, _FAR):
            event = replay.event(number)
            if not event.good and event.kind in _FAILURES and (chosen is None or number in chosen):
                self._run(is_playing=False)
                self._player.stand(event.at_us, events=number + 1)
                self.redraw()
                return
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

    def _seek(self, at_us: int) -> None:
        if self.answer is not None:
            replay = self.answer.replay
            self._player.stand(max(replay.start_us, min(replay.end_us, at_us)))
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
        if self.answer is None:
            return ()
        passed, half = self._passed(), _WINDOW // 2
        if self.answer.numbers is None:
            return range(max(0, passed - half), min(len(self.answer.replay), passed + half))
        here = sum(number < passed for number in self.answer.numbers)
        return self.answer.numbers[max(0, here - half) : here + half]

    def _events(self) -> None:
        if self.answer is None:
            return
        passed, numbers = self._passed(), self._numbers()
        lines = [
            event_line(self.answer.replay.event(number), is_next=number >= passed)
            for number in numbers
        ]
        last = sum(number < passed for number in numbers) - 1
        where = printable(self.place.scope.where)
        note = f"filter {where}" if where else "every call"
        title = cell(" EVENTS around the playhead", max(1, self.width - len(note) - 3))
        head = inked(Span(title, Ink.HEAD), Span(f"{note}  ", Ink.DIM))
        self.lines("events").show(
            lines, head=[head], stops=range(len(lines)), cursor=max(0, last), below=2
        )

    def _probe_lines(self) -> list[Line]:
        if self.answer is None or not self.session.probes:
            return []
        at, replay = self._player.at_us, self.answer.replay
        said = []
        for number, text in enumerate(self.session.probes, 1):
            probe = parse_probe(text)
            said.append(f"p{number} {text} = {shown(probe, evaluate(probe, replay, at))}")
        return [inked(" ", Span("PROBES", Ink.HEAD), f"  {printable('   '.join(said))}")]


def _with_margins(archive: Archive, scope: Scope) -> Scope:
    """Half of the brush's length before and after it, as far as the archive reaches; all keys."""
    scope = archive.within(scope.of(None).matching(""))
    margin = scope.span_us // 2
    return archive.within(scope.during(scope.start_unix_us - margin, scope.end_unix_us + margin))


def _interesting_first(replay: Replay, key: str | None) -> tuple[str, ...]:
    """The key that is looked at, then those that lost and failed most."""
    end = replay.samples[-1].keys
    rest = sorted(replay.keys, key=lambda k: (k != key, -end[k].lost, -end[k].failed))
    return tuple(rest)
