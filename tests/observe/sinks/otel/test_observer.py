import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from recourse import (
    BudgetRef,
    CircuitPolicy,
    Executor,
    HedgePolicy,
    Policy,
    RetryPolicy,
    Unlimited,
    events,
)
from recourse.errors import ExecutorClosed, NoPolicyError
from recourse.testing import VirtualClock, http, script
from recourse_observe.sinks.otel import OTelObserver

KEY = "payments.Charge"
TRIES = Policy(KEY, retry=RetryPolicy(max_attempts=10, jitter="none", max_backoff_s=0.05))


class Refused(ConnectionError):
    pass


def refuse() -> None:
    message = "card 4111 refused"
    raise Refused(message)


def executor_with(observer: Any, policy: Policy = TRIES, **options: Any) -> Executor:
    return Executor(policies=[policy], observers=[observer], clock=VirtualClock(), **options)


def test_a_span_nests_under_the_caller_s_and_the_operation_under_the_span(telemetry: Any) -> None:
    executor = executor_with(telemetry.observer())
    tracer = telemetry.tracers.get_tracer("app")

    def operation() -> None:
        with tracer.start_as_current_span("work"):
            pass

    with tracer.start_as_current_span("checkout"):
        executor.call(KEY, operation)

    spans = {span.name: span for span in telemetry.spans()}
    assert spans[KEY].parent.span_id == spans["checkout"].context.span_id
    assert spans["work"].parent.span_id == spans[KEY].context.span_id


def test_in_child_mode_the_operation_nests_under_its_attempt(telemetry: Any) -> None:
    executor = executor_with(telemetry.observer(mode="child-spans"))
    tracer = telemetry.tracers.get_tracer("app")
    left = iter([Refused(), None])

    def operation() -> None:
        with tracer.start_as_current_span("work"):
            pass
        problem = next(left)
        if problem is not None:
            raise problem

    executor.call(KEY, operation)

    attempts = sorted(telemetry.spans(f"{KEY} attempt"), key=lambda span: span.start_time)
    works = {span.parent.span_id for span in telemetry.spans("work")}
    assert works == {span.context.span_id for span in attempts}
    assert [span.status.status_code for span in attempts] == [StatusCode.ERROR, StatusCode.UNSET]
    assert attempts[0].attributes["error.type"].endswith("test_observer.Refused")
    [call] = telemetry.spans(KEY)
    assert call.status.status_code is StatusCode.UNSET
    assert "error.type" not in call.attributes


def test_a_hedge_is_linked_to_the_attempt_that_it_hedges(telemetry: Any, scenarios: Any) -> None:
    scenarios["hedge"](telemetry.observer(mode="child-spans"))

    primary, hedge = telemetry.spans(f"{KEY} attempt")
    assert primary.links == ()
    [link] = hedge.links
    assert link.context.span_id == primary.context.span_id
    assert dict(link.attributes) == {"recourse.link.type": "hedge_of"}
    assert primary.attributes["recourse.attempt.cancel_reason"] == "winner_success"


def test_span_events_of_a_hedged_call_tell_of_the_hedge(telemetry: Any, scenarios: Any) -> None:
    scenarios["hedge"](telemetry.observer())

    [span] = telemetry.spans(KEY)
    assert [event.name for event in span.events] == [
        "recourse.hedge.spawn",
        "recourse.hedge.cancel",
        "recourse.attempt",
    ]
    assert span.events[0].attributes["recourse.attempt.waited_before"] == pytest.approx(0.1)


def test_a_denied_attempt_is_an_event_and_never_a_span(telemetry: Any, scenarios: Any) -> None:
    scenarios["budget_denial"](telemetry.observer(mode="child-spans"))

    [call] = telemetry.spans(KEY)
    assert len(telemetry.spans(f"{KEY} attempt")) == 2
    assert [event.name for event in call.events] == [
        "recourse.budget.decision",
        "recourse.attempt",
    ]
    assert call.events[0].attributes["recourse.budget.reason"] == "budget_denied"
    assert call.events[1].attributes["recourse.budget.allowed"] is False
    assert call.attributes["error.type"] == "503"


