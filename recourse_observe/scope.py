"""What is looked at: a frozen value, and its command line."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

__all__ = ["EVERYTHING", "Scope", "ScopeError", "instant", "parse_instant", "to_argv"]

_DAY_US: Final = 86_400_000_000
_LATEST_US: Final = 253_402_300_799_999_999  # the last microsecond of the year 9999
_TIME_OF_DAY: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?$")
_OFFSET: Final = re.compile(r"([+-])(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$")
_UNIT_US: Final = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": _DAY_US,
}


class ScopeError(ValueError):
    """A part of a scope cannot mean what it says.

    Attributes:
        value: The text as given.
        part: Which part, for example ``time`` or ``filter``.
        allowed: What would be accepted, as a phrase.
    """

    def __init__(self, value: str, part: str, allowed: str) -> None:
        super().__init__(value, part, allowed)
        self.value = value
        self.part = part
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.part} {self.value!r} cannot be read; use {self.allowed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A part of an archive: a half-open stretch of time in UTC, a key, a filter.

    A call belongs to it when its *first attempt* starts inside; without attempts, when it starts
    itself inside. Attempts follow their call and are never windowed alone.

    Attributes:
        start_unix_us: The first microsecond inside.
        end_unix_us: The first microsecond outside.
        key: Only this key; ``None`` is every key.
        where: Terms of the filter language, for example ``lost attempts>2``.
        baseline: What it is compared with: ``before``, ``others``, or two instants ``T1..T2``.
    """

    start_unix_us: int = 0
    end_unix_us: int = _LATEST_US
    key: str | None = None
    where: str = ""
    baseline: str | None = None

    def during(self, start_unix_us: int, end_unix_us: int) -> Self:
        """The same scope over another stretch of time."""
        return replace(self, start_unix_us=start_unix_us, end_unix_us=end_unix_us)

    def of(self, key: str | None) -> Self:
        """The same scope over another key."""
        return replace(self, key=key)

    def matching(self, where: str) -> Self:
        """The same scope with another filter."""
        return replace(self, where=where)

    @property
    def span_us(self) -> int:
        """How long it is."""
        return self.end_unix_us - self.start_unix_us


EVERYTHING: Final = Scope()


def instant(unix_us: int) -> str:
    """A moment as :func:`parse_instant` reads it back.

    >>> instant(1_000_000), instant(1_000_001)
    ('1970-01-01T00:00:01Z', '1970-01-01T00:00:01.000001Z')
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=unix_us)
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def parse_instant(text: str, *, day_unix_us: int = 0) -> int:
    """Microseconds since 1970 of a moment that a person or a link wrote.

    Args:
        text: ISO 8601 (UTC unless it says otherwise), a time of day, or ``+30s`` from the start.
        day_unix_us: The archive's first moment: a time of day is the first such moment not
            before its day began, an offset counts from it.

    >>> parse_instant("1970-01-01T00:00:01.5Z"), parse_instant("00:01", day_unix_us=5)
    (1500000, 60000000)
    >>> parse_instant("+2m", day_unix_us=5)
    120000005
    """
    if found := _TIME_OF_DAY.match(text):
        return day_unix_us // _DAY_US * _DAY_US + _of_day(text, found)
    if found := _OFFSET.match(text):
        size = round(float(found[2]) * _UNIT_US[found[3]])
        return day_unix_us + (size if found[1] == "+" else -size)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _unreadable(text) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def to_argv(view: str, archive: str, scope: Scope) -> tuple[str, ...]:
    """The command line, without ``recourse``, that shows the view with this scope.

    >>> to_argv("calls", "x", EVERYTHING.of("payments.Charge"))
    ('calls', 'x', '--key', 'payments.Charge')
    """
    argv = [view, archive]
    if scope.start_unix_us != EVERYTHING.start_unix_us:
        argv += ["--since", instant(scope.start_unix_us)]
    if scope.end_unix_us != EVERYTHING.end_unix_us:
        argv += ["--until", instant(scope.end_unix_us)]
    if scope.key is not None:
        argv += ["--key", scope.key]
    if scope.where:
        argv += ["--where", scope.where]
    if scope.baseline is not None:
        argv += ["--baseline", scope.baseline]
    return tuple(argv)


def _of_day(text: str, found: re.Match[str]) -> int:
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004  # a clock's own numbers
        raise _unreadable(text)
    micros = round(float(found[4] or 0) * 1_000_000)
    return (hour * 3600 + minute * 60 + second) * 1_000_000 + micros


def _unreadable(text: str) -> ScopeError:
    return ScopeError(text, "time", "a moment in UTC such as 2026-11-21T10:02:00Z, 10:02 or +30s")
