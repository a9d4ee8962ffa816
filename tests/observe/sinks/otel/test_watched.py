"""Calls that are only watched, as spans."""

from typing import Any

import pytest

from recourse.integrations.watch import Watch
from recourse.testing import VirtualClock


@pytest.mark.parametrize("mode", ["span-events", "child-spans", "log-events"])
def test_a_watched_call_is_one_span_that_says_how_it_went(telemetry: Any, mode: str) -> None:
    clock = VirtualClock(start_unix_ns=1_790_000_000_000_000_000)
    call = Watch("library", [telemetry.observer(mode=mode)], clock).call("shop.Pay", 3)
    call.attempt_started()
    call.attempt_ended(error=ConnectionError())
    clock.advance(0.1)
    call.attempt_started()
    call.ended()

    [span] = telemetry.spans("shop.Pay")
    assert span.attributes["recourse.call.attempts"] == 2
    assert span.attributes["recourse.policy.id"] == "watched.library"
    assert span.status.is_unset
    if mode == "span-events":
        assert [event.name for event in span.events] == ["recourse.attempt"] * 2
