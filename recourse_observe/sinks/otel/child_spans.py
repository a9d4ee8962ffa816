"""A live span per attempt, so that what a client traces becomes its child."""

from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from recourse import events
from recourse_observe.sinks.otel.call_span import CallSpan

__all__ = ["ChildSpans"]

_ERROR: Final = Status(StatusCode.ERROR)


class ChildSpans:
    """Opens a span when an attempt starts and closes it with what the attempt came to."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start(self, call: CallSpan, event: events.AttemptStart) -> None:
        """Open a span; a hedge's is linked to the attempt that it hedges."""
        links = None
        if event.hedge_index and call.primary is not None:
            hedged = call.primary.get_span_context()
            links = [Link(hedged, {"recourse.link.type": "hedge_of"})]
        span = self._tracer.start_span(
            f"{event.call.label} attempt",
            call.context,
            SpanKind.INTERNAL,
            call.identity(),
            links,
            event.t_wall_ns,
        )
        call.attempts[event.attempt, event.hedge_index] = span
        if not event.hedge_index:
            call.primary = span

    def context(self, call: CallSpan, event: events.AttemptStart) -> Context:
        """The context that the operation runs in."""
        span = call.attempts.get((event.attempt, event.hedge_index))
        return call.context if span is None else set_span_in_context(span, call.context)

    def end(
        self,
        call: CallSpan,
        event: events.AttemptEnd | events.HedgeCancel,
        facts: dict[str, Any],
    ) -> None:
        """Close an attempt's span."""
        span = call.attempts.pop((event.attempt, event.hedge_index), None)
        if span is None:
            return
        span.set_attributes(facts)
        if "error.type" in facts:
            span.set_status(_ERROR)
        span.end(event.call.unix_ns(event.ended_s))

    def finish(self, call: CallSpan, end_ns: int) -> None:
        """Close what was never told to have ended."""
        for span in call.attempts.values():
            span.end(end_ns)