def test_a_call_refused_by_an_open_circuit_is_a_short_error(telemetry: Any, scenarios: Any) -> None:
    scenarios["circuit_open"](telemetry.observer())

    tried, refused = telemetry.spans(KEY)
    assert [event.name for event in tried.events] == [
        "recourse.circuit.transition",
        "recourse.attempt",
    ] or [event.name for event in tried.events] == [
        "recourse.attempt",
        "recourse.circuit.transition",
    ]
    assert refused.events == ()
    assert refused.status.status_code is StatusCode.ERROR
    assert refused.attributes["error.type"] == "recourse.errors.CircuitOpenError"
    assert refused.attributes["recourse.circuit.state"] == "open"
    assert tried.attributes["recourse.circuit.state"] == "open"
    assert tried.attributes["recourse.circuit.previous_state"] == "closed"


@pytest.mark.parametrize(("attempts", "kept", "dropped"), [(64, 64, 0), (96, 96, 0), (150, 96, 54)])
def test_the_first_and_the_last_events_are_kept(
    telemetry: Any, attempts: int, kept: int, dropped: int
) -> None:
    observer = telemetry.observer()
    call = start_of_call(observer)
    for number in range(attempts):
        observer.on_event(end_of_attempt(call, number))
    observer.on_event(end_of_call(call))

    [span] = telemetry.spans(KEY)
    shown = [event.attributes["recourse.attempt.retry_index"] for event in span.events]
    assert shown == [*range(min(attempts, 64)), *range(max(64, attempts - 32), attempts)]
    assert len(shown) == kept
    assert span.attributes.get("recourse.call.events_dropped", 0) == dropped
    times = [event.timestamp for event in span.events]
    assert times == sorted(times)


def told_by_one_call() -> list[Any]:
    heard: list[Any] = []

    class Told:
        def on_event(self, event: Any) -> None:
            heard.append(event)

    executor_with(Told()).call(KEY, lambda: 1)
    return heard


def start_of_call(observer: Any) -> Any:
    start = told_by_one_call()[0]
    observer.on_event(start)
    return start.call


def end_of_attempt(call: Any, number: int) -> Any:
    end = next(event for event in told_by_one_call() if isinstance(event, events.AttemptEnd))
    return end._replace(call=call, attempt=number, at_s=float(number))


def end_of_call(call: Any) -> Any:
    return told_by_one_call()[-1]._replace(call=call, at_s=200.0)


@pytest.mark.parametrize("mode", ["span-events", "child-spans", "log-events"])
def test_a_span_that_is_not_sampled_costs_nothing_but_metrics(
    telemetry: Any, mode: str, scenario: Any
) -> None:
    tracers = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)

    scenario(telemetry.observer(mode=mode, tracer_provider=tracers, exceptions="span"))

    assert telemetry.spans() == []
    assert telemetry.logs() == []
    assert telemetry.points("recourse.call.duration") != []


@pytest.mark.parametrize("mode", ["span-events", "child-spans", "log-events"])
def test_without_an_sdk_nothing_is_written_and_calls_work(mode: str, scenario: Any) -> None:
    assert scenario(OTelObserver(mode=mode)).key == KEY
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_an_unsampled_trace_goes_on_into_the_operation(telemetry: Any) -> None:
    tracers = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    executor = executor_with(telemetry.observer(tracer_provider=tracers, mode="child-spans"))

    inside = executor.call(KEY, lambda: trace.get_current_span().get_span_context())

    assert inside.is_valid
    assert not inside.trace_flags.sampled


def test_metrics_and_spans_follow_a_refused_policy(telemetry: Any) -> None:
    executor = executor_with(telemetry.observer())

    with pytest.raises(NoPolicyError):
        executor.call("payments.Refund", lambda: 1)

    [span] = telemetry.spans("payments.Refund")
    [event] = span.events
    assert (event.name, dict(event.attributes)) == (
        "recourse.policy.fallback",
        {
            "recourse.policy.source": "none",
            "recourse.policy.mode": "deny",
            "error.type": "not_found",
        },
    )
    assert "recourse.policy.id" not in span.attributes
    assert span.attributes["error.type"] == "recourse.errors.NoPolicyError"


def test_fields_that_were_clamped_are_on_the_span(telemetry: Any) -> None:
    policy = Policy(KEY, retry=RetryPolicy(max_attempts=10_000))

    executor_with(telemetry.observer(), policy).call(KEY, lambda: 1)

    [span] = telemetry.spans()
    assert "retry.max_attempts" in span.attributes["recourse.policy.clamped"]


