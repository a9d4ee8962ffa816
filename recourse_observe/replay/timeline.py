"""A replay: events in their order, states kept at some of them, and the exact state at any moment in between."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from recourse_observe.replay.markers import Finder, Marker
from recourse_observe.replay.state import Columns, EventKind, State, fold

__all__ = ["Event", "Events", "Replay", "build"]

FRAME: Final = 5_000
"""Events between two kept states."""
BUCKETS: Final = 2_000
"""States kept at equal distances of time, for bars and for the search."""
_PARTS_KEPT: Final = 8
_RECENT: Final = 4


class Events(Protocol):
    """Where events come from: any part of them at a time."""

    def __len__(self) -> int: ...

    def part(self, first: int, last: int) -> Columns:
        """Events by number, as columns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, as it is shown."""

    number: int
    at_us: int
    kind: EventKind
    key: str
    call_id: str
    attempt: int
    hedge_index: int
    instance: str
    word: str
    good: bool
    value: float | None
    """How long it took in microseconds, or what a budget has left."""


class Replay:
    """Everything that happened in a stretch of time; :func:`build` makes it.

    Attributes:
        samples: States at equal distances of time, ``bucket_us`` apart.
        markers: Moments at which something changed, oldest first.
        askers: The key that asked a budget first, by the budget's name.
        full: The greatest level that a budget told, all processes together, by its name.
    """

    def __init__(
        self, events: Events, frames: Sequence[State], samples: Sequence[State], bucket_us: int
    ) -> None:
        self._events = events
        self._frames = frames
        self._frame_times = [frame.at_us for frame in frames]
        self._parts: OrderedDict[int, Columns] = OrderedDict()
        self._recent: deque[State] = deque(maxlen=_RECENT)
        self.samples = samples
        self.bucket_us = bucket_us
        self.markers: tuple[Marker, ...] = ()
        self.askers: Mapping[str, str] = {}
        self.full: Mapping[str, float] = {}

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        return f"Replay({len(self)} events, {self.start_us}..{self.end_us})"

    @property
    def start_us(self) -> int:
        """The first moment."""
        return self.samples[0].at_us

    @property
    def end_us(self) -> int:
        """The last moment."""
        return self.samples[-1].at_us

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that does anything, the one that lost most first."""
        keys = self.samples[-1].keys
        return tuple(sorted(keys, key=lambda key: (-keys[key].lost, -keys[key].calls, key)))

    def at(self, at_us: int) -> State:
        """The exact state at a moment: after every event up to and with it."""
        at_us = max(self.start_us, min(self.end_us, at_us))
        return self._forward(self.index(at_us), at_us)

    def after(self, events: int) -> State:
        """The exact state after so many events, even between two of one moment."""
        events = max(0, min(len(self), events))
        at_us = self.event(events - 1).at_us if events else self.start_us
        return self._forward(events, at_us)

    def index(self, at_us: int) -> int:
        """How many events there are up to and with a moment."""
        number = max(0, bisect_right(self._frame_times, at_us) - 1)
        # Several frames may end in the same moment; the last of them is found. Its events follow.
        while number * FRAME < len(self):
            times = self._part(number).at_us
            if not times or times[-1] > at_us or len(times) < FRAME:
                return number * FRAME + bisect_right(times, at_us)
            number += 1
        return len(self)

    def first_at(self, at_us: int) -> int:
        """How many events there are before a moment."""
        return self.index(at_us - 1)

    def event(self, number: int) -> Event:
        """One event."""
        part, place = divmod(number, FRAME)
        rows = self._part(part)
        return Event(
            number=number, at_us=rows.at_us[place], kind=EventKind(rows.kind[place]),
            key=rows.key[place], call_id=rows.call_id[place], attempt=rows.attempt[place],
            hedge_index=rows.hedge_index[place], instance=rows.instance[place],
            word=rows.word[place], good=rows.good[place], value=rows.number[place],
        )  # fmt: skip

    def events(self, first: int, last: int) -> Iterator[Event]:
        """Events by number."""
        return (self.event(number) for number in range(max(0, first), min(len(self), last)))

    def numbers(self, is_wanted: Callable[[str], bool]) -> list[int]:
        """The events of some calls, by number."""
        return [
            first + place
            for first in range(0, len(self), FRAME)
            for place, call_id in enumerate(self._events.part(first, first + FRAME).call_id)
            if is_wanted(call_id)
        ]

    def marker(self, at_us: int, step: int) -> Marker | None:
        """The next marker after a moment, or the last before it."""
        times = [marker.at_us for marker in self.markers]
        place = bisect_right(times, at_us) if step > 0 else bisect_left(times, at_us) - 1
        return self.markers[place] if 0 <= place < len(times) else None

    def sample(self, at_us: int) -> int:
        """Which bucket a moment falls into."""
        return max(0, min(len(self.samples) - 1, (at_us - self.start_us) // self.bucket_us))

    # ------------------------------------------------------------ private

    def _forward(self, events: int, at_us: int) -> State:
        # Playing goes on from where it was, also some seconds behind; anything else from a frame.
        near = self._frames[min(events // FRAME, len(self._frames) - 1)]
        known = (state for state in (near, *self._recent) if state.events <= events)
        state = max(known, key=lambda state: state.events)
        while state.events < events:
            number = state.events // FRAME
            first, last = state.events - number * FRAME, events - number * FRAME
            state = fold(state, self._part(number).part(first, last))
        self._recent.append(state)
        return replace(state, at_us=at_us)

    def _part(self, number: int) -> Columns:
        if number not in self._parts:
            self._parts[number] = self._events.part(number * FRAME, (number + 1) * FRAME)
            if len(self._parts) > _PARTS_KEPT:
                self._parts.popitem(last=False)
        self._parts.move_to_end(number)
        return self._parts[number]


def build(opening: State, events: Events, end_us: int) -> Replay:
    """Go through all events once, and keep what is needed to be anywhere fast.

    Args:
        opening: What held before the first event.
        events: All of them, in order.
        end_us: The last moment.
    """
    bucket_us = max(1, -(-(end_us - opening.at_us) // BUCKETS))
    finder = Finder(opening.policies.items())
    frames, samples = [opening], [opening]
    state = opening
    for first in range(0, len(events), FRAME):
        part = events.part(first, first + FRAME)
        finder.hear(part)
        done, count = 0, len(part.at_us)
        while done < count:
            # As far as the next bucket begins, so that each of them ends with an exact state.
            edge = samples[-1].at_us + bucket_us
            until = bisect_right(part.at_us, edge, lo=done)
            state = fold(state, part.part(done, until)) if until > done else state
            done = until
            if done < count:
                samples.append(replace(state, at_us=edge))
        if count == FRAME:
            frames.append(state)
    while samples[-1].at_us < end_us:
        edge = min(end_us, samples[-1].at_us + bucket_us)
        samples.append(replace(state, at_us=edge))
    replay = Replay(events, frames, samples, bucket_us)
    replay.markers = tuple(sorted(finder.found))
    replay.askers = finder.askers
    replay.full = {
        name: sum(level for (own, _), level in finder.full.items() if own == name)
        for name in finder.askers
    }
    return replay
