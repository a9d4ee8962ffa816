"""What spans say of six calls is what their timelines say."""

from typing import Any

from opentelemetry.trace import SpanKind, StatusCode

FAILED = ("retryable", "non_retryable", "abort")


def facts(record: Any, index: int) -> dict[str, Any]:
    return {
        "recourse.attempt.index": index,
        "recourse.attempt.retry_index": record.attempt,
        "recourse.attempt.hedge_index": record.hedge_index,
        "recourse.attempt.hedge": record.is_hedge,
        "recourse.attempt.outcome": record.outcome.kind,
        "recourse.attempt.reason": record.outcome.reason,
    }


def test_the_call_span_is_the_timeline(telemetry: Any, scenario: Any) -> None:
    timeline = scenario(telemetry.observer())

    span = telemetry.spans("payments.Charge")[-1]
    assert (span.start_time, span.end_time) == (timeline.started_unix_ns, timeline.ended_unix_ns)
    assert span.kind is SpanKind.INTERNAL
    assert (
        span.attributes.items()
        >= {
            "recourse.policy.key": "payments.Charge",
            "recourse.policy.id": timeline.policy_id,
            "recourse.policy.source": timeline.attributes["policy_source"],
            "recourse.policy.mode": "standard",
            "recourse.call.id": timeline.call_id,
            "recourse.call.result": timeline.disposition,
            "recourse.call.attempts": timeline.attempts_run,
            "recourse.call.hedges": sum(
                1 for each in timeline.attempts if each.is_hedge and each.ran
            ),
        }.items()
    )
    failed = timeline.disposition not in ("success", "cancelled")
    assert span.status.status_code is (StatusCode.ERROR if failed else StatusCode.UNSET)
    assert ("error.type" in span.attributes) is failed


def test_span_events_are_the_attempts(telemetry: Any, scenario: Any) -> None:
    timeline = scenario(telemetry.observer())

    [*_, span] = telemetry.spans("payments.Charge")
    told = {
        event.attributes["recourse.attempt.index"]: event.attributes
        for event in span.events
        if event.name in ("recourse.attempt", "recourse.hedge.cancel")
    }
    assert sorted(told) == list(range(len(timeline.attempts)))
    for index, record in enumerate(timeline.attempts):
        assert told[index].items() >= facts(record, index).items()
        assert told[index]["recourse.attempt.waited_before"] == record.waited_before_s


def test_child_spans_are_the_attempts_that_ran(telemetry: Any, scenario: Any) -> None:
    timeline = scenario(telemetry.observer(mode="child-spans"))

    call = telemetry.spans("payments.Charge")[-1]
    children = [
        span
        for span in telemetry.spans("payments.Charge attempt")
        if span.parent.span_id == call.context.span_id
    ]
    ran = [record for record in timeline.attempts if record.ran]
    assert len(children) == len(ran)
    for index, (record, span) in enumerate(zip(ran, children, strict=True)):
        assert span.attributes.items() >= facts(record, index).items()
        assert (span.start_time, span.end_time) == (record.started_unix_ns, record.ended_unix_ns)
        failed = record.outcome.kind in FAILED
        assert span.status.status_code is (StatusCode.ERROR if failed else StatusCode.UNSET)
        assert ("error.type" in span.attributes) is failed


def test_log_events_are_tied_to_the_call_span(telemetry: Any, scenario: Any) -> None:
    timeline = scenario(telemetry.observer(mode="log-events"))

    span = telemetry.spans("payments.Charge")[-1]
    told = [
        record
        for name in ("recourse.attempt", "recourse.hedge.cancel")
        for record in telemetry.logs(name)
        if record.span_id == span.context.span_id
    ]
    told.sort(key=lambda record: record.attributes["recourse.attempt.index"])
    assert len(told) == len(timeline.attempts)
    for index, (record, log) in enumerate(zip(timeline.attempts, told, strict=True)):
        assert log.attributes.items() >= facts(record, index).items()
    assert span.events == ()


def test_a_failed_call_writes_its_exception_once(telemetry: Any, scenario: Any) -> None:
    timeline = scenario(telemetry.observer())

    records = [
        record
        for record in telemetry.logs("recourse.call.exception")
        if record.attributes["recourse.call.id"] == timeline.call_id
    ]
    failed = timeline.disposition not in ("success", "cancelled")
    assert len(records) == int(failed)
    assert all(record.severity_text == "WARN" for record in records)
    assert all(event.name != "exception" for span in telemetry.spans() for event in span.events)


def test_a_trace_and_its_archive_know_each_other(telemetry: Any, scenarios: Any) -> None:
    heard: list[Any] = []
    otel = telemetry.observer()

    class Both:
        def on_event(self, event: Any) -> None:
            otel.on_event(event)
            heard.append(event)

    scenarios["success"](Both())

    [span] = telemetry.spans()
    assert {(event.trace_id, event.span_id) for event in heard} == {
        (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}")
    }
