"""Answers as plain values. Small ones travel as JSON, so that who asks need not import Arrow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

__all__ = ["Answer", "heard", "of_table", "said"]

_MOST_BYTES: Final = 2 << 20
"""Beyond this, Arrow's own way is worth its import."""
_WHOLE: Final = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_PLAIN: Final = frozenset((*_WHOLE, "bool", "double", "float", "large_string", "null", "string"))
_TIME: Final = "timestamp[us]"
_DATE: Final = "date32[day]"
_DECIMAL: Final = "decimal128"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a question gave.

    Attributes:
        names: Of the columns, in order; two may be equal.
        columns: The values of each.
    """

    names: tuple[str, ...]
    columns: tuple[Sequence[Any], ...]

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The values, row by row."""
        return list(zip(*self.columns, strict=True))

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows with the names of their values."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]

    def first(self, count: int) -> "Answer":
        """Its first rows."""
        return Answer(names=self.names, columns=tuple(column[:count] for column in self.columns))


def of_table(table: Any) -> Answer:
    """The values of a ``pyarrow.Table``."""
    from recourse_observe.archive.plain import listed  # small answers of others travel without

    columns = tuple(listed(column) for column in table.columns)
    return Answer(names=tuple(table.column_names), columns=columns)


def said(table: Any) -> dict[str, Any] | None:
    """A ``pyarrow.Table`` as JSON can say it; ``None`` when it is too large, or not that simple."""
    kinds = [_kind(field.type) for field in table.schema]
    if table.nbytes > _MOST_BYTES or None in kinds:
        return None
    try:
        columns = [
            _SAY[kind or ""](column) for kind, column in zip(kinds, table.columns, strict=True)
        ]
    except (OverflowError, ValueError):  # a time beyond all calendars, text that is none
        return None
    return {"names": table.column_names, "kinds": kinds, "columns": columns}


def heard(answer: Mapping[str, Any]) -> Answer:
    """What :func:`said` was given."""
    columns = zip(answer["kinds"], answer["columns"], strict=True)
    return Answer(
        names=tuple(answer["names"]),
        columns=tuple(_HEAR[kind](values) for kind, values in columns),
    )


def _kind(type_: Any) -> str | None:
    """How a column's values are said."""
    name = str(type_).partition("(")[0]
    if name in _SAY:
        return name
    return "" if _is_plain(type_) else None


def _is_plain(type_: Any) -> bool:
    """Whether JSON has such values: also lists and structures of those that it has."""
    children = [type_.field(index).type for index in range(type_.num_fields)]
    if str(type_).startswith(("list<", "struct<")):
        return all(map(_is_plain, children))
    return str(type_) in _PLAIN


def _written(column: Any) -> list[str | None]:
    return [None if value is None else value.isoformat() for value in column.to_pylist()]


def _times(values: Sequence[str | None]) -> list[datetime | None]:
    return [None if value is None else datetime.fromisoformat(value) for value in values]


def _decimals(values: Sequence[str | None]) -> list[Any]:
    from decimal import Decimal  # few answers have one

    return [None if value is None else Decimal(value) for value in values]


def _dates(values: Sequence[str | None]) -> list[date | None]:
    return [None if value is None else date.fromisoformat(value) for value in values]


_SAY: Final[Mapping[str, Callable[[Any], list[Any]]]] = {
    "": lambda column: column.to_pylist(),
    _TIME: _written,
    _DATE: _written,
    _DECIMAL: lambda column: [
        None if value is None else str(value) for value in column.to_pylist()
    ],
}
_HEAR: Final[Mapping[str, Callable[[Sequence[Any]], Sequence[Any]]]] = {
    "": lambda values: values,
    _TIME: _times,
    _DATE: _dates,
    _DECIMAL: _decimals,
}
