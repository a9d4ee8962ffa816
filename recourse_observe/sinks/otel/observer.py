"""The observer that speaks OpenTelemetry."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from importlib.metadata import version
from typing import Any, Final, TypeVar

from opentelemetry import context as otel_context
from opentelemetry._logs import LoggerProvider, get_logger
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import (
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
    get_tracer,
    set_span_in_context,
)

from recourse import events
from recourse.events import CallInfo, Event
from recourse.reasons import PolicyMode
from recourse_observe import attributes
from recourse_observe.sinks.clamped import Clamped
from recourse_observe.sinks.otel import values
from recourse_observe.sinks.otel.attached import Attached
from recourse_observe.sinks.otel.call_span import CallSpan, Facts
from recourse_observe.sinks.otel.child_spans import ChildSpans
from recourse_observe.sinks.otel.exceptions import Exceptions, Where
from recourse_observe.sinks.otel.log_events import LogEvents
from recourse_observe.sinks.otel.metrics import Metrics
from recourse_observe.sinks.otel.span_events import SpanEvents

__all__ = ["Mode", "OTelObserver"]

Word = TypeVar("Word", bound=StrEnum)

_SCOPE: Final = "recourse"
_SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"


class Mode(StrEnum):
    """How the attempts of a call are told."""

    SPAN_EVENTS = "span-events"
    CHILD_SPANS = "child-spans"
    LOG_EVENTS = "log-events"


class OTelObserver:
    """Writes a span per call, what its attempts did, metrics, and one record per failed call.

    A span that is not recording costs its creation and nothing else. Only the API is used: without
    an SDK nothing is written. Nor is anything of calls that are made while instrumentation is
    suppressed, as exporters do for their own requests.

    Args:
        mode: ``span-events`` (events on the call's span), ``child-spans`` (a live span per attempt)
            or ``log-events`` (log records tied to the call's span).
        metrics: Whether metrics are written.
        exceptions: Where the exception of a failed call goes: ``logs``, ``span``, ``both``, ``off``,
            or ``auto`` (as the environment asks; else logs when there is a provider, else the span).
        span_kind: Kind of the call's span.
        tracer_provider: Where spans go; the global one by default.
        meter_provider: Where metrics go, likewise.
        logger_provider: Where log records go, likewise.
        key_limit: Keys with metrics of their own; further ones are written as ``_overflow``.
        every_budget_decision: Whether budgets that let pass are told beside those that deny.

    Raises:
        ValueError: ``mode`` or ``exceptions`` is another word, or ``key_limit`` is negative.
    """

    in_caller_only: Final = True  # what is current when a call starts becomes its parent

    def __init__(  # noqa: PLR0913  # the pinned signature; all of them optional, by name
        self,
        *,
        mode: str = Mode.SPAN_EVENTS,
        metrics: bool = True,
        exceptions: str = Where.AUTO,
        span_kind: SpanKind = SpanKind.INTERNAL,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        key_limit: int = 200,
        every_budget_decision: bool = False,
    ) -> None:
        chosen, where = _one_of(Mode, "mode", mode), _one_of(Where, "exceptions", exceptions)
        if key_limit < 0:
            message = f"key_limit {key_limit!r} is negative; use 0 or more"
            raise ValueError(message)
        release = version("recourse-observe")
        self._tracer = get_tracer(_SCOPE, release, tracer_provider, _SCHEMA_URL)
        logger = get_logger(_SCOPE, release, logger_provider, _SCHEMA_URL)
        self._span_kind = span_kind
        self._every_budget_decision = every_budget_decision
        self._exceptions = Exceptions(where, logger, logger_provider, os.environ)
        self._children = ChildSpans(self._tracer) if chosen is Mode.CHILD_SPANS else None
        self._in_logs = chosen is Mode.LOG_EVENTS
        self._moments = LogEvents(logger) if self._in_logs else SpanEvents()
        meter = get_meter(_SCOPE, release, meter_provider, _SCHEMA_URL)
        self._metrics = Metrics(meter, key_limit) if metrics else None
        self._calls: dict[CallInfo, CallSpan] = {}
        self._clamped = Clamped()
        self._handlers: Final = self._handled()
        self.hears: Final = frozenset(self._handlers)

    def _handled(self) -> dict[type, Callable[[Any], None]]:
        """What is written in this mode, and how."""
        handlers: dict[type, Callable[[Any], None]] = {
            events.CallStart: self._call_start,
            events.PolicyResolved: self._policy_resolved,
            events.AttemptEnd: self._attempt_end,
            events.HedgeSpawn: self._hedge_spawn,
            events.HedgeCancel: self._hedge_cancel,
            events.BudgetDecision: self._budget_decision,
            events.CircuitDecision: self._circuit_decision,
            events.CircuitState: self._circuit_state,
            events.CallEnd: self._call_end,
        }
        if self._in_logs:  # as a span event it would repeat the attempt's
            handlers[events.RetryScheduled] = self._retry_scheduled
        if self._children is not None:
            handlers[events.AttemptStart] = self._attempt_start
        return handlers

    def on_event(self, event: Event) -> None:
        """Take one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def attempt_scope(self, event: events.AttemptStart) -> AbstractContextManager[object]:
        """Make the span of the attempt, or else of the call, the current one."""
        call = self._calls.get(event.call)
        if call is None:
            return nullcontext()
        if self._children is not None:
            return Attached(self._children.context(call, event))
        return Attached(call.context)

    def watch_dropped(self, name: str, dropped: Callable[[], Mapping[str, int]]) -> None:
        """Report, as a metric, what another observer loses.

        Args:
            name: The observer's.
            dropped: Gives the events that it has lost so far, by reason.
        """
        if self._metrics is not None:
            self._metrics.watch_dropped(name, dropped)

    def _call_start(self, event: events.CallStart) -> None:
        around = otel_context.get_current()
        if around.get(_SUPPRESS_INSTRUMENTATION_KEY):
            return  # an exporter's own calls, for one: telling them would give it more to export
        info = event.call
        span = self._tracer.start_span(
            info.label,
            around,
            self._span_kind,
            {"recourse.policy.key": info.key},
            None,
            info.started_unix_ns,
        )
        self._calls[info] = CallSpan(info, span, set_span_in_context(span, around))
        ids = span.get_span_context()
        if ids.is_valid:
            info.trace_id, info.span_id = (
                ids.trace_id.to_bytes(16).hex(),
                ids.span_id.to_bytes(8).hex(),
            )

    def _write(
        self, call: CallSpan | None, name: str, facts: Facts, event: Event, *more: Any
    ) -> None:
        if call is not None and call.recording:
            self._moments.write(call, name, event.t_wall_ns, facts, event, *more)

    def _policy_resolved(self, event: events.PolicyResolved) -> None:
        call = self._calls.get(event.call)
        if call is None:
            return
        if event.call.label != event.call.key:
            # Only now it is known that the key is not fit to name anything.
            call.span.update_name(event.call.label)
            call.span.set_attribute("recourse.policy.key", event.call.label)
        if self._metrics is not None:
            self._metrics.begin(call, event)
        if event.failure is not None or event.mode != PolicyMode.STANDARD:
            self._write(call, attributes.POLICY_FALLBACK, values.policy_fallback, event)

    def _attempt_start(self, event: events.AttemptStart) -> None:
        call = self._calls.get(event.call)
        if call is not None and call.recording and self._children is not None:
            self._children.start(call, event)

    def _attempt_end(self, event: events.AttemptEnd) -> None:
        call = self._calls.get(event.call)
        if call is None:
            return
        if event.ran:
            if not event.hedge_index:
                call.waited_s += event.waited_before_s
            if self._metrics is not None:
                self._metrics.attempt(event, call.context)
        if not call.recording:
            return
        index = call.index(event.attempt, event.hedge_index)
        if self._children is not None and event.ran:
            self._children.end(call, event, values.attempt(event, index))
        else:
            at_ns = event.call.unix_ns(event.at_s)
            self._moments.write(call, attributes.ATTEMPT, at_ns, values.attempt, event, index)

    def _hedge_spawn(self, event: events.HedgeSpawn) -> None:
        call = self._calls.get(event.call)
        if call is not None:
            index = call.index(event.attempt, event.hedge_index)
            if self._children is None:
                self._write(call, attributes.HEDGE_SPAWN, values.hedge_spawn, event, index)

    def _hedge_cancel(self, event: events.HedgeCancel) -> None:
        call = self._calls.get(event.call)
        if call is None:
            return
        if not event.hedge_index:
            call.waited_s += event.waited_before_s
        if self._metrics is not None:
            self._metrics.attempt(event, call.context)
        if not call.recording:
            return
        index = call.index(event.attempt, event.hedge_index)
        if self._children is not None:
            self._children.end(call, event, values.hedge_cancel(event, index))
        else:
            self._write(call, attributes.HEDGE_CANCEL, values.hedge_cancel, event, index)

    def _budget_decision(self, event: events.BudgetDecision) -> None:
        call = self._calls.get(event.call)
        if self._metrics is not None and call is not None:
            self._metrics.budget(event, call.context)
        if self._every_budget_decision or not event.allowed:
            self._write(call, attributes.BUDGET_DECISION, values.budget_decision, event)

    def _retry_scheduled(self, event: events.RetryScheduled) -> None:
        call = self._calls.get(event.call)
        self._write(call, attributes.RETRY_SCHEDULED, values.retry_scheduled, event)

    def _circuit_decision(self, event: events.CircuitDecision) -> None:
        call = self._calls.get(event.call)
        if call is not None and call.recording:
            call.span.set_attribute("recourse.circuit.state", str(event.state))

    def _circuit_state(self, event: events.CircuitState) -> None:
        call = self._calls.get(event.call)
        if self._metrics is not None:
            self._metrics.circuit(event)
        if call is not None and call.recording:
            call.span.set_attributes(values.circuit_transition(event))
        self._write(call, attributes.CIRCUIT_TRANSITION, values.circuit_transition, event)

    def _call_end(self, event: events.CallEnd) -> None:
        call = self._calls.pop(event.call, None)
        if call is None:
            return
        span, end_ns, failed = call.span, event.call.unix_ns(event.at_s), values.call_failed(event)
        if call.recording:
            self._moments.finish(call)
            if self._children is not None:
                self._children.finish(call, end_ns)
            clamped = self._clamped.of(event.call.policy)
            facts = values.call_end(event, call.waited_s, clamped)
            if failed:
                facts["error.type"] = values.call_error(event)
                span.set_status(Status(StatusCode.ERROR, event.error_message))
            span.set_attributes(facts)
        if failed:
            self._exceptions.write(call, event)
        if self._metrics is not None:
            self._metrics.end(call, event)
        span.end(end_ns)


def _one_of(words: type[Word], name: str, value: str) -> Word:
    try:
        return words(value)
    except ValueError:
        message = f"{name} {value!r} is not known; use one of {', '.join(words)}"
        raise ValueError(message) from None
