"""What changed around an incident, moment by moment: the first things that anybody asks for at night."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.scope import EVERYTHING
from recourse_observe.story.findings import Role
from recourse_observe.text import clock, count, plural

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.story.findings import Incident

__all__ = ["Change", "by_loss", "changes"]

_TOLD: Final = {Role.ROOT, Role.END}
"""Facts that say when something began or ended; the others are about the whole incident."""
_SEEN: Final = {"breaker", "budget", "policy"}
"""Facts whose matter is told with its own moments here."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Change:
    """A moment, and what was different from then on."""

    at_us: int
    text: str


def by_loss(incidents: "Iterable[Incident]") -> "tuple[Incident, ...]":
    """Incidents, the one with most lost calls first; of equal ones the earlier."""
    return tuple(sorted(incidents, key=lambda one: (-one.measures.lost, one.onset_unix_ns)))


def changes(archive: "Archive", incident: "Incident") -> tuple[Change, ...]:
    """What changed from as long before an incident as it took until as long after it, oldest first.

    Of what happens again and again, as a breaker that flaps, the first moment is told, and how often it was.
    """
    onset, end = incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
    scope = EVERYTHING.during(onset - (end - onset), end + (end - onset))
    rows = archive.told("changes", scope, onset_us=onset).records
    found = {Change(at_us=row["at_us"], text=_sentence(row)) for row in rows}
    return tuple(sorted((*found, *_ends(incident))))


def _ends(incident: "Incident") -> Iterator[Change]:
    """How it began, and how it ended."""
    for fact in incident.facts:
        if fact.role in _TOLD and fact.kind not in _SEEN and fact.at_unix_ns is not None:
            yield Change(at_us=fact.at_unix_ns // 1_000, text=fact.text)


def _sentence(row: dict[str, Any]) -> str:
    about, amount = row["about"], row["amount"]
    match row["kind"]:
        case "policy":
            others = f" and {plural(amount - 1, 'other key')}" if amount > 1 else ""
            return f"policy of {about}{others}: {row['before_it']} → {row['after_it']}"
        case "breaker":
            return f"breaker of {about} {row['after_it']}{_often(row)}"
        case "budget":
            name = f"budget '{about}'" if about else "a budget without a name"
            return f"{name} denies: {row['after_it']}{_often(row)}"
        case _:
            return f"first hedge of {about}, of {count(amount)}"


def _often(row: dict[str, Any]) -> str:
    if row["amount"] == 1:
        return ""
    return f", {count(row['amount'])} times until {clock(row['last_us'])}"
