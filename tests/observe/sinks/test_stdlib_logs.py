import logging
from typing import Any

import pytest

from recourse import Executor, Policy, RetryPolicy
from recourse_observe.sinks.stdlib_logs import LoggingObserver

KEY = "payments.Charge"


def test_lines_have_their_fields_in_the_message_and_as_extra(
    caplog: pytest.LogCaptureFixture, scenarios: Any
) -> None:
    with caplog.at_level(logging.INFO, "recourse.calls"):
        timeline = scenarios["retry"](LoggingObserver())

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]
    first: Any = caplog.records[0]
    assert first.getMessage().startswith(
        f"recourse.retry.scheduled policy_key={KEY} call_id={timeline.call_id} attempt=0 backoff_s=0.05"
    )
    assert (first.policy_key, first.attempt, first.reason) == (KEY, 0, "http_503")


def test_a_logger_and_levels_can_be_given(caplog: pytest.LogCaptureFixture, scenarios: Any) -> None:
    logger = logging.getLogger("shop")
    with caplog.at_level(logging.DEBUG, "shop"):
        scenarios["success"](LoggingObserver(logger, {"recourse.attempt": "off"}))

    assert [(r.name, r.levelname) for r in caplog.records] == [("shop", "DEBUG")]


def test_budgets_that_let_pass_are_told_when_asked(
    caplog: pytest.LogCaptureFixture, scenarios: Any
) -> None:
    with caplog.at_level(logging.DEBUG, "recourse.calls"):
        scenarios["budget_denial"](LoggingObserver(every_budget_decision=True))

    told = [each for each in caplog.records if "recourse.budget.decision" in each.getMessage()]
    assert [each.levelname for each in told][-2:] == ["DEBUG", "WARNING"]


def test_the_exception_is_written_when_asked(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> None:
        raise ConnectionRefusedError

    policy = Policy(KEY, retry=RetryPolicy(max_attempts=1))
    for exc_info in (False, True):
        executor = Executor(policies=[policy], observers=[LoggingObserver(exc_info=exc_info)])
        with caplog.at_level(logging.ERROR), pytest.raises(ConnectionRefusedError):
            executor.call(KEY, refuse)

    plain, full = caplog.records
    assert not plain.exc_info
    assert full.exc_info
    assert full.exc_info[0] is ConnectionRefusedError


def test_a_text_that_could_be_taken_for_another_line_is_in_quotes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse() -> None:
        message = "refused\nERROR a line that nobody wrote"
        raise ValueError(message)

    executor = Executor(
        policies=[Policy(KEY)], observers=[LoggingObserver()], capture_messages=True
    )
    with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="refused"):
        executor.call(KEY, refuse)

    [line] = caplog.records
    assert line.getMessage().endswith(r"error_message='refused\nERROR a line that nobody wrote'")
    assert getattr(line, "error_message", "").startswith("refused\n")
