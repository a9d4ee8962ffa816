"""Moments worth going to, found while the events go by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recourse_observe.replay.state import Columns

if TYPE_CHECKING:
    from recourse_observe.story.findings import Incident

__all__ = ["Finder", "Marker", "of_incidents"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Marker:
    """A moment, and what is to be seen there."""

    at_us: int
    label: str


class Finder:
    """Hears every event once, in order, and keeps the moments at which something changed.

    Args:
        policies: The version of each key before the first event.

    Attributes:
        found: The moments.
        full: The greatest level that each budget told, by name and process.
        askers: The key that asked a budget first, by the budget's name.
    """

    def __init__(self, policies: Iterable[tuple[str, str]]) -> None:
        self._versions = dict(policies)
        self.full: dict[tuple[str, str], float] = {}
        self._empty: set[tuple[str, str]] = set()
        self._has_hedged = False
        self.found: list[Marker] = []
        self.askers: dict[str, str] = {}

    def hear(self, events: Columns) -> None:
        """Look at some more events."""
        for at, kind, key, hedge, instance, word, good, number in zip(
            events.at_us, events.kind, events.key, events.hedge_index, events.instance,
            events.word, events.good, events.number, strict=True,
        ):  # fmt: skip
            match kind:
                case "policy":
                    before = self._versions.get(key)
                    self._versions[key] = word
                    if before not in {None, word}:
                        self._mark(at, f"policy change {key}")
                case "breaker":
                    self._mark(at, f"breaker {word} {key}")
                case "budget":
                    self.askers.setdefault(word, key)
                    self._budget(at, (word, instance), number, is_allowed=good)
                case "attempt_start" if hedge and not self._has_hedged:
                    self._has_hedged = True
                    self._mark(at, f"first hedge {key}")
                case _:
                    pass

    def _budget(
        self, at: int, which: tuple[str, str], level: float | None, *, is_allowed: bool
    ) -> None:
        full = self.full[which] = max(self.full.get(which, 0.0), level or 0.0)
        if not is_allowed and which not in self._empty:
            self._empty.add(which)
            self._mark(at, f"budget {which[0]} empty")
        elif is_allowed and which in self._empty and (level is None or 2 * level >= full):
            # An empty budget is asked and refused by turns: only a half full one has recovered.
            self._empty.discard(which)
            self._mark(at, f"budget {which[0]} refilled")

    def _mark(self, at_us: int, label: str) -> None:
        self.found.append(Marker(at_us=at_us, label=label))


def of_incidents(incidents: "Iterable[Incident]") -> Iterator[Marker]:
    """Where incidents begin and end."""
    for incident in incidents:
        reason = f" {incident.measures.reason}" if incident.measures.reason else ""
        start, end = incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
        yield Marker(at_us=start, label=f"#{incident.id} starts:{reason or ' no reason'}")
        if not incident.ongoing:
            yield Marker(at_us=end, label=f"#{incident.id} ends")
