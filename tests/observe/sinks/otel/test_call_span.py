from typing import Any

from opentelemetry.context import get_current
from opentelemetry.trace import INVALID_SPAN

from recourse_observe.sinks.otel.call_span import CallSpan


def test_hedges_follow_their_primary_in_launch_order_whenever_they_are_asked_for() -> None:
    info: Any = None
    call = CallSpan(info, INVALID_SPAN, get_current())

    launched = [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2), (3, 0)]

    assert [call.index(*each) for each in launched] == list(range(7))
    assert [call.index(*each) for each in launched] == list(range(7))
