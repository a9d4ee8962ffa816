"""The option that names an incident, for every command that is about one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from recourse_observe.story.named import Reference, incident_named

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive

__all__ = ["incident_option", "numbered"]


def incident_option(help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``-i``; the command gets a reference as ``incident``, or nothing."""
    says = f"{help_text} 1 or KEY@ONSET."
    return click.option("-i", "--incident", callback=_read, metavar="WHICH", help=says)


def _read(_: click.Context, __: click.Parameter, text: str | None) -> Reference | None:
    return None if text is None else Reference.read(text)


def numbered(archive: "Archive", incident: Reference | None) -> int | None:
    """The number of an incident that may be named otherwise, which takes the story.

    Raises:
        UnknownIncidentError: The archive has no such incident.
    """
    if incident is None or incident.number:
        return incident.number if incident is not None else None
    from recourse_observe.story.tell import tell  # it brings DuckDB and Arrow

    return incident_named(incident, tell(archive)).id
