"""Calls that have not ended: what is known of each, as cheaply as it can be kept."""

from typing import Any, Final, NamedTuple, TypeAlias

from recourse import events
from recourse.events import CallInfo
from recourse_observe.archive.columns import Row
from recourse_observe.archive.event_rows import Error, as_json, call_longs

__all__ = ["InFlight", "OpenCall", "State", "Withheld", "call_row", "opened", "unfinished"]

_MOST: Final = 100_000


class Withheld(NamedTuple):
    """A first attempt that succeeded; whether it is told depends on how its call ends."""

    event: events.AttemptEnd


class OpenCall:
    """A call in flight of which more is known than where its first attempt stands.

    Attributes:
        info: What its events share.
        last_s: Monotonic seconds of its last event.
        runs: Attempts that run, by attempt and hedge index.
        spawns: Hedges that were spawned, likewise.
        ended: Of each attempt that ran and ended: was it a hedge?
        attributes: Facts for its row.
        method: What the operation noted as its method.
        denied: Attempts that a budget denied.
        withheld: The first attempt, when it has not been told.
    """

    __slots__ = (
        "attributes",
        "denied",
        "ended",
        "info",
        "last_s",
        "method",
        "runs",
        "spawns",
        "withheld",
    )

    def __init__(self, info: CallInfo) -> None:
        self.info = info
        self.last_s = info.started_s
        self.runs: dict[tuple[int, int], events.AttemptStart] = {}
        self.spawns: dict[tuple[int, int], events.HedgeSpawn] = {}
        self.ended: list[bool] = []
        self.attributes: dict[str, Any] = {}
        self.method: str | None = None
        self.denied = 0
        self.withheld: events.AttemptEnd | None = None


State: TypeAlias = events.CallStart | events.AttemptStart | events.AttemptEnd | Withheld | OpenCall
"""Nearly every call is told in full by its last event: begun, first attempt begun, or ended."""


def opened(info: CallInfo, state: State | None) -> OpenCall:
    """What is known of a call, in full."""
    if isinstance(state, OpenCall):
        return state
    call = OpenCall(info)
    if isinstance(state, Withheld):
        state = call.withheld = state.event
        method = state.annotations.get("method") if state.annotations else None
        call.method = None if method is None else str(method)
    if state is not None:
        call.last_s = state.at_s
    if isinstance(state, events.AttemptStart):
        call.runs[state.attempt, state.hedge_index] = state
    elif isinstance(state, events.AttemptEnd):
        call.ended.append(False)
    return call


def unfinished(call: OpenCall) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The times of a call if nothing more is ever heard of it, and how it went then."""
    hedges = sum(call.ended) + sum(hedge_index > 0 for _, hedge_index in call.runs)
    runs = len(call.ended) + len(call.runs)
    how = "unfinished", "abandoned", "unfinished", runs, max(0, runs - hedges - 1), hedges
    return call_longs(call.info, call.last_s, None), how


def call_row(
    policy: tuple[Any, ...],
    longs: tuple[int, ...],
    how: tuple[Any, ...],
    info: CallInfo,
    known: OpenCall | None,
    error: Error,
) -> Row:
    """A call's row.

    Args:
        policy: The words that follow from its policy.
        longs: Its times.
        how: Its disposition, outcome, reason, attempts, retries and hedges.
        info: What its events share.
        known: What is known of it beside.
        error: What the caller got, if it was an error.
    """
    method = None if known is None else known.method
    attributes = None if known is None else as_json(known.attributes)
    words = (info.key, method, *policy, how[0] == "success", *how, error[0])
    ids = info.call_id, info.parent_call_id, error[1], info.trace_id, info.span_id
    return words, longs, (*ids, attributes)


class InFlight:
    """Calls in flight by the object that their events share: an id would have to be made first.

    Attributes:
        heard: Those of which something was heard since the last :meth:`settle`.
    """

    def __init__(self) -> None:
        self.heard: dict[CallInfo, State] = {}
        self._quiet: dict[CallInfo, State] = {}

    def __len__(self) -> int:
        return len(self.heard) + len(self._quiet)

    def call_started(self, event: events.CallStart) -> None:
        """A call began."""
        self.heard[event[0]] = event

    def attempt_started(self, event: events.AttemptStart) -> None:
        """An attempt began; where it is a call's first, that is all there is to know of the call."""
        info, heard = event[0], self.heard
        before = heard.get(info)
        is_first = not event.attempt and not event.hedge_index
        if type(before) is events.CallStart or (
            before is None and is_first and not self.was_told(info)
        ):
            heard[info] = event
        else:
            self.hear(event).runs[event.attempt, event.hedge_index] = event

    def hedge_spawned(self, event: events.HedgeSpawn) -> None:
        """A hedge was asked for."""
        self.hear(event).spawns[event.attempt, event.hedge_index] = event

    def hear(self, event: Any) -> OpenCall:
        """The call of an event, in full, from now on kept so."""
        info: CallInfo = event.call
        state = self.heard.get(info)
        if state is None:
            state = self._quiet.pop(info, None)
        call = opened(info, state)
        self.heard[info] = call
        call.last_s = event.at_s
        return call

    def withhold(self, event: events.AttemptEnd) -> bool:
        """Keep the end of a first attempt until its call's; false when more is known of the call."""
        for calls in (self.heard, self._quiet):
            if type(calls.get(event.call)) is events.AttemptStart:
                calls[event.call] = Withheld(event)
                return True
        return False

    def was_told(self, info: CallInfo) -> bool:
        """Whether the call has been given as one in flight."""
        return info in self._quiet

    def find(self, info: CallInfo) -> OpenCall | None:
        """The call, in full, if it is in flight."""
        state = self.heard.get(info) or self._quiet.pop(info, None)
        if state is None:
            return None
        call = self.heard[info] = opened(info, state)
        return call

    def end(self, info: CallInfo) -> State | None:
        """Forget the call; what was known of it."""
        state = self.heard.pop(info, None)
        return self._quiet.pop(info, None) if state is None else state

    def settle(self) -> dict[CallInfo, State]:
        """What :attr:`heard` holds, which then is empty."""
        heard, self.heard = self.heard, {}
        self._quiet.update(heard)
        while len(self._quiet) > _MOST:  # their ends were dropped
            del self._quiet[next(iter(self._quiet))]
        return heard

    def hear_all(self) -> None:
        """Treat every call as if something had been heard of it."""
        self.heard = self._quiet | self.heard
        self._quiet = {}
