"""Texts of errors, made fit to be kept: truncated and redacted."""

from collections.abc import Callable
from typing import Final

__all__ = ["LONGEST", "message_of"]

LONGEST: Final = 4096


def message_of(redact: Callable[[str], str] | None) -> Callable[[BaseException], str]:
    """A function that gives an error's text, at most 4,096 characters of it, through ``redact``.

    The text is cut before it is redacted, so that a redactor never sees an unbounded one; what the
    redactor gives is cut again. An error whose text cannot be made has none.
    """

    def text(error: BaseException) -> str:
        try:
            shown = str(error)[:LONGEST]
            return (shown if redact is None else redact(shown))[:LONGEST]
        except Exception:  # a broken __str__ or redactor must not change a call, nor leak
            return ""

    return text
