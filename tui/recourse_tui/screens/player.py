"""Where the playhead of a replay is, and how it moves as time goes by: no widget, no clock of its own."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from recourse_observe.replay.timeline import Replay

__all__ = ["Player"]

_SPEEDS: Final = (0.25, 1.0, 5.0, 30.0, 60.0, 300.0)
_IDLE_US: Final = 2_000_000


class Player:
    """A playhead.

    Attributes:
        at_us: Where it is.
        events: How many events it has passed, when it stands between two of one moment.
        loop: Where to begin again, and when.
        skips_idle: A pause over two seconds becomes two seconds.
    """

    def __init__(self) -> None:
        self.at_us = 0
        self.events: int | None = None
        self.is_playing = False
        self.skips_idle = True
        self.loop: tuple[int, int] | None = None
        self._speed = _SPEEDS.index(1.0)
        self._shown_s = 0.0
        self._frame_s = 0.0

    @property
    def speed(self) -> float:
        """Archive seconds per second."""
        return _SPEEDS[self._speed]

    def faster(self, steps: int) -> None:
        """Another speed of the list."""
        self._speed = max(0, min(len(_SPEEDS) - 1, self._speed + steps))

    def stand(self, at_us: int, *, events: int | None = None) -> None:
        """Be at a moment, or right after an event."""
        self.at_us, self.events = at_us, events

    def begin(self, now_s: float, frames_a_second: float) -> None:
        """Playing begins now."""
        self._shown_s, self._frame_s = now_s, 1 / frames_a_second

    def took(self, seconds: float, most_s: float) -> None:
        """A frame was drawn in so long: one that took too long halves the rate."""
        if seconds > most_s:
            self._frame_s = min(1.0, self._frame_s * 2)

    def advance(self, replay: "Replay", now_s: float) -> bool:
        """Move on to where the playhead is now; false when the next frame is not due."""
        passed_s = now_s - self._shown_s
        # A timer comes a little early or late; half a frame decides.
        if passed_s < self._frame_s / 2:
            return False
        self._shown_s = now_s
        target = self.at_us + round(passed_s * 1e6 * self.speed)
        if self.skips_idle:
            target = max(target, self._wake(replay))
        if self.loop is not None and target >= self.loop[1]:
            target = self.loop[0]
        self.stand(min(replay.end_us, target))
        return True

    def _wake(self, replay: "Replay") -> int:
        """Two seconds before the next event, when nothing happens for longer."""
        following = replay.index(self.at_us)
        if following >= len(replay):
            return self.at_us
        return replay.event(following).at_us - _IDLE_US