def test_a_key_that_carries_request_data_names_no_span(telemetry: Any) -> None:
    executor = executor_with(telemetry.observer(), default_policy=Policy(KEY))

    executor.call("users.Get 8d7f1a52-1f6e-4a51-9a40-6f0c5f1b2f11", lambda: 1)

    assert [span.name for span in telemetry.spans()] == ["_overflow"]


def test_a_retry_that_was_told_when_to_come_back_says_so(telemetry: Any, scenarios: Any) -> None:
    scenarios["retry"](telemetry.observer())

    [span] = telemetry.spans()
    waits = [event.attributes.get("recourse.attempt.retry_after") for event in span.events]
    assert waits == [None, 0.3, None]
    assert span.attributes["recourse.call.retry_delay"] == pytest.approx(0.35, rel=0.1)
    assert span.attributes["recourse.call.retries"] == 2


def test_a_deadline_is_the_error_of_the_call_and_of_the_attempt(telemetry: Any) -> None:
    policy = Policy(KEY, retry=RetryPolicy(overall_timeout_s=1.0))
    executor = executor_with(telemetry.observer(mode="child-spans"), policy)
    clock: Any = executor.clock

    async def hang() -> None:
        await asyncio.sleep(60)  # noqa: TID251  # virtual

    with pytest.raises(TimeoutError):
        clock.run(executor.acall(KEY, hang))

    [call] = telemetry.spans(KEY)
    assert call.attributes["recourse.call.result"] == "deadline_exceeded"
    assert call.attributes["error.type"] == "recourse.errors.DeadlineExceeded"
    assert telemetry.logs("recourse.call.exception") != []


