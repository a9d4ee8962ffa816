"""An answer's values as JSON can say them: exact, and whatever a query may answer."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

__all__ = ["listed", "plain"]

_AS_THEY_ARE: Final = frozenset((type(None), bool, int, str))
_SECOND_NS: Final = 1_000_000_000
_PRINTABLE: Final = range(0x20, 0x7F)
_LEAST_BITS: Final = 31
"""Times are 32 or 64 bits wide, and the greatest and the least of both mean infinity."""


def listed(column: Any) -> list[Any]:
    """The values of an Arrow column as Python has them; texts for times that its calendar lacks."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        values = [_far(value) for value in column]
    return values


def plain(value: Any) -> Any:
    r"""A value as ``None``, a bool, a number, a text, or a list or dict of them.

    Whole numbers stay whole however large; decimals are numbers where a float is exact, and texts
    where it is not. A float that is no number is ``NaN``, ``Infinity`` or ``-Infinity``, as a text;
    bytes are texts with ``\xAA``. Intervals are as DuckDB writes them.
    """
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, tuple) and hasattr(value, "nanoseconds"):  # Arrow's interval
        return _interval(*value)
    return next((say for kind, say in _SAYING if isinstance(value, kind)), str)(value)


def _far(value: Any) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        number = getattr(value, "value", None)
        if not isinstance(number, int):
            return "a time out of range"
        greatest = (1 << (_LEAST_BITS if str(value.type).startswith("date32") else 63)) - 1
        if abs(number) == greatest:
            return "infinity" if number > 0 else "-infinity"
        return value.cast("string").as_py()


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _decimal(value: Decimal) -> int | float | str:
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """As DuckDB writes it.

    >>> _interval(14, 2, -90_500_000_000)
    '1 year 2 months 2 days -00:01:30.5'
    """
    sign = -1 if months < 0 else 1
    years, rest = divmod(abs(months), 12)
    counts = ((sign * years, "year"), (sign * rest, "month"), (days, "day"))
    parts = [f"{n} {unit}{'' if abs(n) == 1 else 's'}" for n, unit in counts if n]
    if nanoseconds or not parts:
        parts.append(_time(nanoseconds))
    return " ".join(parts)


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(abs(nanoseconds), _SECOND_NS)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    part = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{'-' if nanoseconds < 0 else ''}{hour:02d}:{minute:02d}:{second:02d}{part}"


def _bytes(value: bytes) -> str:
    shown = (
        chr(one) if one in _PRINTABLE and one != ord("\\") else f"\\x{one:02X}" for one in value
    )
    return "".join(shown)


_SAYING: Final[Sequence[tuple[Any, Callable[[Any], Any]]]] = (
    (int, int),
    (float, _float),
    (Decimal, _decimal),
    (timedelta, lambda value: _interval(0, 0, value // timedelta(microseconds=1) * 1000)),
    (bytes, _bytes),
    (Mapping, lambda value: {str(name): plain(item) for name, item in value.items()}),
    ((list, tuple), lambda value: [plain(item) for item in value]),
)
