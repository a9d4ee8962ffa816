"""Moments of a call as events of its span."""

from collections import deque
from typing import Any, Final

from recourse_observe.sinks.otel.call_span import CallSpan, Facts

__all__ = ["SpanEvents"]

# The SDK keeps 128 events a span and drops the oldest; the first tell how it began.
FIRST: Final = 64
LAST: Final = 32


class SpanEvents:
    """Keeps the first and the last events of a call, and counts those between."""

    def write(self, call: CallSpan, name: str, at_ns: int, facts: Facts, *of: Any) -> None:
        """Put an event on the span, or have it wait for the end."""
        call.told += 1
        if call.told <= FIRST:
            call.span.add_event(name, facts(*of), at_ns)
            return
        if call.last is None:
            call.last = deque(maxlen=LAST)
        call.last.append((name, at_ns, facts, of))

    def finish(self, call: CallSpan) -> None:
        """Put the last events on the span, and say how many are missing."""
        if call.last is None:
            return
        for name, at_ns, facts, of in call.last:
            call.span.add_event(name, facts(*of), at_ns)
        dropped = call.told - FIRST - len(call.last)
        if dropped:
            call.span.set_attribute("recourse.call.events_dropped", dropped)
