import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from recourse import CircuitPolicy, Executor, Policy, RetryPolicy
from recourse.errors import NoPolicyError
from recourse.testing import VirtualClock
from recourse_observe.attributes import ATTRIBUTES
from recourse_observe.sinks.logs import StructlogObserver, add_trace_context

KEY = "payments.Charge"
BUDGET = "recourse.budget.decision"
TWICE = Policy(KEY, retry=RetryPolicy(max_attempts=2, jitter="none"))


@pytest.fixture
def lines() -> Iterator[Any]:
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as captured:
        yield captured


def logger_at(level: int, lines: list[Any]) -> Any:
    def keep(logger: Any, method: str, event_dict: Any) -> Any:
        lines.append({**event_dict, "log_level": method})
        raise structlog.DropEvent

    return structlog.wrap_logger(
        None,
        processors=[keep],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


def refuse() -> None:
    raise ConnectionRefusedError


def of(lines: Any, name: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == name]


def test_a_retried_call_is_two_lines_above_debug(scenarios: Any) -> None:
    lines: list[Any] = []
    timeline = scenarios["retry"](StructlogObserver(logger_at(logging.INFO, lines)))

    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("recourse.retry.scheduled", "warning"),
        ("recourse.retry.scheduled", "warning"),
        ("recourse.call.succeeded", "info"),
    ]
    assert lines[0] == {
        "event": "recourse.retry.scheduled",
        "log_level": "warning",
        "policy_key": KEY,
        "call_id": timeline.call_id,
        "attempt": 0,
        "reason": "http_503",
        "backoff_s": 0.05,
        "backoff_source": "policy",
        "budget_reason": "first_attempt",
        "error_type": "recourse.testing.blocks.HTTPFailure",
    }
    assert lines[2]["duration_s"] == pytest.approx(timeline.duration_s)
    assert (lines[2]["attempts_run"], lines[2]["hedges"]) == (3, 0)


def test_a_call_without_trouble_is_silent_above_debug(scenarios: Any) -> None:
    lines: list[Any] = []
    scenarios["success"](StructlogObserver(logger_at(logging.INFO, lines)))

    assert lines == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("success", ["debug recourse.attempt", "debug recourse.call.succeeded"]),
        (
            "hedge",
            [
                "info recourse.hedge.spawn",
                "debug recourse.hedge.cancel",
                "debug recourse.attempt",
                "info recourse.call.succeeded",
            ],
        ),
        (
            "budget_denial",
            [
                "debug recourse.attempt",
                "warning recourse.retry.scheduled",
                "debug recourse.attempt",
                "warning recourse.retry.scheduled",
                "warning recourse.budget.decision",
                "debug recourse.attempt",
                "error recourse.call.failed",
            ],
        ),
        ("cancellation", ["debug recourse.attempt", "info recourse.call.failed"]),
    ],
)
def test_everything_has_its_level(
    lines: Any, scenarios: Any, name: str, expected: list[str]
) -> None:
    scenarios[name](StructlogObserver())

    assert [f"{line['log_level']} {line['event']}" for line in lines] == expected


def test_budgets_that_let_pass_are_told_when_asked(lines: Any, scenarios: Any) -> None:
    scenarios["budget_denial"](StructlogObserver(every_budget_decision=True))

    told = [(line["budget_allowed"], line["log_level"]) for line in of(lines, BUDGET)]
    assert told[-1] == (False, "warning")
    assert set(told[:-1]) == {(True, "debug")}


def test_a_breaker_that_opens_is_a_warning(lines: Any, scenarios: Any) -> None:
    scenarios["circuit_open"](StructlogObserver())

    [line] = of(lines, "recourse.circuit.transition")
    assert line == {
        "event": "recourse.circuit.transition",
        "log_level": "warning",
        "policy_key": KEY,
        "call_id": line["call_id"],
        "from_state": "closed",
        "to_state": "open",
        "cause": "failure_threshold",
        "cooldown_s": line["cooldown_s"],
    }
    failed = of(lines, "recourse.call.failed")[-1]
    assert (failed["disposition"], failed["reason"], failed["error_type"]) == (
        "circuit_open",
        "circuit_open",
        "recourse.errors.CircuitOpenError",
    )


