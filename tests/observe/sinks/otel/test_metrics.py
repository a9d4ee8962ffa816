from typing import Any

import pytest

from recourse import Executor, Policy
from recourse.testing import VirtualClock
from recourse_observe.attributes import ATTRIBUTES, METRICS

KEY = {"recourse.policy.key": "payments.Charge"}


def test_every_metric_is_declared_and_has_what_is_declared(telemetry: Any, scenarios: Any) -> None:
    observer = telemetry.observer()
    observer.watch_dropped("archive", lambda: {"queue_full": 3})
    for scenario in scenarios.values():
        scenario(observer)

    data = telemetry.reader.get_metrics_data()
    written = {
        metric.name: (
            metric.unit,
            metric.description,
            {name for point in metric.data.data_points for name in point.attributes},
        )
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
    }
    declared = {each.name: (each.unit, each.about, set(each.attributes)) for each in METRICS}
    optional = {"recourse.policy.resolutions": {"error.type"}}
    assert {
        name: (unit, about, names | optional.get(name, set()))
        for name, (unit, about, names) in written.items()
    } == declared
    assert max(len(each.attributes) for each in METRICS) == 3
    assert {name for each in METRICS for name in each.attributes} <= {a.name for a in ATTRIBUTES}


def test_calls_and_attempts_are_counted_by_how_they_ended(telemetry: Any, scenarios: Any) -> None:
    scenarios["retry"](telemetry.observer())
    scenarios["budget_denial"](telemetry.observer())

    assert telemetry.points("recourse.call.duration") == [
        ({**KEY, "recourse.call.result": "budget_denied", "error.type": "503"}, 1),
        ({**KEY, "recourse.call.result": "success"}, 1),
    ]
    assert telemetry.points("recourse.attempt.duration") == [
        ({**KEY, "recourse.attempt.outcome": "retryable", "error.type": "429"}, 1),
        ({**KEY, "recourse.attempt.outcome": "retryable", "error.type": "503"}, 3),
        ({**KEY, "recourse.attempt.outcome": "success"}, 1),
    ]
    assert telemetry.points("recourse.call.retries") == [(KEY, 2)]
    assert telemetry.points("recourse.call.active") == [(KEY, 0)]
    budget = {"recourse.budget.name": "payments", "recourse.budget.kind": "retry"}
    assert telemetry.points("recourse.budget.decisions") == [
        ({**budget, "recourse.budget.reason": "allowed"}, 1),
        ({**budget, "recourse.budget.reason": "budget_denied"}, 1),
    ]


def test_a_call_without_hedges_and_retries_records_neither(telemetry: Any, scenarios: Any) -> None:
    scenarios["success"](telemetry.observer())

    for name in ("recourse.call.retries", "recourse.call.hedges", "recourse.call.retry_delay"):
        assert telemetry.points(name) == []


def test_the_state_of_a_breaker_is_one_of_its_states(telemetry: Any, scenarios: Any) -> None:
    scenarios["circuit_open"](telemetry.observer())

    states = {
        facts["recourse.circuit.state"]: value
        for facts, value in telemetry.points("recourse.circuit.state")
    }
    assert states == {"closed": 0, "open": 1, "half_open": 0, "isolated": 0, "disabled": 0}


def test_keys_beyond_the_limit_are_put_together(telemetry: Any) -> None:
    executor = Executor(
        default_policy=Policy("any.Key"),
        observers=[telemetry.observer(key_limit=2)],
        clock=VirtualClock(),
    )

    for name in ("a.A", "b.B", "c.C", "d.D", "a.A"):
        executor.call(name, lambda: 1)

    assert telemetry.points("recourse.call.active") == [
        ({"recourse.policy.key": name}, 0) for name in ("_overflow", "a.A", "b.B")
    ]
    counts = {
        facts["recourse.policy.key"]: count
        for facts, count in telemetry.points("recourse.call.duration")
    }
    assert counts == {"a.A": 2, "b.B": 1, "_overflow": 2}


def test_a_call_that_ends_before_its_policy_is_known_was_never_active(telemetry: Any) -> None:
    executor = Executor(
        default_policy=Policy("any.Key"), observers=[telemetry.observer()], key_guard="raise"
    )

    with pytest.raises(ValueError, match="names of operations"):
        executor.call("users.Get 8d7f1a52-1f6e-4a51-9a40-6f0c5f1b2f11", lambda: 1)

    assert telemetry.points("recourse.call.active") == []
    [(facts, count)] = telemetry.points("recourse.call.duration")
    assert (facts["recourse.policy.key"], count) == ("_overflow", 1)


def test_a_measurement_points_to_the_trace_of_its_call(telemetry: Any, scenarios: Any) -> None:
    scenarios["success"](telemetry.observer())

    [span] = telemetry.spans()
    data = telemetry.reader.get_metrics_data()
    [duration] = [
        metric
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "recourse.call.duration"
    ]
    [exemplar] = duration.data.data_points[0].exemplars
    assert (exemplar.trace_id, exemplar.span_id) == (span.context.trace_id, span.context.span_id)


def test_without_metrics_there_are_spans_only(telemetry: Any, scenarios: Any) -> None:
    observer = telemetry.observer(metrics=False)
    observer.watch_dropped("archive", dict)
    for scenario in scenarios.values():
        scenario(observer)

    assert telemetry.reader.get_metrics_data() is None
    assert telemetry.spans() != []


def test_losses_that_cannot_be_read_keep_no_others_from_being_told(
    telemetry: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> dict[str, int]:
        raise RuntimeError

    observer = telemetry.observer()
    observer.watch_dropped("broken", broken)
    observer.watch_dropped("archive", lambda: {"queue_full": 2})

    [(facts, lost)] = telemetry.points("recourse.observer.dropped")

    assert (facts["recourse.observer.name"], lost) == ("archive", 2)
    assert caplog.messages == ["losses of observer broken cannot be read"]
