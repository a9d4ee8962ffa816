"""Spans and lines of a call written by hand, with the names and attributes of ours.

A call succeeds at its second attempt. Written around a loop of two attempts, and around and inside
of a call of an executor, where they find in the processor's caches what ours find there.
"""

import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from structlog.contextvars import bound_contextvars

from recourse import Executor

__all__ = [
    "KEY",
    "bound",
    "flaky",
    "lines",
    "span_and_children",
    "span_and_children_in_call",
    "span_with_events",
    "span_with_events_in_call",
]

KEY = "bench.Call"
IDS = {"recourse.policy.key": KEY, "recourse.call.id": "6510a1b2c3d4e001aabbccdd"}


def flaky(turn: Any) -> int:
    """Fails at every first of two attempts."""
    if next(turn) % 2 == 0:
        raise ConnectionError
    return 1


def attempt_facts(index: int, kind: str, reason: str) -> dict[str, Any]:
    """What our attempts carry."""
    facts = {
        "recourse.attempt.index": index,
        "recourse.attempt.retry_index": index,
        "recourse.attempt.hedge_index": 0,
        "recourse.attempt.hedge": False,
        "recourse.attempt.outcome": kind,
        "recourse.attempt.reason": reason,
        "recourse.attempt.late": False,
        "recourse.attempt.backoff": 0.001,
        "recourse.attempt.waited_before": 0.0,
        "recourse.budget.reason": "no_budget",
        "recourse.budget.allowed": True,
    }
    return facts if kind == "success" else {**facts, "error.type": "ConnectionError"}


def call_facts() -> dict[str, Any]:
    """What our calls carry."""
    return {
        "recourse.call.id": "6510a1b2c3d4e001aabbccdd",
        "recourse.call.result": "success",
        "recourse.call.attempts": 2,
        "recourse.call.retries": 1,
        "recourse.call.hedges": 0,
        "recourse.call.retry_delay": 0.001,
        "recourse.policy.source": "static",
        "recourse.policy.mode": "standard",
        "recourse.policy.id": KEY,
    }


def span_with_events(tracer: Any) -> Callable[[], None]:
    """One span with an event per attempt."""
    turn = itertools.count()

    def call() -> None:
        span = tracer.start_span(KEY, None, SpanKind.INTERNAL, {"recourse.policy.key": KEY})
        context = set_span_in_context(span)
        for index in range(2):
            token = otel_context.attach(context)
            try:
                flaky(turn)
                kind, reason = "success", "success"
            except ConnectionError:
                kind, reason = "retryable", "retryable_error"
            finally:
                otel_context.detach(token)
            span.add_event("recourse.attempt", attempt_facts(index, kind, reason), time.time_ns())
        span.set_attributes(call_facts())
        span.end(time.time_ns())

    return call


def span_and_children(tracer: Any) -> Callable[[], None]:
    """One span, and a span per attempt."""
    turn = itertools.count()

    def call() -> None:
        span = tracer.start_span(KEY, None, SpanKind.INTERNAL, {"recourse.policy.key": KEY})
        context = set_span_in_context(span)
        for index in range(2):
            child = tracer.start_span(f"{KEY} attempt", context, SpanKind.INTERNAL, IDS)
            token = otel_context.attach(set_span_in_context(child, context))
            try:
                flaky(turn)
                child.set_attributes(attempt_facts(index, "success", "success"))
            except ConnectionError:
                child.set_attributes(attempt_facts(index, "retryable", "retryable_error"))
                child.set_status(Status(StatusCode.ERROR))
            finally:
                otel_context.detach(token)
            child.end(time.time_ns())
        span.set_attributes(call_facts())
        span.end(time.time_ns())

    return call


def span_with_events_in_call(tracer: Any, executor: Executor) -> Callable[[], None]:
    """The same around and inside of a call of an executor."""
    turn = itertools.count()
    current: list[Any] = [None]

    def attempt() -> int:
        try:
            value = flaky(turn)
        except ConnectionError:
            facts = attempt_facts(0, "retryable", "retryable_error")
            current[0].add_event("recourse.attempt", facts, time.time_ns())
            raise
        facts = attempt_facts(1, "success", "success")
        current[0].add_event("recourse.attempt", facts, time.time_ns())
        return value

    def call() -> None:
        span = tracer.start_span(KEY, None, SpanKind.INTERNAL, {"recourse.policy.key": KEY})
        current[0] = span
        token = otel_context.attach(set_span_in_context(span))
        executor.call(KEY, attempt)
        otel_context.detach(token)
        span.set_attributes(call_facts())
        span.end(time.time_ns())

    return call


def span_and_children_in_call(tracer: Any, executor: Executor) -> Callable[[], None]:
    """The same around and inside of a call of an executor."""
    turn = itertools.count()
    around: list[Any] = [None]

    def attempt() -> int:
        child = tracer.start_span(f"{KEY} attempt", around[0], SpanKind.INTERNAL, IDS)
        token = otel_context.attach(set_span_in_context(child, around[0]))
        try:
            value = flaky(turn)
            child.set_attributes(attempt_facts(1, "success", "success"))
        except ConnectionError:
            child.set_attributes(attempt_facts(0, "retryable", "retryable_error"))
            child.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            otel_context.detach(token)
            child.end(time.time_ns())
        return value

    def call() -> None:
        span = tracer.start_span(KEY, None, SpanKind.INTERNAL, {"recourse.policy.key": KEY})
        around[0] = set_span_in_context(span)
        executor.call(KEY, attempt)
        span.set_attributes(call_facts())
        span.end(time.time_ns())

    return call


def bound(turn: Any) -> int:
    """An attempt whose own lines would say which it is."""
    with bound_contextvars(
        policy_key=KEY, call_id=IDS["recourse.call.id"], attempt=0, hedge_index=0
    ):
        return flaky(turn)


def lines(logger: Any, attempt: Callable[[Any], int] = flaky) -> Callable[[], None]:
    """A warning per retry and a line for a call that was retried."""
    turn = itertools.count()

    def call() -> None:
        with suppress(ConnectionError):
            attempt(turn)
        logger.warning(
            "recourse.retry.scheduled",
            policy_key=KEY,
            call_id="6510a1b2c3d4e001aabbccdd",
            attempt=0,
            reason="retryable_error",
            backoff_s=0.001,
            backoff_source="policy",
            budget_reason="first_attempt",
            error_type="ConnectionError",
        )
        attempt(turn)
        logger.info(
            "recourse.call.succeeded",
            policy_key=KEY,
            call_id="6510a1b2c3d4e001aabbccdd",
            attempts_run=2,
            hedges=0,
            duration_s=0.001,
        )

    return call
