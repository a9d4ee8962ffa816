"""Reading ``Retry-After``: seconds, or one of the three date forms of HTTP."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, cast

__all__ = ["header", "retry_after_s"]

LONGEST_S: Final = 31_536_000.0
_MOST_DIGITS: Final = 9  # longer is beyond LONGEST_S anyway, and int() refuses thousands of digits
_WEEKDAY: Final = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)", re.ASCII)


def header(headers: object, name: str) -> str | None:
    """One header's text, from any mapping, whatever the case of its names."""
    for key, value in _items(headers):
        if _text(key).lower() == name:
            return _text(value).strip()
    return None


def retry_after_s(headers: object, now_unix_ns: int) -> float | None:
    """Seconds that a response asks to wait, 0 to a year; ``None`` when it does not say, or not well.

    A date counts from the response's own ``Date`` when it has one, because the two clocks differ.
    """
    asked = header(headers, "retry-after")
    if asked is None:
        return None
    if asked.isascii() and asked.isdigit():
        return min(float(asked), LONGEST_S) if len(asked) <= _MOST_DIGITS else LONGEST_S
    until = _date(asked)
    if until is None:
        return None
    since = _date(header(headers, "date") or "")
    since_s = since.timestamp() if since is not None else now_unix_ns / 1e9
    return min(max(0.0, until.timestamp() - since_s), LONGEST_S)


def _items(headers: object) -> Iterable[tuple[object, object]]:
    items = getattr(headers, "items", None)  # a client's own multi-dict is no Mapping
    return cast("Iterable[tuple[object, object]]", items()) if callable(items) else ()


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _date(text: str) -> datetime | None:
    # The parser takes nearly anything for a date; HTTP's three forms all begin with a weekday.
    if _WEEKDAY.match(text) is None:
        return None
    # Importing it takes as long as half the core does, and a date is rare.
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
