"""What differs between A and B, value by value, and below it the policies and the reading."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Final

from recourse_observe.queries.contrast import NOTABLE, Contrast
from recourse_observe.queries.folds import Row
from recourse_observe.queries.policies import PolicyDiff
from recourse_observe.queries.reading import Reading, Sentence
from recourse_observe.text import percent, plural, printable
from recourse_tui.lines import Ink, Line, Span, cell, inked
from recourse_tui.widgets.measures import bar
from recourse_tui.widgets.table import Column, Table

__all__ = ["Below", "Differing", "below", "policy_lines"]

_BAR_CELLS: Final = 16
_NAME_CELLS: Final = 25
_FIELD_CELLS: Final = 18
_FIELDS_SHOWN: Final = 4
_BRIEFLY: Final = 10.0


class Differing:
    """Values as a table, then dimensions that hardly differ, then whatever else is to be scrolled to.

    Args:
        rows: Values first, folded dimensions last.
        below: Lines after them.
        width: Cells of a line.
        has_others: What other keys did has a column of its own.
    """

    def __init__(
        self, rows: Sequence[Row], below: "Below", *, width: int, has_others: bool
    ) -> None:
        self._values = [one for one in rows if isinstance(one, Contrast)]
        folds = [one for one in rows if not isinstance(one, Contrast)]
        columns = _COLUMNS_OF_WHY if has_others else _COLUMNS
        self._table = Table(self._values, columns, width=width)
        name = max([_NAME_CELLS, *(len(printable(one.name)) + 2 for one in folds)])
        self._rest = [_fold(one, min(name, width // 2)) for one in folds] + list(below.lines)
        self.head = self._table.head
        first = len(rows)
        self.sentences = {first + line: one for line, one in below.sentences.items()}
        self.stops = (*range(first), *self.sentences)

    def __len__(self) -> int:
        return len(self._values) + len(self._rest)

    def __getitem__(self, row: int, /) -> Line:
        if row < len(self._values):
            return self._table[row]
        return self._rest[row - len(self._values)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """The policies and the reading as lines, and where each sentence begins."""

    lines: tuple[Line, ...] = ()
    sentences: Mapping[int, Sentence] = field(default_factory=dict)


def below(policy: PolicyDiff | None, reading: Reading, width: int, *, swapped: bool) -> Below:
    """What stands below the values: what the policies say differently, and what all of it says."""
    lines = list(_policy(policy, swapped=swapped))
    sentences: dict[int, Sentence] = {}
    for number, sentence in enumerate(reading.sentences):
        sentences[len(lines)] = sentence
        title = "READING" if number == 0 else ""
        rows = wrap(printable(sentence.told), max(20, width - 12))
        for line, text in enumerate(rows):
            lines.append(inked(" ", Span(cell("" if line else title, 9), Ink.HEAD), text))
    return Below(lines=tuple(lines), sentences=sentences)


def policy_lines(policy: PolicyDiff, *, swapped: bool) -> list[Line]:
    """Every field that differs, with both values."""
    return [
        inked(
            "   ",
            Span(f"{cell(one.label, _FIELD_CELLS)} ", Ink.DIM),
            " → ".join(reversed(one.told) if swapped else one.told),
        )
        for one in policy.changes
    ]


def _policy(policy: PolicyDiff | None, *, swapped: bool) -> Iterator[Line]:
    if policy is None or not (lines := policy_lines(policy, swapped=swapped)):
        return
    versions = " → ".join(reversed(policy.versions) if swapped else policy.versions)
    yield inked(" ", Span("POLICY DIFF", Ink.HEAD), f"  {versions}")
    yield from lines[:_FIELDS_SHOWN]
    if (more := len(lines) - _FIELDS_SHOWN) > 0:
        yield inked(Span(f"   and {plural(more, 'more field')} (d)", Ink.DIM))


def _fold(one: Row, cells: int) -> Line:
    told = "" if isinstance(one, Contrast) else one.told
    return inked(" ", cell(_name(one), cells), Span(told, Ink.DIM))


def _name(one: Row) -> str:
    if isinstance(one, Contrast):
        return f"{one.dimension}={'not recorded' if one.entry is None else one.entry}"
    return one.name


def _lift(one: Contrast) -> str:
    """How many times more frequent; what A had none of is without end."""
    if one.lift is None:
        return "∞" if one.share_b else "—"
    if one.lift >= _BRIEFLY or not one.lift:
        return f"{one.lift:,.0f}\N{MULTIPLICATION SIGN}"
    return f"{one.lift:.1f}\N{MULTIPLICATION SIGN}"


def _bars(one: Contrast) -> Span:
    """Both shares, back to back."""
    left = "█" * round(one.share_a * _BAR_CELLS)
    right = bar(one.share_b, _BAR_CELLS)
    return Span(f"{left:>{_BAR_CELLS}}│{right:<{_BAR_CELLS}}", Ink.INFO)


def _note(one: Contrast) -> Span:
    if one.is_in_time_only:
        return Span(f"in time; others {percent(one.share_others)}", Ink.DIM)
    return _mark(one)


def _mark(one: Contrast) -> Span:
    if one.is_in_time_only:
        return Span("in time", Ink.DIM)
    return Span("▲" if one.difference >= NOTABLE else "▼" if one.difference <= -NOTABLE else "", Ink.WARN)  # fmt: skip


_SHARES: Final[tuple[Column[Contrast], ...]] = (
    Column(title="A", width=6, right=True, text=lambda c: percent(c.share_a)),
    Column(title="B", width=6, right=True, text=lambda c: percent(c.share_b)),
)
_DIFFERENCE: Final[tuple[Column[Contrast], ...]] = (
    Column(title="|Δ|", width=5, right=True, text=lambda c: f"{100 * abs(c.difference):.1f}"),
    Column(title="lift", width=7, right=True, drop=2, text=_lift),
    Column(title="", width=1, drop=1, text=lambda _: ""),
    Column(title="A│B", width=2 * _BAR_CELLS + 1, drop=1, text=_bars),
)
_COLUMNS: Final[tuple[Column[Contrast], ...]] = (
    Column(title="DIMENSION (of attempts)", width=20, text=_name, stretch=True),
    *_SHARES,
    *_DIFFERENCE,
    Column(title="", width=22, text=_note),
)
_COLUMNS_OF_WHY: Final[tuple[Column[Contrast], ...]] = (
    Column(title="WHY (of attempts)", width=20, text=_name, stretch=True),
    *_SHARES,
    Column(title="OTHERS", width=6, right=True, text=lambda c: percent(c.share_others)),
    *_DIFFERENCE,
    Column(title="", width=7, text=_mark),
)
