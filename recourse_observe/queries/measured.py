"""What is measured of both sides of a comparison, and how they differ: one list for the screens and the commands."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.text import count, duration, percent, times

if TYPE_CHECKING:
    from recourse_observe.queries.rows import KeyRow
    from recourse_observe.queries.spread import Spread

__all__ = ["MEASURES", "Kind", "Measure", "Measured", "change", "is_much"]

_MUCH_POINTS: Final = 0.1
_MUCH_RATIO: Final = 0.5
_BRIEFLY: Final = 10.0
"""From so many times the value on, the decimals of the percentage say nothing."""


class Kind(StrEnum):
    """How two values of a measure are compared."""

    COUNT = "count"
    RATIO = "ratio"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One side: its keys as one, and how its calls spread, once that is known."""

    row: "KeyRow | None"
    spread: "Spread | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One line of the comparison.

    Attributes:
        of_row: Its value; of a side without calls there is none.
        of_spread: The same, where it comes from the spread.
        words: A value as one reads it.
        is_main: A small terminal shows it first.
    """

    name: str
    words: Callable[[Any], str]
    kind: Kind = Kind.RATIO
    of_row: "Callable[[KeyRow], float | None] | None" = None
    of_spread: "Callable[[Spread], float | None] | None" = None
    is_main: bool = True

    def value(self, side: Measured) -> float | None:
        """What one side has."""
        if self.of_row is not None and side.row is not None:
            return self.of_row(side.row)
        if self.of_spread is not None and side.spread is not None:
            return self.of_spread(side.spread)
        return None

    def told(self, side: Measured) -> str:
        """What one side has, as one reads it."""
        value = self.value(side)
        return "—" if value is None else self.words(value)


MEASURES: Final = (
    Measure(name="calls", words=count, kind=Kind.COUNT, of_row=lambda row: row.calls),
    Measure(name="attempts/call", words=times, of_row=lambda row: row.attempts_per_call),
    Measure(
        name="first attempt fails", words=percent, kind=Kind.SHARE,
        of_spread=lambda one: one.failed_first_share,
    ),
    Measure(name="calls lost", words=count, kind=Kind.COUNT, of_row=lambda row: row.lost),
    Measure(name="attempt p50", words=duration, of_row=lambda row: row.p50_us),
    Measure(name="attempt p99", words=duration, of_row=lambda row: row.p99_us),
    Measure(name="call p99", words=duration, of_row=lambda row: row.call_p99_us),
    Measure(name="denied by budget", words=count, kind=Kind.COUNT, of_row=lambda row: row.denied),
    Measure(
        name="of its calls", words=percent, kind=Kind.SHARE,
        of_row=lambda row: row.lost_share, is_main=False,
    ),
    Measure(
        name="rescued", words=count, kind=Kind.COUNT,
        of_row=lambda row: row.rescued, is_main=False,
    ),
    Measure(
        name="refused by breaker", words=count, kind=Kind.COUNT,
        of_row=lambda row: row.rejected, is_main=False,
    ),
)  # fmt: skip


def change(one: Measure, a: Measured, b: Measured) -> str:
    """By how much B differs: shares in points, what began at nothing in numbers, the rest in percent."""
    was, now = one.value(a), one.value(b)
    if was is None or now is None or was == now:
        return ""
    if one.kind is Kind.SHARE:
        return f"{100 * (now - was):+.1f} pts"
    if not was:
        return f"{now:+,.0f}" if one.kind is Kind.COUNT else "new"
    ratio = now / was
    return f"{100 * (ratio - 1):+,.{0 if ratio >= _BRIEFLY else 1}f}%"


def is_much(one: Measure, a: Measured, b: Measured) -> int:
    """1 where B has much more, -1 where it has much less, else 0."""
    was, now = one.value(a), one.value(b)
    if was is None or now is None or was == now:
        return 0
    least = _MUCH_POINTS if one.kind is Kind.SHARE else _MUCH_RATIO * was
    return 0 if abs(now - was) < least else 1 if now > was else -1
