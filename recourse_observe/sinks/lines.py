"""Which events are worth a line of a log, at which level, and what the line says."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from recourse import events
from recourse.events import CallInfo, Event
from recourse.outcome import OutcomeKind
from recourse.reasons import BreakerState, Disposition, PolicyMode
from recourse_observe import attributes
from recourse_observe.sinks.clamped import Clamped

__all__ = ["Lines", "Log"]

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "off": 0,
}
_OFF: Final = 0
_MOST_POLICIES: Final = 1000
_CALLER: Final = (Disposition.CANCELLED, Disposition.INTERRUPTED)
_SUCCESS: Final = OutcomeKind.SUCCESS
_STANDARD: Final = PolicyMode.STANDARD


class Log(Protocol):
    """Where lines go."""

    def is_enabled(self, level: int) -> bool:
        """Whether a line of this level would be written."""
        ...

    def write(self, event: Event, name: str, level: int, facts: dict[str, Any]) -> None:
        """Write the line ``name`` of an event."""
        ...


class Lines:
    """Writes the lines of events; what they say is made only for a line that is written.

    Args:
        log: Where to.
        levels: Levels by name of the line (``debug``, ``info``, ``warning``, ``error``, ``off``),
            in place of the usual ones.
        every_budget_decision: Whether budgets that let pass are told, too: ``debug``.

    Attributes:
        handlers: By the class of an event, what writes its lines: mostly none, and seldom two.

    Raises:
        ValueError: There is no such line, or no such level.
    """

    def __init__(
        self, log: Log, levels: Mapping[str, str] | None, *, every_budget_decision: bool = False
    ) -> None:
        self._log = log
        self._every_budget_decision = every_budget_decision
        self._levels = {name: _level(name, level) for name, level in (levels or {}).items()}
        self._failed: dict[CallInfo, events.AttemptEnd] = {}
        self._policies: dict[str, tuple[str, str, str]] = {}
        self._clamped = Clamped()
        self.handlers: Final[dict[type[Event], Callable[[Any], None]]] = {
            events.AttemptEnd: self._attempt,
            events.CallEnd: self._end,
            events.PolicyResolved: self._policy,
            events.RetryScheduled: self._retry,
            events.BudgetDecision: self._budget,
            events.HedgeSpawn: self._hedge,
            events.HedgeCancel: self._cancel,
            events.CircuitState: self._circuit,
        }

    def _line(
        self,
        name: str,
        level: int,
        facts: Callable[..., dict[str, Any]],
        event: Event,
        *more: Any,
    ) -> None:
        if self._levels:
            level = self._levels.get(name, level)
        if level != _OFF and self._log.is_enabled(level):
            self._log.write(event, name, level, facts(event, *more))

    def _attempt(self, event: events.AttemptEnd) -> None:
        if event.outcome.kind is not _SUCCESS:
            self._failed[event.call] = event
        self._line(attributes.ATTEMPT, logging.DEBUG, _attempt, event)

    def _retry(self, event: events.RetryScheduled) -> None:
        failed = self._failed.get(event.call)
        self._line(attributes.RETRY_SCHEDULED, logging.WARNING, _retry, event, failed)

    def _budget(self, event: events.BudgetDecision) -> None:
        if self._every_budget_decision or not event.allowed:
            level = logging.DEBUG if event.allowed else logging.WARNING
            self._line(attributes.BUDGET_DECISION, level, _budget, event)

    def _hedge(self, event: events.HedgeSpawn) -> None:
        self._line(attributes.HEDGE_SPAWN, logging.INFO, _hedge, event)

    def _cancel(self, event: events.HedgeCancel) -> None:
        self._line(attributes.HEDGE_CANCEL, logging.DEBUG, _cancel, event)

    def _circuit(self, event: events.CircuitState) -> None:
        level = logging.WARNING if event.to_state is BreakerState.OPEN else logging.INFO
        self._line(attributes.CIRCUIT_TRANSITION, level, _circuit, event)

    def _end(self, event: events.CallEnd) -> None:
        self._failed.pop(event.call, None)
        if event.disposition is Disposition.SUCCESS:
            level = logging.INFO if event.attempts_run > 1 else logging.DEBUG
            self._line(attributes.CALL_SUCCEEDED, level, _ended, event)
        else:
            # A call that its caller has given up is nobody's error.
            level = logging.INFO if event.disposition in _CALLER else logging.ERROR
            self._line(attributes.CALL_FAILED, level, _failed, event)

    def _policy(self, event: events.PolicyResolved) -> None:
        """What is unusual about a policy, once and again when it changes."""
        clamped = self._clamped.of(event.policy)
        usual = event.failure is None and event.mode == _STANDARD
        label = event.call.label
        if usual and not clamped and label not in self._policies:
            return
        version = "" if event.policy is None else event.policy.version
        now = (version, str(event.mode), str(event.failure))
        if self._policies.get(label) == now:
            return
        if usual and not clamped:
            self._policies.pop(label, None)
            return
        if len(self._policies) >= _MOST_POLICIES:
            self._policies.clear()
        self._policies[label] = now
        if not usual:
            self._line(attributes.POLICY_FALLBACK, logging.WARNING, _fallback, event)
        if clamped:
            self._line(attributes.POLICY_CLAMPED, logging.WARNING, _clamped, event, clamped)


def _level(name: str, level: str) -> int:
    if name not in attributes.EVENTS:
        message = f"levels has {name!r}, which is no line; use {', '.join(attributes.EVENTS)}"
        raise ValueError(message)
    if level not in _LEVELS:
        message = f"level {level!r} of {name} is not known; use one of {', '.join(_LEVELS)}"
        raise ValueError(message)
    return _LEVELS[level]


def _call(event: Event) -> dict[str, Any]:
    call = event.call
    return {"policy_key": call.key, "call_id": call.call_id}


def _with_error(facts: dict[str, Any], event: events.AttemptEnd | events.CallEnd) -> dict[str, Any]:
    """Add the class of an error, and its text when messages are captured."""
    if event.error is not None:
        facts["error_type"] = events.name_of(type(event.error))
        message = event.error_message
        if message is not None:
            facts["error_message"] = message
    return facts


def _attempt(event: events.AttemptEnd) -> dict[str, Any]:
    facts = {
        **_call(event),
        "attempt": event.attempt,
        "hedge_index": event.hedge_index,
        "ran": event.ran,
        "outcome": event.outcome.kind.value,
        "reason": str(event.outcome.reason),
        "duration_s": event.ended_s - event.started_s,
        "waited_before_s": event.waited_before_s,
        "backoff_s": event.backoff_s,
        "budget_reason": str(event.budget_reason),
    }
    return _with_error(facts, event)


def _retry(event: events.RetryScheduled, failed: events.AttemptEnd | None) -> dict[str, Any]:
    facts = _call(event)
    facts["attempt"] = event.attempt
    facts["backoff_s"] = event.delay_s
    facts["backoff_source"] = event.source
    if failed is None:
        return facts
    facts["reason"] = str(failed.outcome.reason)
    facts["budget_reason"] = str(failed.budget_reason)
    return _with_error(facts, failed)


def _budget(event: events.BudgetDecision) -> dict[str, Any]:
    return {
        **_call(event),
        "attempt": event.attempt,
        "budget_name": event.budget_name,
        "budget_kind": event.kind.value,
        "budget_reason": str(event.reason),
        "budget_allowed": event.allowed,
        "mode": str(event.mode),
    }


def _hedge(event: events.HedgeSpawn) -> dict[str, Any]:
    return {**_call(event), "attempt": event.attempt, "hedge_index": event.hedge_index}


def _cancel(event: events.HedgeCancel) -> dict[str, Any]:
    return {
        **_call(event),
        "attempt": event.attempt,
        "hedge_index": event.hedge_index,
        "cancel_reason": event.reason.value,
    }


def _circuit(event: events.CircuitState) -> dict[str, Any]:
    facts = {
        **_call(event),
        "from_state": event.from_state.value,
        "to_state": event.to_state.value,
        "cause": event.cause.value,
    }
    policy = event.call.policy
    return facts if policy is None else {**facts, "cooldown_s": policy.circuit.cooldown_s}


def _ended(event: events.CallEnd) -> dict[str, Any]:
    facts = _call(event)
    facts["attempts_run"] = event.attempts_run
    facts["hedges"] = event.hedges
    facts["duration_s"] = event.at_s - event.call.started_s
    return facts


def _failed(event: events.CallEnd) -> dict[str, Any]:
    facts = _ended(event)
    facts["disposition"] = event.disposition.value
    facts["reason"] = str(event.outcome.reason)
    return _with_error(facts, event)


def _fallback(event: events.PolicyResolved) -> dict[str, Any]:
    facts = _call(event)
    facts["policy_source"] = str(event.source)
    facts["policy_mode"] = str(event.mode)
    if event.failure is not None:
        facts["error_type"] = event.failure
    return facts


def _clamped(event: events.PolicyResolved, fields: tuple[str, ...]) -> dict[str, Any]:
    return {**_call(event), "policy_normalized_fields": list(fields)}