@pytest.mark.parametrize(
    ("where", "environment", "in_logs", "on_span"),
    [
        ("auto", "", 1, 0),
        ("auto", "logs", 1, 0),
        ("auto", "logs/dup", 1, 1),
        ("logs", "", 1, 0),
        ("span", "logs", 0, 1),
        ("both", "", 1, 1),
        ("off", "logs", 0, 0),
    ],
)
def test_the_exception_goes_where_it_is_wanted(
    telemetry: Any,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    environment: str,
    in_logs: int,
    on_span: int,
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", environment)
    executor = executor_with(telemetry.observer(exceptions=where))

    with pytest.raises(Refused):
        executor.call(KEY, refuse)

    [span] = telemetry.spans()
    assert len(telemetry.logs("recourse.call.exception")) == in_logs
    assert [event.name for event in span.events].count("exception") == on_span


@pytest.mark.parametrize("provider", [None, NoOpLoggerProvider()])
def test_without_a_logger_provider_the_exception_is_on_the_span(
    telemetry: Any, provider: Any
) -> None:
    executor = executor_with(telemetry.observer(logger_provider=provider))

    with pytest.raises(Refused):
        executor.call(KEY, refuse)

    [span] = telemetry.spans()
    assert span.events[-1].name == "exception"
    assert span.events[-1].attributes["exception.type"].endswith("test_observer.Refused")


def test_the_text_of_an_error_is_written_only_when_messages_are_captured(telemetry: Any) -> None:
    observer = telemetry.observer()
    silent = executor_with(observer)
    open_ = executor_with(
        observer, capture_messages=True, redact=lambda text: text.replace("4111", "****")
    )

    for executor in (silent, open_):
        with pytest.raises(Refused):
            executor.call(KEY, refuse)

    first, second = telemetry.logs("recourse.call.exception")
    assert "exception.message" not in first.attributes
    assert second.attributes["exception.message"] == "card **** refused"
    assert [span.status.description for span in telemetry.spans()] == [None, "card **** refused"]
    assert "refuse" in first.attributes["exception.stacktrace"]
    assert "4111" not in str([dict(record.attributes) for record in (first, second)])


def test_log_events_tell_of_retries_that_are_planned(telemetry: Any, scenarios: Any) -> None:
    scenarios["retry"](telemetry.observer(mode="log-events"))

    planned = telemetry.logs("recourse.retry.scheduled")
    [call] = telemetry.spans(KEY)
    known = {
        "recourse.policy.key": KEY,
        "recourse.call.id": call.attributes["recourse.call.id"],
    }
    assert [dict(record.attributes) for record in planned] == [
        {**known, "recourse.attempt.retry_index": 0, "recourse.attempt.backoff": 0.05},
        {
            **known,
            "recourse.attempt.retry_index": 1,
            "recourse.attempt.backoff": pytest.approx(0.3, rel=0.1),
        },
    ]
    assert {record.severity_text for record in planned} == {"WARN"}


def test_log_events_are_as_loud_as_lines(telemetry: Any, scenarios: Any) -> None:
    observer = telemetry.observer(mode="log-events", every_budget_decision=True)

    scenarios["budget_denial"](observer)
    scenarios["circuit_open"](observer)

    decisions = telemetry.logs("recourse.budget.decision")
    assert [record.severity_text for record in decisions] == ["DEBUG", "WARN"]
    [opened] = telemetry.logs("recourse.circuit.transition")
    assert opened.severity_text == "WARN"
    assert {record.severity_text for record in telemetry.logs("recourse.attempt")} == {"DEBUG"}


def test_the_kind_of_the_span_can_be_client(telemetry: Any) -> None:
    executor_with(telemetry.observer(span_kind=SpanKind.CLIENT)).call(KEY, lambda: 1)

    assert [span.kind for span in telemetry.spans()] == [SpanKind.CLIENT]


def test_events_of_calls_that_began_before_are_let_go(telemetry: Any, scenarios: Any) -> None:
    heard: list[Any] = []

    class Told:
        def on_event(self, event: Any) -> None:
            if not isinstance(event, events.CallStart):
                heard.append(event)

    for scenario in scenarios.values():
        scenario(Told())
    observer = telemetry.observer(mode="log-events")

    for event in heard:
        observer.on_event(event)
    starts = [event for event in heard if isinstance(event, events.AttemptStart)]
    with observer.attempt_scope(starts[0]):
        pass

    assert telemetry.spans() == []
    assert telemetry.logs() == []


def test_an_attempt_that_was_never_told_to_end_ends_with_its_call(telemetry: Any) -> None:
    observer = telemetry.observer(mode="child-spans")
    told = told_by_one_call()

    for event in told:
        if not isinstance(event, events.AttemptEnd):
            observer.on_event(event)
    for event in told:
        if not isinstance(event, events.AttemptStart):
            observer.on_event(event)

    assert len(telemetry.spans(f"{KEY} attempt")) == 1
    assert len(telemetry.spans(KEY)) == 2


def test_hedges_in_threads_nest_under_their_own_attempts(telemetry: Any) -> None:
    policy = Policy(
        KEY,
        retry=RetryPolicy(max_attempts=1),
        hedge=HedgePolicy(enabled=True, hedge_delay_s=0.001),
    )
    executor = Executor(
        policies=[policy],
        observers=[telemetry.observer(mode="child-spans")],
        sync_timeout="thread",
    )
    gate = threading.Event()
    turns: Iterator[Any] = iter([gate.wait, gate.set])
    tracer = telemetry.tracers.get_tracer("app")

    def operation() -> None:
        turn = next(turns)
        with tracer.start_as_current_span("work"):
            turn()

    executor.call(KEY, operation)
    executor.close()

    works = telemetry.spans("work")
    attempts = telemetry.spans(f"{KEY} attempt")
    assert {span.parent.span_id for span in works} == {span.context.span_id for span in attempts}
    assert len(works) == 2


def test_a_breaker_changed_by_hand_is_counted(telemetry: Any) -> None:
    policy = Policy(KEY, circuit=CircuitPolicy(enabled=True))
    executor = executor_with(telemetry.observer(), policy)
    executor.call(KEY, lambda: 1)

    executor.circuits[KEY].isolate()

    assert telemetry.points("recourse.circuit.transitions") == [
        ({"recourse.policy.key": KEY, "recourse.circuit.state": "isolated"}, 1)
    ]


def test_an_abandoned_status_is_a_reason_when_nothing_was_raised(telemetry: Any) -> None:
    from recourse import ByResult

    policy = Policy(KEY, retry=RetryPolicy(max_attempts=1, classifier="unpaid"))
    executor = executor_with(
        telemetry.observer(mode="child-spans"),
        policy,
        classifiers={"unpaid": ByResult(lambda value: value != "paid")},
    )

    with pytest.raises(Exception):  # noqa: B017, PT011  # whatever it is, the span says why
        executor.call(KEY, lambda: "unpaid")

    [attempt] = telemetry.spans(f"{KEY} attempt")
    assert attempt.attributes["error.type"] == attempt.attributes["recourse.attempt.reason"]


@pytest.mark.parametrize("mode", ["span-events", "child-spans"])
def test_hedged_runs_that_a_deadline_cuts_off_are_errors(telemetry: Any, mode: str) -> None:
    policy = Policy(
        KEY,
        retry=RetryPolicy(max_attempts=1, overall_timeout_s=1.0),
        hedge=HedgePolicy(enabled=True, hedge_delay_s=0.1, budget=BudgetRef("hedges")),
    )
    executor = executor_with(telemetry.observer(mode=mode), policy, budgets={"hedges": Unlimited()})
    clock: Any = executor.clock

    async def hang() -> None:
        await asyncio.sleep(60)  # noqa: TID251  # virtual

    with pytest.raises(TimeoutError):
        clock.run(executor.acall(KEY, hang))

    [call] = telemetry.spans(KEY)
    cut = [event.attributes for event in call.events if event.name == "recourse.hedge.cancel"] or [
        span.attributes for span in telemetry.spans(f"{KEY} attempt")
    ]
    reasons = [facts.get("recourse.attempt.cancel_reason") for facts in cut]
    assert "deadline_exceeded" in reasons
    assert all("error.type" in facts for facts in cut)
    assert "hedges" in [facts.get("recourse.budget.name") for facts in cut]


@pytest.mark.parametrize("asked", [False, True])
def test_budgets_that_let_pass_are_told_when_asked(
    telemetry: Any, scenarios: Any, *, asked: bool
) -> None:
    scenarios["budget_denial"](telemetry.observer(every_budget_decision=asked))

    [call] = telemetry.spans(KEY)
    decisions = [event for event in call.events if event.name == "recourse.budget.decision"]
    allowed = [each.attributes["recourse.budget.allowed"] for each in decisions]
    assert allowed[-1] is False
    assert (True in allowed) is asked


def test_a_run_left_behind_says_why(telemetry: Any) -> None:
    gate = threading.Event()
    observer = telemetry.observer()
    policy = Policy(KEY, retry=RetryPolicy(overall_timeout_s=20.0))
    executor = Executor(policies=[policy], observers=[observer], sync_timeout="thread")
    entered = threading.Event()

    def closing() -> None:
        entered.wait(10)
        executor.close(grace_s=0.0)

    def operation() -> None:
        entered.set()
        gate.wait(10)

    closer = threading.Thread(target=closing)
    closer.start()
    with pytest.raises(ExecutorClosed):
        executor.call(KEY, operation)
    gate.set()
    closer.join()

    [span] = telemetry.spans(KEY)
    [event] = span.events
    assert event.attributes["recourse.attempt.cancel_reason"] == "executor_closed"
    assert "error.type" not in event.attributes


def test_a_policy_that_is_missing_and_allowed_is_told_without_an_error(telemetry: Any) -> None:
    executor = executor_with(telemetry.observer(), missing_policy="allow")

    executor.call("payments.Refund", lambda: 1)

    [span] = telemetry.spans("payments.Refund")
    [event] = [each for each in span.events if each.name == "recourse.policy.fallback"]
    assert event.attributes["recourse.policy.mode"] == "allow"


def test_telemetry_that_fails_is_counted_and_changes_no_call(telemetry: Any) -> None:
    from opentelemetry.sdk.trace import SpanProcessor

    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise ValueError

    telemetry.tracers.add_span_processor(Broken())
    executor = executor_with(telemetry.observer(mode="child-spans"))

    assert executor.call(KEY, lambda: 1) == 1
    assert executor.observer_errors > 0


def test_options_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^mode 'spans' is not known; use one of span-events, "):
        OTelObserver(mode="spans")
    with pytest.raises(ValueError, match=r"^exceptions 'always' is not known; use one of auto, "):
        OTelObserver(exceptions="always")
    with pytest.raises(ValueError, match=r"^key_limit -1 is negative; use 0 or more"):
        OTelObserver(key_limit=-1)


def test_a_scripted_failure_keeps_its_status(telemetry: Any) -> None:
    policy = Policy(KEY, retry=RetryPolicy(max_attempts=1, classifier="http"))

    with script(KEY, [http(503)]), pytest.raises(Exception):  # noqa: B017, PT011  # its status counts
        executor_with(telemetry.observer(), policy).call(KEY, lambda: None)

    assert telemetry.spans()[0].attributes["error.type"] == "503"
