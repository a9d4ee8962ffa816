"""Metrics: how long, how often, in which state; at most three attributes each."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from recourse import events
from recourse.key import OVERFLOW_KEY
from recourse.reasons import BreakerState
from recourse_observe.attributes import (
    ATTEMPT_DURATION,
    BUDGET_DECISIONS,
    CALL_ACTIVE,
    CALL_DURATION,
    CALL_HEDGES,
    CALL_RETRIES,
    CALL_RETRY_DELAY,
    CIRCUIT_STATE,
    CIRCUIT_TRANSITIONS,
    OBSERVER_DROPPED,
    POLICY_RESOLUTIONS,
    Metric,
)
from recourse_observe.sinks.otel import values
from recourse_observe.sinks.otel.call_span import CallSpan

__all__ = ["Metrics"]

_SECONDS: Final = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]
_LOG: Final = logging.getLogger("recourse.otel")
_COUNTS: Final = [1.0, 2.0, 3.0, 4.0, 5.0]
_KEY: Final = "recourse.policy.key"


class Metrics:
    """The instruments, fed by events.

    Args:
        meter: Where they come from.
        key_limit: Keys with points of their own; those of further keys are put together.
    """

    def __init__(self, meter: Meter, key_limit: int) -> None:
        self._key_limit = key_limit
        self._keys: set[str] = set()
        self._states: dict[str, BreakerState] = {}
        self._lossy: list[tuple[str, Callable[[], Mapping[str, int]]]] = []
        self._duration = _histogram(meter, CALL_DURATION, _SECONDS)
        self._attempt_duration = _histogram(meter, ATTEMPT_DURATION, _SECONDS)
        self._retries = _histogram(meter, CALL_RETRIES, _COUNTS)
        self._hedges = _histogram(meter, CALL_HEDGES, _COUNTS)
        self._retry_delay = _histogram(meter, CALL_RETRY_DELAY, _SECONDS)
        self._active = meter.create_up_down_counter(*_said(CALL_ACTIVE))
        self._budgets = meter.create_counter(*_said(BUDGET_DECISIONS))
        self._transitions = meter.create_counter(*_said(CIRCUIT_TRANSITIONS))
        self._resolutions = meter.create_counter(*_said(POLICY_RESOLUTIONS))
        name, unit, about = _said(CIRCUIT_STATE)
        meter.create_observable_gauge(name, [self._observed_states], unit, about)
        name, unit, about = _said(OBSERVER_DROPPED)
        meter.create_observable_counter(name, [self._observed_losses], unit, about)

    def label(self, label: str) -> str:
        """The key, unless it is one too many."""
        if label not in self._keys:
            if len(self._keys) >= self._key_limit:
                return OVERFLOW_KEY
            self._keys.add(label)
        return label

    def begin(self, call: CallSpan, event: events.PolicyResolved) -> None:
        """A call whose policy, and so whose key for metrics, is known."""
        call.label = self.label(event.call.label)
        self._active.add(1, {_KEY: call.label}, call.context)
        facts = {"recourse.policy.source": str(event.source)}
        if event.failure is not None:
            facts["error.type"] = event.failure
        self._resolutions.add(1, facts, call.context)

    def attempt(
        self,
        event: events.AttemptEnd | events.HedgeCancel,
        context: Context,
    ) -> None:
        """A run that has ended, or was given up."""
        facts = {
            _KEY: self.label(event.call.label),
            "recourse.attempt.outcome": str(event.outcome.kind),
        }
        if values.attempt_failed(event):
            error = event.error if isinstance(event, events.AttemptEnd) else None
            facts["error.type"] = values.error_type(event.outcome.reason, error)
        self._attempt_duration.record(max(0.0, event.ended_s - event.started_s), facts, context)

    def budget(self, event: events.BudgetDecision, context: Context) -> None:
        """What a budget said."""
        facts = {
            "recourse.budget.name": event.budget_name,
            "recourse.budget.kind": str(event.kind),
            "recourse.budget.reason": str(event.reason),
        }
        self._budgets.add(1, facts, context)

    def circuit(self, event: events.CircuitState) -> None:
        """A breaker's new state."""
        label = self.label(event.call.label)
        self._states[label] = event.to_state
        self._transitions.add(1, {_KEY: label, "recourse.circuit.state": str(event.to_state)})

    def end(self, call: CallSpan, event: events.CallEnd) -> None:
        """A call that is over."""
        label = call.label
        if label is None:
            label = self.label(event.call.label)
        else:
            self._active.add(-1, {_KEY: label}, call.context)
        facts = {_KEY: label, "recourse.call.result": str(event.disposition)}
        if values.call_failed(event):
            facts["error.type"] = values.call_error(event)
        duration_s = max(0.0, event.at_s - event.call.started_s)
        self._duration.record(duration_s, facts, call.context)
        retries = values.retries(event)
        if retries:
            self._retries.record(retries, {_KEY: label}, call.context)
            self._retry_delay.record(call.waited_s, {_KEY: label}, call.context)
        if event.hedges:
            self._hedges.record(event.hedges, {_KEY: label}, call.context)

    def watch_dropped(self, name: str, dropped: Callable[[], Mapping[str, int]]) -> None:
        """Report what another observer loses."""
        self._lossy.append((name, dropped))

    def _observed_states(self, options: CallbackOptions) -> Iterable[Observation]:
        del options
        for label, current in list(self._states.items()):
            for state in BreakerState:
                facts = {_KEY: label, "recourse.circuit.state": state.value}
                yield Observation(int(state is current), facts)

    def _observed_losses(self, options: CallbackOptions) -> Iterable[Observation]:
        del options
        for name, dropped in list(self._lossy):
            for reason, count in _losses(name, dropped).items():
                facts = {"recourse.observer.name": name, "recourse.observer.reason": reason}
                yield Observation(count, facts)


def _losses(name: str, dropped: Callable[[], Mapping[str, int]]) -> Mapping[str, int]:
    try:
        return dropped()
    except Exception:  # one that cannot say must not keep the others from it
        _LOG.warning("losses of observer %s cannot be read", name, exc_info=True)
        return {}


def _said(metric: Metric) -> tuple[str, str, str]:
    return metric.name, metric.unit, metric.about


def _histogram(meter: Meter, metric: Metric, buckets: list[float]) -> Any:
    return meter.create_histogram(*_said(metric), explicit_bucket_boundaries_advisory=buckets)
