"""A call's events, folded into one value: what happened, attempt by attempt."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from recourse import events
from recourse.events import Event
from recourse.reasons import Disposition
from recourse.records import AttemptRecord, ErrorText

__all__ = ["AttemptRecord", "ErrorText", "Timeline", "attach", "keep", "left_of", "timeline_of"]

_KEPT: Final = "__recourse_timeline__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened in one call.

    Attributes:
        call_id: Unique across processes.
        parent_call_id: The call whose operation made this one.
        key: The policy key.
        policy_id: Name of the policy; empty when none was resolved.
        attributes: Facts about the call, text to text.
        started_unix_ns: Wall clock, nanoseconds, UTC.
        ended_unix_ns: Likewise.
        duration_s: Monotonic seconds.
        attempts: In launch order, denied ones included.
        attempts_run: How many of them ran.
        disposition: How the call ended.
        error: What the caller got; ``None`` when it got a value.
    """

    call_id: str
    parent_call_id: str | None
    key: str
    policy_id: str
    attributes: Mapping[str, str]
    started_unix_ns: int
    ended_unix_ns: int
    duration_s: float
    attempts: tuple[AttemptRecord, ...]
    attempts_run: int
    disposition: Disposition
    error: BaseException | None

    @classmethod
    def of(cls, told: Iterable[Event]) -> Self:
        """Fold the events of one call, which must end with its ``call_end``.

        Raises:
            ValueError: There is no ``call_end`` among them.
        """
        fold = _Fold()
        for event in told:
            fold.take(event)
        return cls(**fold.facts())

    def shape(self) -> str:
        """The call as text without ids and clock values, for snapshots."""
        lines = [f"{self.key} {self.disposition}"]
        lines += [f"  {attempt.line()}" for attempt in self.attempts]
        return "\n".join(lines)

    def __str__(self) -> str:
        head = (
            f"{self.key} {self.disposition} after {self.attempts_run} attempts in "
            f"{self.duration_s:.3f} s  call={self.call_id}"
        )
        rows = [
            f"  {record.line()} took={record.duration_s * 1e3:.1f}ms "
            f"waited_before={record.waited_before_s * 1e3:.1f}ms backoff={record.backoff_s * 1e3:.1f}ms"
            for record in self.attempts
        ]
        return "\n".join([head, *rows])


class _Fold:
    def __init__(self) -> None:
        self.launched: dict[tuple[int, int], int] = {}
        self.records: list[tuple[int, AttemptRecord]] = []
        self.attributes: dict[str, str] = {}
        self.end: events.CallEnd | None = None

    def take(self, event: Event) -> None:
        match event:
            case events.CircuitDecision():
                self.attributes["circuit_state"] = event.state
            case events.HedgingDisabled():
                self.attributes["hedging_disabled"] = event.reason
            case events.AttemptStart():
                self.launched[event.attempt, event.hedge_index] = len(self.launched)
            case events.AttemptEnd():
                self._attempt(event)
            case events.HedgeCancel():
                self._cancelled(event)
            case events.CallEnd():
                self.end = event
            case _:
                pass

    def _policy(self, call: events.CallInfo) -> dict[str, str]:
        clamped = () if call.policy is None else call.policy.normalization.clamped
        facts = {
            "policy_mode": call.policy_mode,
            "policy_source": call.policy_source,
            "policy_normalized": "true" if clamped else "false",
            "policy_normalized_fields": ",".join(clamped),
        }
        failure = call.policy_failure
        return facts if failure is None else {**facts, "policy_failure": failure}

    def _position(self, attempt: int, hedge_index: int) -> int:
        # A denied attempt was never launched: it stands where it would have been.
        return self.launched.setdefault((attempt, hedge_index), len(self.launched))

    def _attempt(self, event: events.AttemptEnd) -> None:
        record = AttemptRecord(
            attempt=event.attempt,
            hedge_index=event.hedge_index,
            ran=event.ran,
            started_unix_ns=event.call.unix_ns(event.started_s),
            ended_unix_ns=event.call.unix_ns(event.ended_s),
            duration_s=event.ended_s - event.started_s,
            outcome=event.outcome,
            error=event.error,
            error_type=_type_of(event),
            backoff_s=event.backoff_s,
            waited_before_s=event.waited_before_s,
            timeout_s=event.timeout_s,
            budget_name=event.budget_name,
            budget_allowed=event.budget_allowed,
            budget_reason=event.budget_reason,
            late=event.late,
            cancel_reason=event.cancel_reason,
            annotations=event.annotations,
        )
        self.records.append((self._position(event.attempt, event.hedge_index), record))

    def _cancelled(self, event: events.HedgeCancel) -> None:
        record = AttemptRecord(
            attempt=event.attempt,
            hedge_index=event.hedge_index,
            ran=True,
            started_unix_ns=event.call.unix_ns(event.started_s),
            ended_unix_ns=event.call.unix_ns(event.ended_s),
            duration_s=event.ended_s - event.started_s,
            outcome=event.outcome,
            waited_before_s=event.waited_before_s,
            timeout_s=event.timeout_s,
            budget_name=event.budget_name,
            budget_reason=event.budget_reason,
            cancel_reason=event.reason,
            annotations=event.annotations,
        )
        self.records.append((self._position(event.attempt, event.hedge_index), record))

    def facts(self) -> dict[str, Any]:
        end = self.end
        if end is None:
            message = "the call has not ended; fold a timeline after its call_end"
            raise ValueError(message)
        attempts = tuple(record for _, record in sorted(self.records, key=lambda pair: pair[0]))
        return {
            "call_id": end.call_id,
            "parent_call_id": end.parent_call_id,
            "key": end.key,
            "policy_id": end.policy_id,
            "attributes": {**self._policy(end.call), **self.attributes},
            "started_unix_ns": end.call.started_unix_ns,
            "ended_unix_ns": end.t_wall_ns,
            "duration_s": end.at_s - end.call.started_s,
            "attempts": attempts,
            "attempts_run": end.attempts_run,
            "disposition": end.disposition,
            "error": end.error,
        }


