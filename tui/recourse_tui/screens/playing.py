"""Playing: the playhead of a screen, the keys that move it, and the timer that does."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from textual import on
from textual.timer import Timer

from recourse_observe.text import count
from recourse_tui.screens.player import Player
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.scrubber import Scrubber

if TYPE_CHECKING:
    from recourse_tui.screens.stage import Stage

__all__ = ["Playing"]

_SECOND_US: Final = 1_000_000
_FRAMES_A_SECOND: Final = 10
_FRAMES_OVER_SSH: Final = 4
_SLOW_S: Final = 0.05


class Playing(View):
    """A screen on which a stretch of the archive is played."""

    answer: "Stage | None"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._player = Player()
        self._timer: Timer | None = None

    # ------------------------------------------------------------ keys

    def action_play(self) -> None:
        """Play, or stop."""
        if self.answer is None:
            return
        is_over = self._player.loop is None and self._player.at_us >= self.answer.replay.end_us
        if is_over and not self._player.is_playing:
            self._player.stand(self.answer.replay.start_us)
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
        a, b = marks
        if a is None or b is None:
            a, b = scope.start_unix_us, scope.end_unix_us
        if self.answer is None or self._player.loop is not None:
            self._player.loop = None
        elif (start := self.answer.within(min(a, b))) < (end := self.answer.within(max(a, b))):
            self._player.loop = (start, end)
        else:
            self.say("nothing of what is played lies between A and B; m and M set them")
            return
        self.redraw()

    def action_idle(self) -> None:
        """Whether pauses over two seconds become two seconds."""
        self._player.skips_idle = not self._player.skips_idle
        self.redraw()

    def action_failure(self, step: int) -> None:
        """To the next failure, or the one before."""
        if self.answer is not None:
            number = self.answer.failure(self._passed(), step)
            self._stand(number)
            if number is None:
                self.say("no failure is near")

    def reaches(self, at_us: int) -> bool:
        """What is played has that moment."""
        return self.answer is None or self.answer.within(at_us) == at_us

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

    def _keep_moment(self) -> None:
        """Let the place say where the playhead is: links, bookmarks and the way back are about that moment."""
        place, at_us = self.place, self._player.at_us
        begins = place.scope.start_unix_us if place.at_us < 0 else place.at_us
        if at_us != begins and self.session.place == place:
            self.place = replace(place, at_us=at_us)
            self.session.stay(self.place)

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