def test_a_breaker_changed_by_hand_knows_no_policy(lines: Any) -> None:
    policy = Policy(KEY, circuit=CircuitPolicy(enabled=True))
    executor = Executor(policies=[policy], observers=[StructlogObserver()])
    executor.call(KEY, lambda: 1)

    executor.circuits[KEY].isolate()

    [line] = of(lines, "recourse.circuit.transition")
    assert (line["log_level"], line["to_state"], line["cause"]) == ("info", "isolated", "manual")
    assert "cooldown_s" not in line


def test_an_unusual_policy_is_told_once_and_again_when_it_changes(lines: Any) -> None:
    policy = Policy(KEY, retry=RetryPolicy(max_attempts=10_000))
    executor = Executor(policies=[policy], observers=[StructlogObserver()])
    for _ in range(2):
        executor.call(KEY, lambda: 1)
        with pytest.raises(NoPolicyError):
            executor.call("payments.Refund", lambda: 1)

    [clamped] = of(lines, "recourse.policy.clamped")
    assert clamped["policy_normalized_fields"] == ["retry.max_attempts"]
    [fallback] = of(lines, "recourse.policy.fallback")
    assert (fallback["policy_source"], fallback["policy_mode"], fallback["error_type"]) == (
        "none",
        "deny",
        "not_found",
    )


def test_a_policy_that_is_usual_again_may_be_told_again(lines: Any) -> None:
    from recourse import PolicyKey
    from recourse.policy.model import EffectivePolicy

    class Changing:
        immediate = True
        attempts = iter([10_000, 3, 10_000])

        def get(self, key: PolicyKey) -> EffectivePolicy:
            return Policy(KEY, retry=RetryPolicy(max_attempts=next(self.attempts))).normalize()

    executor = Executor(provider=Changing(), observers=[StructlogObserver()])
    for _ in range(3):
        executor.call(KEY, lambda: 1)

    assert len(of(lines, "recourse.policy.clamped")) == 2


def test_policies_of_ever_new_keys_do_not_pile_up(lines: Any) -> None:
    executor = Executor(
        default_policy=Policy("any.Key", retry=RetryPolicy(max_attempts=10_000)),
        observers=[StructlogObserver()],
        max_keys=2000,
    )
    names = [
        f"service{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}.{chr(65 + i // 676)}"
        for i in range(1001)
    ]
    for name in names:
        executor.call(name, lambda: 1)
    executor.call(names[0], lambda: 1)

    assert len(of(lines, "recourse.policy.clamped")) == 1002


def test_the_operation_s_own_lines_carry_the_attempt(lines: Any) -> None:
    log = structlog.get_logger()

    def operation() -> None:
        log.info("charging")
        raise ConnectionRefusedError

    executor = Executor(policies=[TWICE], observers=[StructlogObserver()], clock=VirtualClock())
    with pytest.raises(ConnectionRefusedError):
        executor.call(KEY, operation)
    log.info("afterwards")

    own = of(lines, "charging")
    assert [(line["policy_key"], line["attempt"], line["hedge_index"]) for line in own] == [
        (KEY, 0, 0),
        (KEY, 1, 0),
    ]
    assert of(lines, "afterwards") == [{"event": "afterwards", "log_level": "info"}]


def test_binding_can_be_left_out_and_then_nothing_is_around_attempts(lines: Any) -> None:
    observer = StructlogObserver(bind_context=False)
    executor = Executor(policies=[TWICE], observers=[observer])

    executor.call(KEY, lambda: structlog.get_logger().info("charging"))

    assert of(lines, "charging") == [{"event": "charging", "log_level": "info"}]
    assert not hasattr(observer, "attempt_scope")


def test_levels_can_be_changed_and_lines_left_out(lines: Any, scenarios: Any) -> None:
    levels = {"recourse.attempt": "off", "recourse.retry.scheduled": "info"}

    scenarios["retry"](StructlogObserver(levels=levels))

    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("recourse.retry.scheduled", "info"),
        ("recourse.retry.scheduled", "info"),
        ("recourse.call.succeeded", "info"),
    ]


