"""One event made into one row: pure functions, a table each."""

import json
import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from recourse import events
from recourse.events import CallInfo
from recourse.outcome import SUCCESS, OutcomeKind
from recourse_observe.archive.columns import ABSENT, Row, row
from recourse_observe.archive.policies import microseconds

__all__ = [
    "Error",
    "abandoned_row",
    "as_json",
    "attempt_longs",
    "attempt_row",
    "budget_row",
    "call_longs",
    "cancelled_row",
    "clean_words",
    "hedge_row",
    "is_clean",
    "may_be_left_out",
    "transition_row",
    "unix_us",
    "word",
]

Error = tuple[str | None, str | None]
"""An error's type and, if messages are captured, its text."""

_NS: Final = 1_000_000_000
_LONGEST: Final = 4096
_INT32_DIGITS: Final = 9
_OWN_COLUMNS: Final = frozenset({"method", "status", "peer", "idempotent"})
_HTTP: Final = re.compile(r"http_(\d{3})")
_RESULTS: Final = {"success": "won", "cancelled": "cancelled", "abandoned": "cancelled"}
_LOST: Final = frozenset({"winner_success", "terminal_outcome"})

# An enum's hash and its `value` are Python code; its text is one attribute away.
word: Final[Callable[[Any], str]] = attrgetter("_value_")


def unix_us(info: CallInfo, at_s: float) -> int:
    """A monotonic moment of the call as microseconds since 1970."""
    return (info.started_unix_ns + round((at_s - info.started_s) * _NS)) // 1000


def as_json(attributes: Mapping[str, Any]) -> str | None:
    """Attributes as the column holds them: ``None`` for none, and never more than 4 KiB."""
    if not attributes:
        return None
    text = json.dumps(attributes, default=str, sort_keys=True)
    return text if len(text) <= _LONGEST else json.dumps({"truncated": "true"})


def attempt_row(event: events.AttemptEnd, error: Error, weight: int = 1) -> Row:
    """An attempt that ended or was denied; ``weight`` is how many it stands for."""
    info, outcome = event.call, event.outcome
    status, peer, attributes = _facts(event)
    cancelled = event.cancel_reason
    words = (
        info.key,
        event.attempt,
        event.hedge_index,
        event.hedge_index > 0,
        event.ran,
        word(outcome.kind),
        str(outcome.reason),
        status,
        error[0],
        event.backoff_source,
        event.budget_name or None,
        event.budget_allowed,
        str(event.budget_reason),
        event.late,
        None if cancelled is None else word(cancelled),
        peer,
        "" if info.policy is None else info.policy.version,
    )
    others = info.call_id, error[1], info.trace_id, info.span_id, attributes
    return words, attempt_longs(event, weight), others


def attempt_longs(event: events.AttemptEnd, weight: int = 1) -> tuple[int, ...]:
    """The times of an attempt; written out, because it is told for every call."""
    info, timeout_s, backoff_s = event.call, event.timeout_s, event.backoff_s
    waited_s, retry_after_s = event.waited_before_s, event.outcome.retry_after_s
    base_ns, base_s = info.started_unix_ns, info.started_s
    started_us = (base_ns + round((event.started_s - base_s) * _NS)) // 1000
    ended_us = (base_ns + round((event.ended_s - base_s) * _NS)) // 1000
    return (
        started_us,
        ended_us,
        ended_us - started_us,
        round(backoff_s * 1e6) if backoff_s else 0,
        round(waited_s * 1e6) if waited_s else 0,
        ABSENT if retry_after_s is None else round(retry_after_s * 1e6),
        ABSENT if timeout_s is None else round(timeout_s * 1e6),
        weight,
    )


def clean_words(info: CallInfo) -> tuple[Any, ...]:
    """The words of a first attempt that succeeded, which nearly all attempts share."""
    succeeded = info.key, 0, 0, False, True, "success", "success", None, None, None, None
    asked = True, "first_attempt", False, None, None
    return (*succeeded, *asked, "" if info.policy is None else info.policy.version)


def is_clean(event: events.AttemptEnd) -> bool:
    """Whether it is a first attempt that succeeded, with nothing else to say."""
    return (
        event.outcome is SUCCESS
        and not event.attempt
        and not event.annotations
        and not event.hedge_index
        and not event.late
    )


def may_be_left_out(event: events.AttemptEnd) -> bool:
    """Whether a sample may do without it: a first attempt that succeeded in time."""
    is_first = not event.attempt and not event.hedge_index
    return event.outcome.kind is OutcomeKind.SUCCESS and is_first and not event.late


def call_longs(info: CallInfo, last_s: float, deadline_s: float | None) -> tuple[int, ...]:
    """The times of a call, as far as it is known."""
    base_ns, base_s = info.started_unix_ns, info.started_s
    started_us = base_ns // 1000
    ended_us = (base_ns + round((last_s - base_s) * _NS)) // 1000
    deadline_us = ABSENT if deadline_s is None else round((deadline_s - base_s) * 1e6)
    return started_us, ended_us, ended_us - started_us, deadline_us, 1


