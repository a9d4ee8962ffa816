"""What the classifier is asked, and what becomes of its answer."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

import pytest

from recourse import (
    AttemptTimeout,
    ByException,
    ByResult,
    CircuitPolicy,
    ClassifierError,
    Outcome,
    OutcomeKind,
    ResultRejected,
    RetryPolicy,
    current_attempt,
)
from recourse.policy.model import EffectivePolicy, Jitter
from recourse.reasons import BreakerState, Disposition
from recourse.testing import http

KEY = "svc.Op"


class Asked:
    """A classifier that remembers what it was asked, and answers by a function."""

    def __init__(self, answer: Callable[[Any, Exception | None], Any]) -> None:
        self.answer = answer
        self.seen: list[tuple[Any, Exception | None]] = []

    def classify(self, value: Any, error: Exception | None) -> Any:
        self.seen.append((value, error))
        return self.answer(value, error)


def raising(error: BaseException) -> Callable[[Any, Exception | None], Any]:
    def answer(value: Any, failed: Exception | None) -> Any:
        raise error

    return answer


def under(classifier: Any, max_attempts: int = 3) -> dict[str, Any]:
    retry = RetryPolicy(classifier="mine", max_attempts=max_attempts, jitter=Jitter.NONE)
    return {"retry": retry, "classifiers": {"mine": classifier}}


RETRYABLE = Outcome(OutcomeKind.RETRYABLE)
SUCCESS = Outcome(OutcomeKind.SUCCESS)


def test_r12_every_attempt_is_classified_once_with_its_value_or_error(both: Any) -> None:
    errors = [OSError("one"), ValueError("two")]
    mine = Asked(lambda value, error: RETRYABLE if error else SUCCESS)

    told = both([*errors, "done"], **under(mine))

    assert mine.seen == [(None, errors[0]), (None, errors[1]), ("done", None)]
    assert told.value == "done"


def test_r12_the_whole_outcome_is_recorded(both: Any) -> None:
    rich = Outcome(OutcomeKind.NON_RETRYABLE, "sold_out", {"shop": "7"}, retry_after_s=4.0)

    told = both([OSError], **under(Asked(lambda *_: rich)))

    assert told.timeline.attempts[0].outcome == rich


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (OutcomeKind.RETRYABLE, "retryable_error"),
        (OutcomeKind.NON_RETRYABLE, "non_retryable_error"),
        (OutcomeKind.ABORT, "abort"),
    ],
)
def test_r12_an_empty_reason_is_the_one_of_its_kind(
    both: Any, kind: OutcomeKind, reason: str
) -> None:
    told = both([OSError], **under(Asked(lambda *_: Outcome(kind))))

    assert told.timeline.attempts[0].outcome.reason == reason


@pytest.mark.parametrize(
    ("answer", "reason", "problem"),
    [
        (raising(ZeroDivisionError("x")), "classifier_error", "raised ZeroDivisionError"),
        (lambda *_: None, "unknown_outcome", "gave NoneType"),
        (lambda *_: "retryable", "unknown_outcome", "gave str"),
        (lambda *_: Outcome("sideways"), "unknown_outcome", "gave sideways"),  # type: ignore[arg-type]
        (lambda *_: Outcome([], "x"), "unknown_outcome", "gave []"),  # type: ignore[arg-type]
        (lambda *_: Outcome(OutcomeKind.ABANDONED), "unknown_outcome", "gave abandoned"),
        (
            lambda *_: Outcome(OutcomeKind.RETRYABLE, retry_after_s="5"),  # type: ignore[arg-type]
            "classifier_error",
            "raised PolicyError",
        ),
    ],
    ids=["raises", "none", "text", "unknown kind", "unhashable kind", "our own kind", "bad wait"],
)
def test_r13_a_classifier_that_fails_ends_the_call(
    both: Any, answer: Any, reason: str, problem: str
) -> None:
    error = OSError("the operation's own")

    failed = both([error, "never"], **under(Asked(answer)))
    gave = both(["done", "never"], **under(Asked(answer)))

    assert failed.error is error
    assert isinstance(gave.error, ClassifierError)
    assert gave.error.args == ("Asked", problem)
    for told in (failed, gave):
        assert told.runs == 1
        assert told.timeline.disposition is Disposition.ABORTED
        outcome = told.timeline.attempts[0].outcome
        assert (outcome.kind, outcome.reason) == (OutcomeKind.ABORT, reason)


@pytest.mark.parametrize("result", ["done", OSError("the operation's own")])
@pytest.mark.parametrize(
    ("interrupt", "reason"),
    [(KeyboardInterrupt(), "interrupted"), (asyncio.CancelledError(), "cancelled")],
)
def test_r18_an_interrupt_in_a_classifier_ends_the_call_as_one_in_the_operation_does(
    both: Any, result: Any, interrupt: BaseException, reason: str
) -> None:
    told = both([result, "never"], **under(Asked(raising(interrupt))))

    assert told.error is interrupt
    assert told.timeline.disposition == reason
    assert told.outcomes == [(0, 0, "cancelled", reason)]
    assert told.names[-2:] == ["AttemptEnd", "CallEnd"]


def test_r13_a_classifier_error_is_raised_from_what_the_classifier_raised(both: Any) -> None:
    problem = ZeroDivisionError("x")

    told = both(["done"], **under(Asked(raising(problem))))

    assert told.error is not None
    assert told.error.__cause__ is problem


def test_r13_a_classifier_that_fails_is_neutral_for_the_breaker(both: Any) -> None:
    executor = both.executor(
        circuit=CircuitPolicy(threshold=1), **under(Asked(raising(ValueError())))
    )

    both([OSError], executor=executor)
    both(["done"], executor=executor)

    assert executor.circuits[KEY].state is BreakerState.CLOSED


def test_a_base_exception_of_a_classifier_propagates(both: Any) -> None:
    class Stopping:
        def classify(self, value: Any, error: Exception | None) -> Outcome:
            raise KeyboardInterrupt

    executor = both.executor(**under(Stopping()))

    def called() -> None:
        operation = both.operation([OSError])
        if both.is_async:
            both.clock.run(executor.acall(KEY, operation))
        else:
            executor.call(KEY, operation)

    with pytest.raises(KeyboardInterrupt):
        called()


# ------------------------------------------------------------------------------ what errors tell
def test_r14_an_answer_among_the_causes_of_what_was_raised_decides(both: Any) -> None:
    wrapped = ValueError("ours")
    wrapped.__cause__ = http(404)

    told = both([wrapped])

    assert told.error is wrapped
    assert told.outcomes == [(0, 0, "non_retryable", "http_404")]


def test_r14_an_answer_that_was_only_being_handled_decides_nothing(both: Any) -> None:
    handling = ValueError("ours")
    handling.__context__ = http(404)

    told = both([handling, "done"])

    assert told.value == "done"
    assert told.outcomes[0] == (0, 0, "retryable", "retryable_error")


def test_r16_a_post_that_timed_out_is_not_made_again(both: Any) -> None:
    def charge() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        attempt.annotate(method="POST")
        yield 60.0
        return "late"

    retry = RetryPolicy(timeout_per_attempt_s=1.0)
    told = both(charge, retry=retry, sync_timeout="thread")

    assert type(told.error) is AttemptTimeout
    assert (told.runs, told.took_s) == (1, 1.0)
    assert told.outcomes == [(0, 0, "non_retryable", "http_non_idempotent")]


@pytest.mark.parametrize(("leaf", "runs"), [(OSError(), 3), (http(404), 1)])
def test_r17_a_group_is_retried_by_its_leaves_and_passes_on_unchanged(
    both: Any, leaf: Exception, runs: int
) -> None:
    leaves = [http(503), leaf]
    group = ExceptionGroup("two", leaves)

    told = both([group])

    assert told.error is group
    assert list(group.exceptions) == leaves
    assert told.runs == runs


def test_r15_a_value_that_stays_rejected_is_raised_as_result_rejected(both: Any) -> None:
    values = [{"state": "pending", "n": n} for n in range(3)]

    told = both(list(values), **under(ByResult(lambda value: value["state"] == "pending")))

    assert isinstance(told.error, ResultRejected)
    assert told.error.outcome.reason == "result_rejected"
    assert told.error.value is values[2]
    assert told.timeline.disposition is Disposition.EXHAUSTED
    assert told.runs == 3


@pytest.mark.parametrize(
    ("kind", "disposition"),
    [
        (OutcomeKind.NON_RETRYABLE, Disposition.TERMINAL),
        (OutcomeKind.ABORT, Disposition.ABORTED),
    ],
)
def test_r15_a_rejected_value_that_is_final_is_raised_at_once(
    both: Any, kind: OutcomeKind, disposition: Disposition
) -> None:
    outcome = Outcome(kind, "because")

    told = both(["no", "never"], **under(Asked(lambda *_: outcome)))

    assert isinstance(told.error, ResultRejected)
    assert told.error.args == (outcome, "no")
    assert (told.runs, told.timeline.disposition) == (1, disposition)


def test_r15_a_value_may_be_rejected_until_it_is_good(both: Any) -> None:
    told = both([None, None, "done"], **under(ByResult(lambda value: value is None)))

    assert (told.value, told.runs) == ("done", 3)


@pytest.mark.parametrize(
    "classifier",
    [
        Asked(lambda value, error: RETRYABLE if error else SUCCESS),
        ByException({Exception: "retryable"}),
    ],
    ids=["own", "by exception"],
)
@pytest.mark.parametrize("circuit", [None, CircuitPolicy(threshold=1)], ids=["plain", "breaker"])
def test_r19_a_cancelled_future_inside_the_operation_ends_the_call(
    both: Any, classifier: Any, circuit: CircuitPolicy | None
) -> None:
    error = concurrent.futures.CancelledError()
    executor = both.executor(circuit=circuit, **under(classifier))

    told = both([error, "never"], executor=executor)

    assert told.error is error
    assert told.runs == 1
    outcome = told.timeline.attempts[0].outcome
    assert (outcome.kind, outcome.reason) == (OutcomeKind.ABORT, "inner_cancelled")
    assert told.timeline.disposition is Disposition.ABORTED
    if circuit is not None:
        assert executor.circuits[KEY].state is BreakerState.CLOSED


@pytest.mark.parametrize("circuit", [None, CircuitPolicy(threshold=1)], ids=["plain", "breaker"])
def test_r19_a_cancelled_task_inside_the_operation_ends_the_call(
    both: Any, circuit: CircuitPolicy | None
) -> None:
    error = asyncio.CancelledError()
    executor = both.executor(circuit=circuit)

    told = both([error, "never"], executor=executor)

    assert told.error is error
    assert told.runs == 1
    outcome = told.timeline.attempts[0].outcome
    assert (outcome.kind, outcome.reason) == (OutcomeKind.ABORT, "inner_cancelled")
    assert told.timeline.disposition is Disposition.ABORTED
    if circuit is not None:
        assert executor.circuits[KEY].state is BreakerState.CLOSED


def test_a_missing_classifier_falls_back_to_the_default_one(both: Any) -> None:
    told = both([OSError, "done"], retry=RetryPolicy(classifier="typo", jitter=Jitter.NONE))

    assert (told.value, told.runs) == ("done", 2)


@pytest.mark.parametrize("circuit", [None, CircuitPolicy()], ids=["plain", "breaker"])
def test_r58_a_missing_classifier_refuses_the_call_when_that_is_wanted(
    both: Any, circuit: CircuitPolicy | None
) -> None:
    executor = both.executor(
        retry=RetryPolicy(classifier="typo"), circuit=circuit, missing_classifier="deny"
    )

    told = both(["never"], executor=executor)

    assert told.runs == 0
    assert told.timeline.disposition is Disposition.POLICY_DENIED
    assert told.timeline.attributes["policy_failure"] == "classifier_not_found"
    assert len(executor.circuits) == 0


def test_a_default_classifier_may_be_chosen_by_name(both: Any) -> None:
    mine = Asked(lambda *_: SUCCESS)

    both(["done"], classifiers={"mine": mine}, default_classifier="mine")

    assert mine.seen == [("done", None)]


def test_a_classifier_is_told_the_policy_when_it_wants_it(both: Any) -> None:
    policies: list[EffectivePolicy] = []

    class Aware(Asked):
        def bound_to(self, policy: EffectivePolicy) -> "Aware":
            policies.append(policy)
            return self

    both(["done"], **under(Aware(lambda *_: SUCCESS)), idempotent=True)

    assert [policy.idempotent for policy in policies] == [True]


def test_a_classifier_that_cannot_follow_the_policy_is_as_good_as_missing(both: Any) -> None:
    class Stubborn(Asked):
        def bound_to(self, policy: EffectivePolicy) -> "Stubborn":
            raise ValueError(policy.id)

    mine = Stubborn(lambda *_: SUCCESS)

    fell_back = both([OSError, "done"], **under(mine))
    refused = both(["never"], **under(mine), missing_classifier="deny")

    assert (fell_back.value, fell_back.runs) == ("done", 2)
    assert refused.timeline.attributes["policy_failure"] == "classifier_not_found"
