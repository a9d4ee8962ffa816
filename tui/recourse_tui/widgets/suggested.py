"""What to change, as a table: load and lost calls stand together, with how far they may be believed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from recourse_observe.text import signed
from recourse_tui.lines import Ink, Line, Span, cell, inked
from recourse_tui.widgets.shortly import short_count

if TYPE_CHECKING:
    from recourse_observe.whatif import Suggestion
    from recourse_observe.whatif.glance import Glance

__all__ = ["suggestion_lines"]

_NUMBERS: Final = 23
"""Cells of the columns LOAD, KIND and LOST, with what is before them."""


def suggestion_lines(
    counted: "Sequence[Glance] | None", searched: "Sequence[Suggestion]", width: int
) -> list[Line]:
    """The changes, or that they are still counted.

    Args:
        counted: What is known without a search; ``None`` is not yet.
        searched: What a search found, if there was one.
        width: Cells of a line.
    """
    name = max(8, width - _NUMBERS)
    head = f"{cell('WHAT TO CHANGE', name + 2)} {'LOAD':>5} {'KIND':<5} {'LOST':>7}"
    rows = [inked(" ", Span(head, Ink.HEAD))]
    if counted is None:
        return [*rows, inked(" ", Span("counting …", Ink.DIM))]
    found = _with(searched, counted) if searched else counted
    rows += [_row(number, one, name) for number, one in enumerate(found, 1)]
    if any(one.load is None for one in found):
        rows.append(inked(" ", Span("… not computed yet: p asks the model", Ink.DIM)))
    return rows


def _with(searched: "Sequence[Suggestion]", counted: "Sequence[Glance]") -> "Sequence[Glance]":
    from recourse_observe.whatif.glance import of_search  # who searched has brought it

    return of_search(searched, counted)


def _row(number: int, one: "Glance", name: int) -> Line:
    about = "≤" if one.kind == "EXACT" else "~"
    load = "…" if one.load is None else signed(one.load)
    lost = "…" if one.lost is None else f"{about}{short_count(one.lost)}"
    said = f" {load:>5} {one.kind:<5} {lost:>7}"
    return inked(" ", Span(f"{number}", Ink.DIM), " ", cell(one.name, name), said)
