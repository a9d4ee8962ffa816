"""Texts of errors: cut, redacted, and never in the way."""

from typing import Any

from hypothesis import given, strategies as st

from recourse import RetryPolicy, timeline_of
from recourse.events import AttemptEnd
from recourse.messages import LONGEST, message_of

ONCE = RetryPolicy(max_attempts=1)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def test_a_text_is_told_as_it_is() -> None:
    assert message_of(None)(OSError("disk full")) == "disk full"


@given(length=st.integers(0, 3 * LONGEST))
def test_r71_no_text_is_longer_than_the_limit(length: int) -> None:
    assert len(message_of(None)(OSError("x" * length))) == min(length, LONGEST)


def test_r71_a_redactor_never_sees_an_unbounded_text_and_cannot_make_one() -> None:
    seen: list[int] = []

    def redact(text: str) -> str:
        seen.append(len(text))
        return text * 3

    told = message_of(redact)(OSError("x" * (2 * LONGEST)))

    assert (seen, len(told)) == ([LONGEST], LONGEST)


def test_r71_a_redactor_that_fails_lets_nothing_through() -> None:
    def redact(text: str) -> str:
        raise ValueError(text)

    assert message_of(redact)(OSError("secret")) == ""


def test_an_error_without_a_text_has_none() -> None:
    assert message_of(None)(Unspeakable()) == ""


def test_an_error_without_a_text_goes_through_a_call(both: Any) -> None:
    error = Unspeakable()

    told = both([error], retry=ONCE, capture_messages=True)

    assert told.error is error
    assert told.of(AttemptEnd)[0].error_message == ""
    kept = timeline_of(error)
    assert kept is not None
    assert str(kept.error).endswith("Unspeakable")


def test_r71_a_secret_that_the_cut_runs_through_is_not_kept() -> None:
    def redact(text: str) -> str:
        return text.replace("secret", "[redacted]")

    kept = [
        message_of(redact)(OSError("." * (LONGEST - seen) + "secret and more"))
        for seen in range(len("secret"))
    ]

    assert {text.strip(".") for text in kept} == {""}
    assert message_of(redact)(OSError("a secret" + "." * LONGEST)).startswith("a [redacted].")
