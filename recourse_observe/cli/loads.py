"""What a candidate makes of the load, beside what was recorded: for `recourse replay --set`."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from recourse_observe.cli.which import numbered
from recourse_observe.story.named import Reference
from recourse_observe.text import sparkline

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.whatif import LoadPoint

__all__ = ["load_at", "load_lines", "load_of", "loads_document"]

_CELLS: Final = 60


def load_of(
    archive: "Archive", key: str | None, edits: Sequence[str], incident: Reference | None
) -> "tuple[LoadPoint, ...]":
    """Attempts per second as recorded and as a candidate makes them; nothing without one.

    Raises:
        click.UsageError: No key, or none such, or no such incident.
    """
    if not edits:
        return ()
    if key is None:
        message = "--set changes the policy of a key; name it with -k"
        raise click.UsageError(message, click.get_current_context())
    from recourse_observe.whatif import NoIncidentError, NoKeyError, ask  # they bring the model

    try:
        number = numbered(archive, incident)
        answer = ask(archive, key, edits=edits, incident=number, processes=os.cpu_count() or 1)
    except (NoIncidentError, NoKeyError) as wrong:
        raise click.UsageError(str(wrong), click.get_current_context()) from None
    return answer.load


def loads_document(points: "Sequence[LoadPoint]") -> dict[str, Any]:
    """All points for programs; nothing without a candidate."""
    return {"load": [asdict(one) for one in points]} if points else {}


def load_lines(points: "Sequence[LoadPoint]") -> Iterator[str]:
    """Both loads over time, on one scale."""
    if not points:
        return
    kept = points[:: -(-len(points) // _CELLS)]
    pairs: dict[str, list[float | None]] = {
        "load recorded": [one.recorded for one in kept],
        "candidate": [one.candidate for one in kept],
    }
    known = [value for values in pairs.values() for value in values if value is not None]
    for name, values in pairs.items():
        kind = "" if name == "load recorded" else " MODEL"
        drawn = sparkline(values, top=max(known) or None)
        yield f"{name:<13}  {drawn}  {_peak(values)}{kind}"
    yield ""


def load_at(points: "Sequence[LoadPoint]", at_us: int) -> Iterator[str]:
    """Both loads at a moment."""
    begun = [one for one in points if one.at_unix_us <= at_us]
    if points:
        now = begun[-1] if begun else None
        recorded, candidate = (None, None) if now is None else (now.recorded, now.candidate)
        yield f"load {_per_second(recorded)}, candidate {_per_second(candidate)} MODEL"


def _peak(values: Sequence[float | None]) -> str:
    return f"peak {_per_second(max((one for one in values if one is not None), default=None))}"


def _per_second(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3g}/s"