def cancelled_row(event: events.HedgeCancel) -> Row:
    """A run of a hedged group that was cut off."""
    status, peer, attributes = _facts(event)
    return _run_row(
        event.call,
        event,
        (event.started_s, event.ended_s),
        outcome=word(event.outcome.kind),
        reason=str(event.outcome.reason),
        status=status,
        budget_name=event.budget_name or None,
        budget_reason=str(event.budget_reason),
        cancel_reason=str(event.reason),
        peer=peer,
        attributes=attributes,
    )


def abandoned_row(start: events.AttemptStart, last_s: float) -> Row:
    """A run of which nothing was heard after its start."""
    return _run_row(
        start.call,
        start,
        (start.at_s, max(start.at_s, last_s)),
        outcome="abandoned",
        reason="unfinished",
        budget_reason="allowed" if start.attempt or start.hedge_index else "first_attempt",
    )


def _run_row(info: CallInfo, event: Any, span_s: tuple[float, float], **facts: Any) -> Row:
    started_us, ended_us = unix_us(info, span_s[0]), unix_us(info, span_s[1])
    return row(
        "attempts",
        call_id=info.call_id,
        key=info.key,
        attempt=event.attempt,
        hedge_index=event.hedge_index,
        is_hedge=event.hedge_index > 0,
        ran=True,
        started_at=started_us,
        ended_at=ended_us,
        duration_us=ended_us - started_us,
        backoff_us=0,
        waited_before_us=microseconds(event.waited_before_s),
        timeout_us=microseconds(event.timeout_s),
        budget_allowed=True,
        late=False,
        policy_version="" if info.policy is None else info.policy.version,
        trace_id=info.trace_id,
        span_id=info.span_id,
        sample_weight=1,
        **facts,
    )


def hedge_row(
    event: events.AttemptEnd | events.HedgeCancel, spawn: events.HedgeSpawn | None
) -> Row:
    """A hedge that ended, was cancelled, or was denied (then nothing had spawned it)."""
    info = event.call
    hedge = None if info.policy is None else info.policy.hedge
    if spawn is not None:
        delay_s, trigger = spawn.delay_s, spawn.trigger
    else:
        delay_s, trigger = (0.0, "") if hedge is None else (hedge.hedge_delay_s, hedge.trigger)
    why = event.reason if isinstance(event, events.HedgeCancel) else event.cancel_reason
    spawned_us = unix_us(info, event.started_s)
    return row(
        "hedges",
        call_id=info.call_id,
        key=info.key,
        attempt=event.attempt,
        hedge_index=event.hedge_index,
        spawned_at=spawned_us,
        ended_at=max(spawned_us, unix_us(info, event.ended_s)),
        delay_us=microseconds(delay_s),
        trigger=trigger,
        result=_result(event),
        cancel_reason=None if why is None else str(why),
    )


def _result(event: events.AttemptEnd | events.HedgeCancel) -> str:
    if isinstance(event, events.HedgeCancel):
        return "lost" if event.reason in _LOST else "cancelled"
    if not event.ran:
        return "denied"
    return _RESULTS.get(word(event.outcome.kind), "failed")


def budget_row(event: events.BudgetDecision) -> Row:
    """What a budget answered."""
    return row(
        "budget_decisions",
        decided_at=unix_us(event.call, event.at_s),
        call_id=event.call_id,
        key=event.key,
        attempt=event.attempt,
        hedge_index=event.hedge_index,
        kind=str(event.kind),
        budget_name=event.budget_name,
        cost=event.cost,
        mode=str(event.mode),
        allowed=event.allowed,
        reason=str(event.reason),
        level_after=event.balance_after,
    )


def transition_row(event: events.CircuitState) -> Row:
    """A breaker that changed its state."""
    return row(
        "circuit_transitions",
        changed_at=unix_us(event.call, event.at_s),
        key=event.key,
        from_state=str(event.from_state),
        to_state=str(event.to_state),
        cause=str(event.cause),
        generation=event.generation,
        call_id=event.call_id or None,
    )


def _facts(
    event: events.AttemptEnd | events.HedgeCancel,
) -> tuple[int | None, str | None, str | None]:
    """Status, peer and further attributes of an attempt."""
    noted, outcome = event.annotations, event.outcome
    status = noted.get("status") if noted else None
    if status is None and outcome.reason.startswith("http_"):
        match = _HTTP.fullmatch(outcome.reason)
        status = None if match is None else match[1]
    if not noted and not outcome.attributes:
        return _number(status), None, None
    rest = {name: value for name, value in noted.items() if name not in _OWN_COLUMNS}
    number, peer = _number(status), noted.get("peer")
    if status is not None and number is None:
        rest["status"] = str(status)
    shown = None if peer is None else str(peer)[:_LONGEST]
    return number, shown, as_json(rest | dict(outcome.attributes))


def _number(status: Any) -> int | None:
    text = str(status)
    return int(text) if text.isdecimal() and len(text) <= _INT32_DIGITS else None
