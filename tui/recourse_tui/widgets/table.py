"""A table: columns over any sequence of rows, drawn a row at a time, so a million rows cost what is looked at."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, TypeVar, overload

from recourse_tui.lines import Ink, Line, Span, cell

__all__ = ["ArrowRows", "ArrowTable", "Column", "Table", "fitted"]

Row = TypeVar("Row")
_PAGE: Final = 128
_PAGES_KEPT: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Row]):
    """One column: its title, its width in cells and what it says of a row."""

    title: str
    width: int
    text: Callable[[Row], str | Span]
    right: bool = False
    drop: int = 0
    """When room is short the column with the lowest number above 0 goes first."""
    stretch: bool = False
    """Takes the cells that are left over."""


class ArrowTable(Protocol):
    """What is needed of a ``pyarrow.Table``, so that nothing here imports it."""

    @property
    def num_rows(self) -> int:
        """How many rows it has."""
        ...

    def slice(self, offset: int, length: int) -> Any:
        """Some of its rows, without a copy."""
        ...


class ArrowRows(Sequence[dict[str, Any]]):
    """The rows of an Arrow table, converted in pages when they are looked at."""

    def __init__(self, table: ArrowTable) -> None:
        self._table = table
        self._pages: OrderedDict[int, list[dict[str, Any]]] = OrderedDict()

    def __len__(self) -> int:
        return self._table.num_rows

    @overload
    def __getitem__(self, row: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, row: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, row: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        number = row if row >= 0 else row + len(self)
        page, offset = divmod(number, _PAGE)
        if page not in self._pages:
            self._pages[page] = self._table.slice(page * _PAGE, _PAGE).to_pylist()
            if len(self._pages) > _PAGES_KEPT:
                self._pages.popitem(last=False)
        return self._pages[page][offset]


def fitted(columns: Sequence[Column[Row]], width: int) -> tuple[Column[Row], ...]:
    """The columns that fit into ``width`` cells, the stretching one filling the line."""
    kept = list(columns)
    while _cells(kept) > width and any(column.drop for column in kept):
        kept.remove(min((column for column in kept if column.drop), key=lambda column: column.drop))
    spare = width - _cells(kept)
    return tuple(
        replace(column, width=max(4, column.width + spare)) if column.stretch else column
        for column in kept
    )


class Table(Generic[Row]):
    """Rows as lines: two cells for the cursor's marker and a glyph, then the columns."""

    def __init__(
        self,
        rows: Sequence[Row],
        columns: Sequence[Column[Row]],
        *,
        width: int,
        glyph: Callable[[Row], Span] | None = None,
    ) -> None:
        self._rows = rows
        self._glyph = glyph
        self._lead = 3 if glyph else 1
        self.columns = fitted(columns, width - self._lead)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int, /) -> Line:
        value = self._rows[row]
        spans = [_cell(column.text(value), column) for column in self.columns]
        lead = (Span(" "), self._glyph(value), Span(" ")) if self._glyph else (Span(" "),)
        return (*lead, *_spaced(spans))

    @property
    def head(self) -> Line:
        """The titles, above their columns."""
        titles = [Span(cell(c.title, c.width, right=c.right), Ink.HEAD) for c in self.columns]
        return (Span(" " * self._lead), *_spaced(titles))


def _cells(columns: Sequence[Column[Row]]) -> int:
    return sum(column.width + 1 for column in columns) - 1


def _cell(text: str | Span, column: Column[Row]) -> Span:
    words, ink = text if isinstance(text, Span) else (text, Ink.PLAIN)
    return Span(cell(words, column.width, right=column.right), ink)


def _spaced(spans: Sequence[Span]) -> list[Span]:
    return [part for span in spans for part in (span, Span(" "))][:-1]
