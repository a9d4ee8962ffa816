"""Which attributes stand where, and where none do."""

from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from recourse import BudgetRef, Executor, Policy, RetryPolicy, Unlimited
from recourse.errors import NoPolicyError
from recourse.testing import VirtualClock, http, script
from recourse_observe.sinks.otel import httpx_request_hook

KEY = "payments.Charge"
MODES = ("span-events", "child-spans", "log-events")


def attempts(telemetry: Any, mode: str) -> list[dict[str, Any]]:
    """The attributes of every attempt."""
    match mode:
        case "span-events":
            [call] = telemetry.spans(KEY)
            told = [each for each in call.events if each.name.startswith("recourse.attempt")]
        case "child-spans":
            told = telemetry.spans(f"{KEY} attempt")
        case _:
            told = telemetry.logs("recourse.attempt")
    return [dict(each.attributes) for each in told]


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_says_which_budget_it_asked_and_for_what(telemetry: Any, mode: str) -> None:
    retry = RetryPolicy(classifier="http", budget=BudgetRef("spare"))
    executor = Executor(
        policies=[Policy(KEY, retry=retry)],
        budgets={"spare": Unlimited()},
        observers=[telemetry.observer(mode=mode)],
        clock=VirtualClock(),
    )

    with script(KEY, [http(503), "charged"]):
        executor.call(KEY, str)

    first, second = attempts(telemetry, mode)
    assert "recourse.budget.kind" not in first
    assert second["recourse.budget.name"] == "spare"
    assert second["recourse.budget.kind"] == "retry"


def test_a_run_that_was_cut_off_tells_what_any_attempt_tells(
    telemetry: Any, scenarios: Any
) -> None:
    scenarios["hedge"](telemetry.observer(mode="child-spans"))

    cut_off, won = attempts(telemetry, "child-spans")
    assert cut_off.keys() - won.keys() == {"recourse.attempt.cancel_reason"}
    assert won.keys() - cut_off.keys() == set()
    assert (cut_off["recourse.attempt.late"], cut_off["recourse.budget.allowed"]) == (False, True)


@pytest.mark.parametrize("mode", MODES)
def test_a_key_that_carries_request_data_is_on_no_span_and_no_record(
    telemetry: Any, mode: str
) -> None:
    executor = Executor(observers=[telemetry.observer(mode=mode)], clock=VirtualClock())

    with pytest.raises(NoPolicyError):
        executor.call("GET /users/123", str)

    told = [*telemetry.spans(), *telemetry.logs()]
    assert {each.attributes["recourse.policy.key"] for each in told} == {"_overflow"}


@pytest.mark.parametrize("mode", MODES)
def test_a_call_made_while_instrumentation_is_suppressed_writes_nothing(
    telemetry: Any, mode: str
) -> None:
    executor = Executor(
        policies=[Policy(KEY, retry=RetryPolicy(classifier="http"))],
        observers=[telemetry.observer(mode=mode)],
        clock=VirtualClock(),
    )

    with suppress_instrumentation(), script(KEY, [http(503), "charged"]):
        assert executor.call(KEY, str) == "charged"

    assert telemetry.spans() == []
    assert telemetry.logs() == []
    assert telemetry.points("recourse.call.duration") == []


def looks_at_errors(observer: Any) -> int:
    """How often the text of an error is asked for in a call that fails."""
    texts: list[str] = []

    def note(text: str) -> str:
        texts.append(text)
        return text

    executor = Executor(
        policies=[Policy(KEY, retry=RetryPolicy(classifier="http"))],
        observers=[observer],
        clock=VirtualClock(),
        capture_messages=True,
        redact=note,
    )
    with script(KEY, [http(400)]), pytest.raises(Exception, match="400"):
        executor.call(KEY, str)
    return len(texts)


def test_an_exception_that_nobody_will_see_is_not_looked_at(telemetry: Any) -> None:
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)

    looks = {
        where: looks_at_errors(telemetry.observer(tracer_provider=unsampled, exceptions=where))
        for where in ("off", "span", "logs")
    }

    assert looks["span"] == looks["off"] < looks["logs"]


@pytest.mark.parametrize("sent", [(), ("request",), ("pool", "request")])
def test_the_hook_takes_whatever_an_instrumentation_says(telemetry: Any, sent: Any) -> None:
    executor = Executor(policies=[Policy(KEY)], clock=VirtualClock())
    tracer, left = telemetry.tracers.get_tracer("client"), iter([ConnectionError(), None])

    def operation() -> None:
        with tracer.start_as_current_span("request") as span:
            httpx_request_hook(span, *sent)
        problem = next(left)
        if problem is not None:
            raise problem

    executor.call(KEY, operation)

    counts = [dict(span.attributes) for span in telemetry.spans("request")]
    assert counts == [{}, {"http.request.resend_count": 1}]
