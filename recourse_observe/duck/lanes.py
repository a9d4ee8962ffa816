"""Whose question is still wanted: the newest of a lane, and no older one."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from recourse_observe.duck.errors import Superseded

__all__ = ["Asked", "Lanes"]


class Asked(Protocol):
    """A question, as far as its place matters."""

    @property
    def lane(self) -> str:
        """Whose question it is."""
        ...

    @property
    def ticket(self) -> int | None:
        """What admits it to the lane; ``None`` goes beside all others."""
        ...


AskedT = TypeVar("AskedT", bound=Asked)


class Lanes(Generic[AskedT]):
    """The questions that are being answered, wherever that happens: here, or in another process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: defaultdict[str, int] = defaultdict(int)
        self._running: dict[int, AskedT] = {}
        self._numbers = 0

    def supersede(self, lane: str) -> tuple[int, Mapping[int, AskedT]]:
        """The ticket that admits a lane's next question, and the older ones, which are to be stopped."""
        with self._lock:
            self._tickets[lane] += 1
            older = {
                number: one
                for number, one in self._running.items()
                if one.lane == lane and one.ticket is not None
            }
            return self._tickets[lane], older

    def enter(self, question: AskedT) -> int:
        """Let a question begin, and give it a number.

        Raises:
            Superseded: A newer one has taken its lane.
        """
        with self._lock:
            if question.ticket not in (None, self._tickets.get(question.lane, 0)):
                raise Superseded(question.lane)
            self._numbers += 1
            self._running[self._numbers] = question
            return self._numbers

    def leave(self, number: int) -> AskedT | None:
        """The question of a number, which is over; ``None`` when it was over before."""
        with self._lock:
            return self._running.pop(number, None)

    def running(self, chosen: Callable[[AskedT], bool] = lambda _: True) -> Mapping[int, AskedT]:
        """Those that are not over."""
        with self._lock:
            return {number: one for number, one in self._running.items() if chosen(one)}