def _type_of(event: events.AttemptEnd) -> str | None:
    error = event.error
    return error.type_name if isinstance(error, ErrorText) else event.error_type


def _forgotten() -> None:
    return None


class _Kept:
    """Events attached to an exception; they stay behind when the exception is pickled.

    Attributes:
        told: Events, or what gives them, that have no error but, in place of it, what is left of it.
    """

    __slots__ = ("told",)

    told: Iterable[Any]

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return _forgotten, ()


# Where each kind of event has its error.
_PLACE: Final[Mapping[type[Any], int]] = {
    events.AttemptEnd: events.AttemptEnd._fields.index("error"),
    events.CallEnd: events.CallEnd._fields.index("error"),
    events.PolicyResolved: events.PolicyResolved._fields.index("error"),
    events.BudgetRelease: events.BudgetRelease._fields.index("release_error"),
}


_tuple: Final[type[tuple[Any, ...]]] = tuple
_event: Final = _tuple.__new__


def keep(error: BaseException, told: Iterable[Event]) -> None:
    """Attach a call's events to the exception that its caller gets, for :func:`timeline_of`."""
    kept: list[Any] = []
    for event in told:
        place = _PLACE.get(event.__class__)
        held: Any = None if place is None else event[place]
        kept.append(event if held is None else _with(event, left_of(held, event.call.message_of)))
    attach(error, kept)


def attach(error: BaseException, told: Iterable[Any]) -> None:
    """As :func:`keep`, of events that already have in place of errors what is left of them."""
    error.__dict__[_KEPT] = kept = _Kept()
    kept.told = told


def timeline_of(error: BaseException) -> Timeline | None:
    """The timeline of the call that raised ``error``; ``None`` when no call did, or after pickling.

    It refers to errors by :class:`ErrorText`, so that it keeps nothing alive.
    """
    kept = error.__dict__.get(_KEPT)
    if not isinstance(kept, _Kept):
        return None
    # Kept as it was read, so that the same call's timelines are equal.
    kept.told = tuple(map(_readable, kept.told))
    return Timeline.of(kept.told)


def left_of(
    error: BaseException, message_of: Callable[[BaseException], str] | None
) -> type[BaseException] | ErrorText:
    """What stays of an error: its text, made now or never; a name is made when somebody asks."""
    kind = type(error)
    return kind if message_of is None else _text(kind, message_of(error))


def _with(event: Any, error: object) -> Any:
    """The event with something in place of its error; ``_replace`` takes ten times as long."""
    place = _PLACE[event.__class__]
    return _event(event.__class__, (*event[:place], error, *event[place + 1 :]))


def _readable(event: Any) -> Event:
    """The event with an error's text where only its class was kept."""
    place = _PLACE.get(event.__class__)
    held = None if place is None else event[place]
    readable: Event = _with(event, _text(held, "")) if isinstance(held, type) else event
    return readable


def _text(kind: type[BaseException], message: str) -> ErrorText:
    return ErrorText(events.name_of(kind), message)
