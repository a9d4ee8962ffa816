"""Texts of errors, made fit to be kept: truncated and redacted."""

from collections.abc import Callable
from typing import Final

__all__ = ["LONGEST", "message_of"]

LONGEST: Final = 4096
# So much is dropped from the end of what a redactor gives for a text that was cut: a secret that the
# cut runs through may not look like one any more.
_MARGIN: Final = 512


def message_of(redact: Callable[[str], str] | None) -> Callable[[BaseException], str]:
    """A function that gives an error's text, at most 4,096 characters of it, through ``redact``.

    The text is cut before it is redacted, so that a redactor never sees an unbounded one; what the
    redactor gives is cut again, and of a text that was cut the end is dropped, where part of a
    secret may stand. An error whose text cannot be made has none.
    """

    def text(error: BaseException) -> str:
        try:
            whole = str(error)
            if redact is None:
                return whole[:LONGEST]
            shown = redact(whole[:LONGEST])
            kept = len(shown) if len(whole) <= LONGEST else max(0, len(shown) - _MARGIN)
            return shown[: min(kept, LONGEST)]
        except Exception:  # a broken __str__ or redactor must not change a call, nor leak
            return ""

    return text
