"""The score as lines of text and as one document. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from recourse_observe.story.score.match import Case
from recourse_observe.story.score.measures import Measure, confusion, measured, mistakes
from recourse_observe.text import printable, table

__all__ = ["SCHEMA", "as_document", "as_lines"]

SCHEMA: Final = "recourse.lab-score/1"


def as_lines(cases: Sequence[Case], *, worst: int) -> Iterator[str]:
    """Measures, confusion matrix and the worst mistakes."""
    incidents = sum(len(case.truth.incidents) for case in cases)
    yield f"{len(cases)} scenarios, {incidents} incidents"
    yield ""
    rows = [_row(one) for one in measured(cases)]
    yield from table(("", "MEASURE", "VALUE", "BOUND", "OF"), rows, right="llrrr")
    yield ""
    yield "CONFUSION  (what was, and what it was told as)"
    matrix = [
        (cause, str(sum(told.values())), str(told.get(cause, 0)), _others(cause, told))
        for cause, told in confusion(cases).items()
    ]
    yield from table(("CAUSE", "ALL", "RIGHT", "TOLD AS"), matrix, right="lrrl")
    yield ""
    yield "WORST MISTAKES"
    for _, sentence in mistakes(cases)[:worst]:
        yield f"  {printable(sentence)}"


def as_document(cases: Sequence[Case], *, worst: int) -> dict[str, Any]:
    """The same for programs."""
    return {
        "scenarios": len(cases),
        "incidents": sum(len(case.truth.incidents) for case in cases),
        "measures": [
            {
                "name": one.name,
                "value": one.value,
                "bound": one.bound,
                "at_most": one.is_most,
                "of": one.of,
                "met": one.is_met,
            }
            for one in measured(cases)
        ],
        "confusion": confusion(cases),
        "mistakes": [sentence for _, sentence in mistakes(cases)[:worst]],
    }


def _row(one: Measure) -> tuple[str, str, str, str, str]:
    mark = "✓" if one.is_met else "✗"
    value = "—" if one.value is None else f"{one.value:.3f}"
    bound = f"{'≤' if one.is_most else '≥'} {one.bound:g}"
    return mark, one.name, value, bound, f"{one.of:.4g}"


def _others(cause: str, told: Mapping[str, int]) -> str:
    wrong = sorted(((n, name) for name, n in told.items() if name != cause), reverse=True)
    return ", ".join(f"{name} {n}" for n, name in wrong)