def test_levels_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^levels has 'retry', which is no line; use recourse\."):
        StructlogObserver(levels={"retry": "info"})
    with pytest.raises(ValueError, match=r"^level 'loud' of recourse\.attempt is not known; use "):
        StructlogObserver(levels={"recourse.attempt": "loud"})


def test_texts_of_errors_are_there_when_captured_and_exceptions_when_asked(lines: Any) -> None:
    def operation() -> None:
        message = "card 4111"
        raise ConnectionRefusedError(message)

    for capture, exc_info in ((False, False), (True, True)):
        executor = Executor(
            policies=[TWICE],
            observers=[StructlogObserver(exc_info=exc_info)],
            capture_messages=capture,
            redact=lambda text: text.replace("4111", "****"),
            clock=VirtualClock(),
        )
        with pytest.raises(ConnectionRefusedError):
            executor.call(KEY, operation)

    plain, full = of(lines, "recourse.call.failed")
    assert "error_message" not in plain
    assert "exc_info" not in plain
    assert full["error_message"] == "card ****"
    assert isinstance(full["exc_info"], ConnectionRefusedError)


def test_any_kind_of_logger_will_do(scenarios: Any) -> None:
    lines: list[str] = []

    class Plain:
        def bind(self) -> "Plain":
            return self

        def __getattr__(self, level: str) -> Any:
            if level not in ("debug", "info", "warning", "error"):
                raise AttributeError(level)
            return lambda event, **fields: lines.append(event)

    scenarios["success"](StructlogObserver(Plain()))

    assert lines == ["recourse.attempt", "recourse.call.succeeded"]


def test_a_retry_whose_attempt_was_not_heard_is_told_without_its_reason(
    lines: Any, scenarios: Any
) -> None:
    from recourse import events

    observer = StructlogObserver()

    class Late:
        def on_event(self, event: Any) -> None:
            if isinstance(event, events.RetryScheduled):
                observer.on_event(event)

    scenarios["retry"](Late())

    assert "reason" not in lines[0]
    assert lines[0]["backoff_s"] == 0.05


def test_lines_in_a_span_carry_its_ids() -> None:
    tracers = TracerProvider(shutdown_on_exit=False)

    with tracers.get_tracer("app").start_as_current_span("checkout") as span:
        line = add_trace_context(None, "info", {"event": "paid"})

    context = span.get_span_context()
    assert line == {
        "event": "paid",
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "trace_flags": f"{context.trace_flags:02x}",
    }
    assert add_trace_context(None, "info", {"event": "paid"}) == {"event": "paid"}


def test_keys_of_lines_are_listed(lines: Any, scenarios: Any) -> None:
    for scenario in scenarios.values():
        scenario(StructlogObserver())

    listed = {each.field for each in ATTRIBUTES}
    ours = {
        "event",
        "log_level",
        "duration_s",
        "backoff_source",
        "mode",
        "cause",
        "cooldown_s",
        "ran",
    }
    assert {key for line in lines for key in line} - listed - ours == set()


@pytest.mark.parametrize(
    ("logger", "kind"),
    [
        (structlog.PrintLogger(), structlog.BoundLogger),
        (logging.getLogger("shop"), structlog.stdlib.BoundLogger),
        (logging.getLogger("shop"), structlog.stdlib.AsyncBoundLogger),
    ],
)
def test_every_kind_of_bound_logger_gets_the_lines(logger: Any, kind: Any, scenarios: Any) -> None:
    lines: list[str] = []

    def keep(_: Any, method: str, event_dict: Any) -> Any:
        lines.append(f"{method} {event_dict['event']}")
        raise structlog.DropEvent

    logging.getLogger("shop").setLevel(logging.DEBUG)
    wrapped = structlog.wrap_logger(logger, processors=[keep], wrapper_class=kind)

    async def on_a_loop() -> None:  # where alone an asynchronous logger can be made
        scenarios["retry"](StructlogObserver(wrapped, {"recourse.attempt": "off"}))

    asyncio.run(on_a_loop())

    assert lines == [
        "warning recourse.retry.scheduled",
        "warning recourse.retry.scheduled",
        "info recourse.call.succeeded",
    ]
