"""What a failing call raises, what it says of it, and what it keeps alive."""

import dataclasses
import gc
import traceback
import weakref
from contextlib import suppress
from typing import Any

import pytest

from recourse import (
    BudgetRef,
    ByResult,
    CircuitPolicy,
    Executor,
    NoPolicyError,
    Policy,
    PolicyKey,
    RecourseError,
    ResultRejected,
    RetryExhausted,
    RetryPolicy,
    TokenBucket,
    timeline_of,
)
from recourse.errors import DeadlineExceeded
from recourse.policy.model import Jitter
from recourse.reasons import Disposition
from recourse.testing import http
from recourse.timeline import ErrorText

KEY = "svc.Op"
THRICE = RetryPolicy(max_attempts=3, jitter=Jitter.NONE)


def notes(error: BaseException | None) -> list[str]:
    return list(getattr(error, "__notes__", []))


def test_r70_the_last_attempts_own_exception_is_raised_with_one_line_about_the_call(
    both: Any,
) -> None:
    errors = [OSError(str(n)) for n in range(3)]

    told = both(list(errors))

    assert told.error is errors[2]
    assert notes(errors[2]) == ["recourse: svc.Op exhausted after 3 attempts in 0.150 s"]
    assert notes(errors[0]) == notes(errors[1]) == []
    assert errors[2].__cause__ is None


def test_r70_the_timeline_hangs_on_the_exception(both: Any) -> None:
    told = both([OSError("a"), KeyError("b"), OSError("c")])

    kept = timeline_of(told.error)

    assert kept is not None
    assert kept.shape() == told.timeline.shape()
    assert kept.call_id == told.timeline.call_id
    assert [str(record.error) for record in kept.attempts] == ["OSError", "KeyError", "OSError"]
    assert isinstance(kept.error, ErrorText)


def test_r70_an_error_that_no_call_raised_has_no_timeline() -> None:
    assert timeline_of(OSError()) is None


def test_r70_one_object_raised_again_and_again_keeps_one_line(both: Any) -> None:
    error = OSError("the only one")
    error.add_note("my own note")

    for _ in range(3):
        both([error])

    assert notes(error) == [
        "my own note",
        "recourse: svc.Op exhausted after 3 attempts in 0.150 s",
    ]


def test_r70_nested_calls_say_one_line_each(both: Any) -> None:
    inner = Executor([Policy("inner.Op", retry=RetryPolicy(max_attempts=1))], clock=both.clock)

    def operation() -> Any:
        inner.call("inner.Op", failing)
        yield 0.0

    def failing() -> None:
        raise OSError("both")

    told = both(operation)

    assert [note.split(" after")[0] for note in notes(told.error)] == [
        "recourse: inner.Op exhausted",
        "recourse: svc.Op exhausted",
    ]


@pytest.mark.parametrize("kept", ["a text", None, [b"no text"]])
def test_r70_an_exception_may_keep_what_it_wants_where_notes_are(both: Any, kept: Any) -> None:
    error = OSError("the only one")
    error.__dict__["__notes__"] = kept
    line = "recourse: svc.Op exhausted after 3 attempts in 0.150 s"

    told = both([error])

    assert told.error is error
    assert error.__notes__ == ([*kept, line] if isinstance(kept, list) else kept)


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


class Slotted(Exception):
    __slots__ = ("code",)


class Closed(Exception):
    def __getattr__(self, name: str) -> Any:
        message = f"no {name} here"
        raise RuntimeError(message)


def test_r70_an_exception_that_lets_nobody_look_at_attributes_is_retried_like_any_other(
    both: Any,
) -> None:
    error = Closed()

    told = both([error])

    assert (told.error, told.runs) == (error, 3)
    assert error.__dict__["__notes__"] == ["recourse: svc.Op exhausted after 3 attempts in 0.150 s"]


@pytest.mark.parametrize("error", [Frozen(7), Slotted(7), StopAsyncIteration()], ids=repr)
def test_r70_an_exception_that_lets_nobody_set_attributes_passes_through_as_well(
    both: Any, error: Exception
) -> None:
    told = both([error])

    assert told.error is error
    assert timeline_of(error) is not None
    assert any("recourse: svc.Op" in line for line in traceback.format_exception(error))


def test_r70_wrapped_errors_list_what_every_attempt_raised(both: Any) -> None:
    errors = [OSError("a"), ValueError("b"), KeyError("c")]

    told = both(list(errors), errors="wrap")

    assert isinstance(told.error, RetryExhausted)
    assert told.error.exceptions == tuple(errors)
    assert told.error.message == "svc.Op: 3 attempts failed (exhausted)"
    assert notes(told.error) == ["recourse: svc.Op exhausted after 3 attempts in 0.150 s"]
    assert timeline_of(told.error) is not None
    assert isinstance(told.error, RecourseError)


