"""Which events are worth a line of a log, at which level, and what the line says."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from recourse import events
from recourse.events import CallInfo, Event
from recourse.outcome import OutcomeKind
from recourse.reasons import BreakerState, Disposition, PolicyMode
from recourse_observe import attributes

__all__ = ["Line", "Lines"]

Line: TypeAlias = tuple[str, int, Callable[[], dict[str, Any]]]

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


class Lines:
    """The lines of events; fields are made only for a line that is written.

    Args:
        levels: Levels by name of the line (``debug``, ``info``, ``warning``, ``error``, ``off``),
            in place of the usual ones.
        every_budget_decision: Whether budgets that let pass are told, too: ``debug``.

    Raises:
        ValueError: There is no such line, or no such level.
    """

    def __init__(
        self, levels: Mapping[str, str] | None, *, every_budget_decision: bool = False
    ) -> None:
        self._every_budget_decision = every_budget_decision
        self._levels = {name: _level(name, level) for name, level in (levels or {}).items()}
        self._failed: dict[CallInfo, events.AttemptEnd] = {}
        self._policies: dict[str, tuple[str, str, str]] = {}
        self._handlers: Final[dict[type[Event], Callable[[Any], list[Line]]]] = {
            events.AttemptEnd: self._attempt,
            events.CallEnd: self._end,
            events.PolicyResolved: self._policy,
            events.RetryScheduled: self._retry,
            events.BudgetDecision: self._budget,
            events.HedgeSpawn: self._hedge,
            events.HedgeCancel: self._cancel,
            events.CircuitState: self._circuit,
        }

    @property
    def hears(self) -> frozenset[type[Event]]:
        """The classes of events that may be worth a line."""
        return frozenset(self._handlers)

    def of(self, event: Event) -> list[Line]:
        """The lines that an event is worth: mostly none, and seldom two."""
        handler = self._handlers.get(type(event))
        return [] if handler is None else handler(event)

    def _line(self, name: str, level: int, fields: Callable[[], dict[str, Any]]) -> list[Line]:
        level = self._levels.get(name, level) if self._levels else level
        return [] if level == _OFF else [(name, level, fields)]

    def _attempt(self, event: events.AttemptEnd) -> list[Line]:
        if event.outcome.kind is not _SUCCESS:
            self._failed[event.call] = event
        return self._line(attributes.ATTEMPT, logging.DEBUG, lambda: _attempt(event))

    def _retry(self, event: events.RetryScheduled) -> list[Line]:
        failed = self._failed.get(event.call)
        return self._line(
            attributes.RETRY_SCHEDULED, logging.WARNING, lambda: _retry(event, failed)
        )

    def _budget(self, event: events.BudgetDecision) -> list[Line]:
        if event.allowed and not self._every_budget_decision:
            return []
        level = logging.DEBUG if event.allowed else logging.WARNING
        return self._line(attributes.BUDGET_DECISION, level, lambda: _budget(event))

    def _hedge(self, event: events.HedgeSpawn) -> list[Line]:
        return self._line(attributes.HEDGE_SPAWN, logging.INFO, lambda: _hedge(event))

    def _cancel(self, event: events.HedgeCancel) -> list[Line]:
        return self._line(attributes.HEDGE_CANCEL, logging.DEBUG, lambda: _cancel(event))

    def _circuit(self, event: events.CircuitState) -> list[Line]:
        level = logging.WARNING if event.to_state is BreakerState.OPEN else logging.INFO
        return self._line(attributes.CIRCUIT_TRANSITION, level, lambda: _circuit(event))

    def _end(self, event: events.CallEnd) -> list[Line]:
        self._failed.pop(event.call, None)
        if event.success:
            level = logging.INFO if event.attempts_run > 1 else logging.DEBUG
            return self._line(attributes.CALL_SUCCEEDED, level, lambda: _ended(event))
        # A call that its caller has given up is nobody's error.
        level = logging.INFO if event.disposition in _CALLER else logging.ERROR
        return self._line(attributes.CALL_FAILED, level, lambda: _failed(event))

    def _policy(self, event: events.PolicyResolved) -> list[Line]:
        """What is unusual about a policy, once and again when it changes."""
        clamped = () if event.policy is None else event.policy.normalization.clamped
        usual = event.failure is None and event.mode == _STANDARD
        if usual and not clamped and event.call.label not in self._policies:
            return []
        version = "" if event.policy is None else event.policy.version
        now, label = (version, str(event.mode), str(event.failure)), event.call.label
        if self._policies.get(label) == now:
            return []
        if usual and not clamped:
            self._policies.pop(label, None)
            return []
        if len(self._policies) >= _MOST_POLICIES:
            self._policies.clear()
        self._policies[label] = now
        lines = []
        if not usual:
            lines += self._line(
                attributes.POLICY_FALLBACK, logging.WARNING, lambda: _fallback(event)
            )
        if clamped:
            lines += self._line(
                attributes.POLICY_CLAMPED,
                logging.WARNING,
                lambda: {**_call(event), "policy_normalized_fields": list(clamped)},
            )
        return lines


def _level(name: str, level: str) -> int:
    if name not in attributes.EVENTS:
        message = f"levels has {name!r}, which is no line; use {', '.join(attributes.EVENTS)}"
        raise ValueError(message)
    if level not in _LEVELS:
        message = f"level {level!r} of {name} is not known; use one of {', '.join(_LEVELS)}"
        raise ValueError(message)
    return _LEVELS[level]


def _call(event: Event) -> dict[str, Any]:
    return {"policy_key": event.key, "call_id": event.call_id}


def _error(event: events.AttemptEnd | events.CallEnd) -> dict[str, Any]:
    """The class of an error, and its text when messages are captured."""
    if event.error is None:
        return {}
    facts: dict[str, Any] = {"error_type": event.error_type}
    message = event.error_message
    return facts if message is None else {**facts, "error_message": message}


def _attempt(event: events.AttemptEnd) -> dict[str, Any]:
    return {
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
        **_error(event),
    }


def _retry(event: events.RetryScheduled, failed: events.AttemptEnd | None) -> dict[str, Any]:
    facts = {
        **_call(event),
        "attempt": event.attempt,
        "backoff_s": event.delay_s,
        "backoff_source": event.source,
    }
    if failed is None:
        return facts
    why = {"reason": str(failed.outcome.reason), "budget_reason": str(failed.budget_reason)}
    return {**facts, **why, **_error(failed)}


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
    return {
        **_call(event),
        "attempts_run": event.attempts_run,
        "hedges": event.hedges,
        "duration_s": event.at_s - event.call.started_s,
    }


def _failed(event: events.CallEnd) -> dict[str, Any]:
    return {
        **_ended(event),
        "disposition": event.disposition.value,
        "reason": str(event.outcome.reason),
        **_error(event),
    }


def _fallback(event: events.PolicyResolved) -> dict[str, Any]:
    facts = {
        **_call(event),
        "policy_source": str(event.source),
        "policy_mode": str(event.mode),
    }
    return facts if event.failure is None else {**facts, "error_type": event.failure}
