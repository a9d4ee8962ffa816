"""Calls as nearly all of them go: one attempt, under a policy that is known, and it succeeds.

Such a call's five events are followed by the thread that tells them, one step in a dictionary each,
and become one item when the call is over. An event that waits for another thread costs twice: it is
taken in and out of a queue, and lives long enough for the garbage collector to carry it along.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple

from recourse.events import (
    AttemptEnd,
    AttemptStart,
    CallEnd,
    CallInfo,
    CallStart,
    Event,
    PolicyResolved,
)
from recourse.outcome import SUCCESS
from recourse.reasons import Disposition
from recourse_observe.archive.columns import ABSENT
from recourse_observe.archive.event_rows import call_longs, unix_us

__all__ = ["Followed", "Stood", "Usual", "weight"]

_MOST_CALLS: Final = 100_000
_MOST_KEYS: Final = 10_000
_EVENTS: Final[Mapping[type, int]] = {
    CallStart: 1,
    PolicyResolved: 2,
    AttemptStart: 3,
    AttemptEnd: 4,
}
_ALL_EVENTS: Final = 5


def _fields(kind: Any, *names: str) -> Callable[[Any], tuple[Any, ...]]:
    """Gives some fields of a named tuple at once, for the price of two by name."""
    return itemgetter(*map(kind._fields.index, names))


_resolved: Final = _fields(PolicyResolved, "policy", "source", "failure", "error")
_ended: Final = _fields(
    AttemptEnd, "outcome", "attempt", "hedge_index", "late", "annotations", "error"
)
_times: Final = _fields(AttemptEnd, "started_s", "ended_s", "waited_before_s", "timeout_s")
_over: Final = _fields(
    CallEnd, "outcome", "disposition", "attempts_run", "at_s", "deadline_s", "error"
)


class Usual(NamedTuple):
    """A call that went as nearly all do; stands for all its events."""

    call: CallInfo
    over_s: float
    deadline_s: float | None
    started_s: float
    ended_s: float
    waited_s: float
    timeout_s: float | None

    def longs(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The times of the call, and those of its attempt; most of them are the same."""
        info, over_s, deadline_s, started_s, ended_s, waited_s, timeout_s = self
        call = call_longs(info, over_s, deadline_s)
        started_us, ended_us = call[0], call[1]
        if started_s != info.started_s:
            started_us = unix_us(info, started_s)
        if ended_s != over_s:
            ended_us = unix_us(info, ended_s)
        waited_us = round(waited_s * 1e6) if waited_s else 0
        timeout_us = ABSENT if timeout_s is None else round(timeout_s * 1e6)
        spent_us = ended_us - started_us
        return call, (started_us, ended_us, spent_us, 0, waited_us, ABSENT, timeout_us, 1)


class Stood(NamedTuple):
    """An event of a call that is not usual after all; a later one says more."""

    call: CallInfo


def weight(*items: object) -> int:
    """How many events items stand for."""
    return len(items) + (_ALL_EVENTS - 1) * [*map(type, items)].count(Usual)


class Followed:
    """Follows calls as long as they are usual; takes no lock, for each call tells by one thread.

    Attributes:
        steps: The last event of each call that is followed.
    """

    def __init__(self) -> None:
        self.steps: dict[CallInfo, Event] = {}
        self._known: dict[str, tuple[Any, Any]] = {}

    def follow(self, event: Event) -> Any:
        """What has to wait for the recorder: nothing, a whole call, or the event itself."""
        kind, info, steps = type(event), event[0], self.steps
        if kind is CallStart:
            if len(steps) >= _MOST_CALLS:
                return event
            steps[info] = event
            return None
        before = type(steps.get(info))
        if kind is PolicyResolved:
            goes_on = before is CallStart and self._is_known(event)
        elif kind is AttemptStart:
            goes_on = before is PolicyResolved
        elif kind is AttemptEnd:
            goes_on = before is AttemptStart and _is_clean(event)
        else:
            return self._whole(event) if kind is CallEnd and before is AttemptEnd else event
        if not goes_on:
            return event
        steps[info] = event
        return None

    def release(self, info: CallInfo) -> list[Any]:
        """What was told of a call that is not usual after all, for the queue."""
        last = self.steps.pop(info, None)
        return [] if last is None else [*[Stood(info)] * (_EVENTS[type(last)] - 1), last]

    def waiting(self) -> int:
        """How many events of calls in flight have been followed."""
        return sum(_EVENTS[type(last)] for last in self.steps.copy().values())

    def _is_known(self, event: Any) -> bool:
        """Whether the call's policy is the one that the last call of its key had."""
        policy, source, failure, error = _resolved(event)
        if failure is not None or error is not None:
            return False
        key = event[0].key
        known = self._known.get(key)
        if known is not None and known[0] is policy and known[1] is source:
            return True
        if len(self._known) >= _MOST_KEYS:
            self._known.clear()
        self._known[key] = policy, source
        return False

    def _whole(self, event: Any) -> Any:
        """The call, if it ended as usual."""
        outcome, disposition, runs, over_s, deadline_s, error = _over(event)
        if outcome is not SUCCESS or disposition is not Disposition.SUCCESS or runs != 1 or error:
            return event
        info = event[0]
        started_s, ended_s, waited_s, timeout_s = _times(self.steps.pop(info))
        return Usual(info, over_s, deadline_s, started_s, ended_s, waited_s, timeout_s)


def _is_clean(event: Any) -> bool:
    """Whether it is a first attempt that succeeded, with nothing else to say."""
    outcome, attempt, hedge_index, late, annotations, error = _ended(event)
    return outcome is SUCCESS and not (attempt or hedge_index or late or annotations or error)
