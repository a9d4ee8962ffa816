"""Which of the calls that went well are kept in detail."""

from typing import Final

__all__ = ["Habit", "Sampling"]

_SLOW: Final = 3.0
_LEARNING: Final = 0.05
_KNOWN: Final = 20
_MOST_KEYS: Final = 10_000


class Habit:
    """What is usual for the good calls of one key.

    Attributes:
        calls: How many there were.
        skipped: How many of the usual ones since one was kept.
        mean_us: Their duration, the latest ones counting most.
    """

    __slots__ = ("calls", "mean_us", "skipped")

    def __init__(self, every: int) -> None:
        self.calls = 0
        self.skipped = every // 2  # the middle of each group stands for it
        self.mean_us = 0.0


class Sampling:
    """Keeps one in ``every`` of the calls that succeeded at once, and all that were slow.

    Each that is kept for its group says so: its weight is ``every``. A call is slow when it took more
    than three times what is usual for its key, once twenty are known.

    Args:
        every: Size of a group; 1 keeps everything.

    Raises:
        ValueError: ``every`` is not a whole number of at least 1.
    """

    def __init__(self, every: int) -> None:
        if type(every) is not int or every < 1:
            message = f"sample {every!r} is not allowed; give N to keep one in N, 1 keeps all"
            raise ValueError(message)
        self.every = every
        self._habits: dict[str, Habit] = {}

    @property
    def is_on(self) -> bool:
        """Whether anything is left out."""
        return self.every > 1

    def weight(self, key: str, duration_us: int) -> int:
        """How many calls this one stands for; 0 leaves it out."""
        habit = self._habits.get(key)
        if habit is None:
            if len(self._habits) >= _MOST_KEYS:
                self._habits.clear()
            habit = self._habits[key] = Habit(self.every)
        slow = habit.calls >= _KNOWN and duration_us > _SLOW * habit.mean_us
        habit.calls += 1
        habit.mean_us += (duration_us - habit.mean_us) * max(_LEARNING, 1 / habit.calls)
        if slow:
            return 1
        habit.skipped += 1
        if habit.skipped < self.every:
            return 0
        habit.skipped = 0
        return self.every