def test_r70_wrapped_errors_split_by_type() -> None:
    executor = Executor(
        [Policy(KEY, retry=RetryPolicy(max_attempts=2, initial_backoff_s=0.001))], errors="wrap"
    )
    raised = iter([OSError("a"), ValueError("b")])

    def failing() -> None:
        raise next(raised)

    seen: list[list[str]] = []
    try:
        executor.call(KEY, failing)
    except* OSError as group:
        seen.append([str(error) for error in group.exceptions])
    except* ValueError as group:
        seen.append([str(error) for error in group.exceptions])

    assert seen == [["a"], ["b"]]


def test_r70_a_rejected_value_is_in_the_group_as_what_it_would_have_been_raised_as(
    both: Any,
) -> None:
    told = both(
        ["first", OSError("b"), "last"],
        retry=RetryPolicy(classifier="mine", jitter=Jitter.NONE),
        classifiers={"mine": ByResult(lambda value: value is not None)},
        errors="wrap",
    )

    assert isinstance(told.error, RetryExhausted)
    assert [type(error) for error in told.error.exceptions] == [
        ResultRejected,
        OSError,
        ResultRejected,
    ]
    rejected = [each for each in told.error.exceptions if isinstance(each, ResultRejected)]
    assert [each.value for each in rejected] == ["first", "last"]
    assert {each.outcome for each in rejected} == {told.timeline.attempts[0].outcome}


def test_r70_a_final_error_is_never_wrapped(both: Any) -> None:
    error = http(404)

    told = both([http(503), error], errors="wrap")

    assert told.error is error
    assert told.timeline.disposition is Disposition.TERMINAL


@pytest.mark.parametrize("errors", ["last", "wrap"])
def test_a_deadline_within_an_attempt_is_raised_as_such_with_the_last_error_as_its_cause(
    both: Any, errors: str
) -> None:
    retry = RetryPolicy(overall_timeout_s=0.2, jitter=Jitter.NONE)
    first = OSError("first")

    told = both([first, (1.0, OSError("late"))], retry=retry, errors=errors)

    assert isinstance(told.error, DeadlineExceeded)
    assert told.error.args == (KEY, 0.2)
    assert isinstance(told.error.__cause__, OSError)
    assert notes(told.error) != []


def test_r37_the_reason_of_a_denial_is_on_the_exception(both: Any) -> None:
    told = both(
        [OSError("first")],
        retry=RetryPolicy(budget=BudgetRef("b"), jitter=Jitter.NONE),
        budgets={"b": TokenBucket(1, 0)},
    )

    assert notes(told.error) == [
        "recourse: svc.Op budget_denied (budget_denied) after 2 attempts in 0.050 s"
    ]


def test_a_refused_call_says_from_what(both: Any) -> None:
    class Broken:
        def get(self, key: PolicyKey) -> Policy:
            raise ZeroDivisionError

    told = both(["never"], provider=Broken())

    assert isinstance(told.error, NoPolicyError)
    assert isinstance(told.error.__cause__, ZeroDivisionError)
    kept = timeline_of(told.error)
    assert kept is not None
    assert kept.disposition is Disposition.POLICY_DENIED


class Traced(Exception):
    """An exception that can be watched."""


@pytest.mark.parametrize(
    "options",
    [{}, {"errors": "wrap"}, {"circuit": CircuitPolicy(threshold=99)}],
    ids=["last", "wrap", "breaker"],
)
@pytest.mark.parametrize("heard", [False, True])
def test_a_failed_call_leaves_no_cycle_behind(
    both: Any, options: dict[str, Any], *, heard: bool
) -> None:
    circuit = options.get("circuit")
    policy = Policy(KEY, retry=THRICE, circuit=circuit)
    facts = {name: value for name, value in options.items() if name != "circuit"}
    observers = [both.heard] if heard else []
    executor = Executor([policy], clock=both.clock, observers=observers, **facts)
    gone: list[weakref.ref[Traced]] = []

    def failing() -> None:
        error = Traced("secret")
        gone.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    async def afailing() -> None:
        failing()

    async def acalled() -> None:
        with suppress(Traced, RetryExhausted):
            await executor.acall(KEY, afailing)

    def called() -> None:
        with suppress(Traced, RetryExhausted):
            executor.call(KEY, failing)

    def act() -> None:
        if both.is_async:
            both.clock.run(acalled())
        else:
            called()

    act()
    gc.collect()
    gone.clear()
    gc.disable()
    try:
        act()
        both.heard.events.clear()
        alive = [ref() for ref in gone if ref() is not None]
    finally:
        gc.enable()

    assert len(gone) == 3
    assert alive == []


def test_r29_an_error_has_no_earlier_attempt_as_its_context(both: Any) -> None:
    told = both([OSError("a"), OSError("b"), OSError("c")])

    assert told.error is not None
    assert told.error.__context__ is None
