"""Where somebody is: a screen, and what it is about."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from recourse_observe.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from recourse_observe.story.findings import Incident

__all__ = ["Candidate", "Place", "incident_scope"]

Candidate: TypeAlias = tuple[str, tuple[str, ...], int]
"""A policy that is asked about: its key, what it changes, and about which incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody is: a screen and what it is about. The scope holds brush, key and filter."""

    view: str
    scope: Scope = EVERYTHING
    incident: int = 0
    """From 1; 0 is none."""
    call_id: str = ""
    against: str = ""
    """The call that this one stands beside."""
    ordinal: int = -1
    """Which call of the scope it is, from 0; -1 when it was not opened from a list."""
    sort: str = "start"
    query: str = ""
    """What was typed on the SQL screen."""
    at_us: int = -1
    """Where the playhead of the replay stands; -1 is where the brush begins."""
    when: str = ""
    """A condition: the replay looks for when it held first."""
    edits: tuple[str, ...] = ()
    """What the candidate of a what-if changes, as ``field=value``."""
    sweep: str = ""
    """A field and its values, one after the other."""
    shape: bool = True
    """Calls are grouped by what happened in them."""

    @property
    def candidate(self) -> Candidate | None:
        """The candidate of a what-if, if there is one."""
        key = self.scope.key
        return (key, self.edits, self.incident) if key is not None and self.edits else None


def incident_scope(scope: Scope, incident: "Incident") -> Scope:
    """The brush set to an incident."""
    return scope.during(incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000)
