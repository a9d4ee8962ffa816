"""What a replay is played from: its events, its markers, and which of them comes next; no widget, no playhead."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from recourse_observe.queries.archive import Archive
from recourse_observe.replay.markers import Marker, of_incidents
from recourse_observe.replay.probes import bisect, parse_probe
from recourse_observe.replay.state import EventKind
from recourse_observe.replay.timeline import Replay
from recourse_observe.scope import Scope
from recourse_tui.screens.place import Place

if TYPE_CHECKING:
    from recourse_observe.whatif import LoadPoint
    from recourse_tui.screens.opened import Opened

__all__ = ["Stage", "staged"]

_WINDOW: Final = 200
"""Events that the list has, around the playhead."""
_FAR: Final = 20_000
"""How many events are looked at for a failure."""
_FAILURES: Final = (EventKind.ATTEMPT_END, EventKind.CALL_END, EventKind.DENIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A replay, where it begins, and the events that the filter chooses, if there is one.

    Events have numbers; ``passed`` is how many of them lie at the playhead or before it.
    """

    place: Place
    replay: Replay
    markers: tuple[Marker, ...]
    keys: tuple[str, ...]
    numbers: Sequence[int] | None
    loads: "tuple[LoadPoint, ...] | None" = None
    """What the place's candidate makes of the load; ``None`` is no candidate, or not known yet."""
    bookmarks: tuple[Marker, ...] = ()

    @property
    def moments(self) -> tuple[Marker, ...]:
        """Markers, and what somebody kept, oldest first."""
        kept = (one for one in self.bookmarks if self.within(one.at_us) == one.at_us)
        return tuple(sorted((*self.markers, *kept)))

    def within(self, at_us: int) -> int:
        """The moment, or the end of the replay that is nearer."""
        return max(self.replay.start_us, min(self.replay.end_us, at_us))

    def chosen_before(self, passed: int) -> int:
        """How many of the chosen events were passed."""
        return sum(number < passed for number in self.numbers or ())

    def event(self, passed: int, step: int) -> int | None:
        """The event so many steps from the last one that was passed."""
        if self.numbers is None:
            number = passed + step - 1
        else:
            later = self.chosen_before(passed) + step - 1
            number = self.numbers[later] if 0 <= later < len(self.numbers) else -1
        return number if 0 <= number < len(self.replay) else None

    def failure(self, passed: int, step: int) -> int | None:
        """The nearest failure after or before, if there is one not too far off."""
        numbers = range(passed, len(self.replay)) if step > 0 else range(passed - 2, -1, -1)
        chosen = None if self.numbers is None else frozenset(self.numbers)
        return next((n for n in islice(numbers, _FAR) if self._has_failed(n, chosen)), None)

    def marker(self, at_us: int, step: int) -> int | None:
        """The moment of the nearest marker after or before."""
        if step > 0:
            return min((m.at_us for m in self.moments if m.at_us > at_us), default=None)
        return max((m.at_us for m in self.moments if m.at_us < at_us), default=None)

    def window(self, passed: int) -> Sequence[int]:
        """The events of the list: as many before the playhead as after it."""
        half = _WINDOW // 2
        if self.numbers is None:
            return range(max(0, passed - half), min(len(self.replay), passed + half))
        here = self.chosen_before(passed)
        return self.numbers[max(0, here - half) : here + half]

    def _has_failed(self, number: int, chosen: frozenset[int] | None) -> bool:
        event = self.replay.event(number)
        is_seen = chosen is None or number in chosen
        return is_seen and not event.good and event.kind in _FAILURES


def staged(archive: Archive, book: "Opened", place: Place) -> Stage:
    """Every event of the brush and of half its length before and after; asks, so only in a worker."""
    scope = _with_margins(archive, place.scope)
    replay = book.replay(scope)
    markers = (*replay.markers, *of_incidents(book.story().incidents))
    inside = sorted(m for m in markers if replay.start_us <= m.at_us <= replay.end_us)
    numbers: Sequence[int] | None = None
    if place.scope.where:
        ids = archive.ask("member_ids", scope.matching(place.scope.where)).column("call_id")
        numbers = replay.numbers(frozenset(ids.to_pylist()).__contains__)
    if place.when and (found := bisect(parse_probe(place.when), replay)) is not None:
        place = replace(place, scope=place.scope.during(*found), at_us=found[1])
    return Stage(
        place=place,
        replay=replay,
        markers=tuple(inside),
        keys=_interesting_first(replay, place.scope.key),
        numbers=numbers,
    )


def _with_margins(archive: Archive, scope: Scope) -> Scope:
    """Half of the brush's length before and after it, as far as the archive reaches; all keys."""
    scope = archive.within(scope.of(None).matching(""))
    margin = scope.span_us // 2
    return archive.within(scope.during(scope.start_unix_us - margin, scope.end_unix_us + margin))


def _interesting_first(replay: Replay, key: str | None) -> tuple[str, ...]:
    """The key that is looked at, then those that lost and failed most."""
    end = replay.samples[-1].keys
    rest = sorted(replay.keys, key=lambda k: (k != key, -end[k].lost, -end[k].failed))
    return tuple(rest)
