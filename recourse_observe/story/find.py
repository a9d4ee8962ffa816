"""Finds the incidents of an archive: where they begin and end, and whose they are."""

from collections.abc import Mapping, Sequence, Set  # noqa: PYI025  # a name that says what is meant
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from recourse_observe.queries.archive import Archive, rows_of
from recourse_observe.queries.rows import Coverage
from recourse_observe.queries.side_by_side import side_by_side
from recourse_observe.scope import Scope
from recourse_observe.story.asked import Span, ask_of_keys
from recourse_observe.story.baseline import Usual, slow_limit_us, usual_latency
from recourse_observe.story.bins import Bin, gathered
from recourse_observe.story.cusum import edge_after_low, edge_at_peak
from recourse_observe.story.edges import Edge, Signal, signal_of
from recourse_observe.story.incidents import Complaint, Group, blamed, group, namespace
from recourse_observe.story.spells import KeySpell, key_spells
from recourse_observe.story.whole import looked, worst_key

__all__ = ["Found", "find"]

_BLOCK_US: Final = 30_000_000
_BINS_US: Final = (1_000_000, 2_000_000, 5_000_000, 10_000_000)
_MOST_BINS: Final = 14_400
_AROUND_US: Final = 60_000_000
_LEAST_US: Final = 5_000_000
_LEAST_FELLOWS: Final = 6
_HISTORY_US: Final = 300_000_000
_TAIL_US: Final = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found in an archive.

    Attributes:
        spans: One for each incident, in the order of their onsets.
        known: The rows of the facts about the archive as a whole, where they are known already.
    """

    coverage: Coverage
    spans: tuple[Span, ...]
    known: Mapping[str, dict[str, Any] | None]


def find(archive: Archive) -> Found:
    """The incidents of an archive."""
    coverage, usual = side_by_side(archive.coverage, lambda: _usual(archive))
    limits = {key: slow_limit_us(one) for key, one in usual.items()}
    bin_us = _bin_us(coverage)
    bins = archive.rows(
        Bin, "signals", bin_us=bin_us, keys=list(limits), slow_us=list(limits.values())
    )
    of_keys = [list(rows) for _, rows in groupby(bins, key=lambda row: row.key)]
    by_key, members = gathered(of_keys)
    found = [spell for rows in by_key for spell in key_spells(rows, bin_us)]
    groups = [
        _blamed(archive, one) for one in group(found, _links(archive, found), coverage.last_unix_us)
    ]
    groups = _with_fellows(archive, groups, _given_up(of_keys))
    groups = [_spread(one, members) for one in groups]
    spans = [_span(archive, one, limits, usual, coverage) for one in groups]
    spans = [_counted(span, bins, bin_us) for span in spans]
    spans.sort(key=lambda span: (span.onset_us, span.keys))
    known = {"looked": looked(of_keys, coverage.instances), "worst_key": worst_key(of_keys)}
    return Found(coverage=coverage, spans=_apart(spans, coverage), known=known)


def _spread(one: Group, members: Mapping[str, tuple[str, ...]]) -> Group:
    """The group with the real keys in the place of those that were looked at as one."""

    def real(found: Sequence[KeySpell]) -> tuple[KeySpell, ...]:
        return tuple(replace(s, key=key) for s in found for key in members.get(s.key, (s.key,)))

    return Group(culprits=real(one.culprits), victims=real(one.victims))


def _usual(archive: Archive) -> Mapping[str, Usual]:
    blocks: dict[str, list[tuple[int, int, int]]] = {}
    for row in archive.told("baselines", block_us=_BLOCK_US).records:
        blocks.setdefault(row["key"], []).append((row["successes"], row["p50_us"], row["p95_us"]))
    known = {key: usual_latency(values) for key, values in sorted(blocks.items())}
    return {key: one for key, one in known.items() if one is not None}


def _bin_us(coverage: Coverage) -> int:
    """As fine as a second, coarser when the archive is long."""
    length = coverage.last_unix_us - coverage.first_unix_us
    return next((b for b in _BINS_US if length // b <= _MOST_BINS), _BINS_US[-1])


def _links(archive: Archive, found: Sequence[KeySpell]) -> Mapping[tuple[str, str], int]:
    """Who called whom in vain; asked only when more than one key is in trouble."""
    if len({spell.key for spell in found}) < 2:  # noqa: PLR2004  # nobody to blame but itself
        return {}
    rows = archive.told("links").records
    links = {(row["parent_key"], row["child_key"]): row["calls"] for row in rows}
    callers = {(row["service"], row["key"]) for row in archive.told("services").records}
    return _served(found, callers) | links


def _served(found: Sequence[KeySpell], callers: Set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """A key that names another service suffers when that service's own calls do."""
    return {
        (spell.key, other.key): spell.lost
        for spell in found
        for other in found
        if (namespace(spell.key), other.key) in callers
        and (namespace(spell.key), spell.key) not in callers
    }


def _blamed(archive: Archive, one: Group) -> Group:
    """The group with its culprits; the archive is asked only where there is a choice."""
    if len({namespace(spell.key) for spell in one.culprits}) < 2:  # noqa: PLR2004  # one dependency
        return one
    keys = [spell.key for spell in one.culprits]
    scope = Scope(start_unix_us=one.start_us, end_unix_us=one.end_us)
    told = rows_of(Complaint, ask_of_keys(archive, "complaints", scope, keys=keys))
    return blamed(one, {row.key: row for row in told})


def _given_up(of_keys: Sequence[Sequence[Bin]]) -> Mapping[str, int]:
    """How many calls of each key ended as those of fellows do, in the whole archive."""
    return {bins[0].key: sum(one.given_up for one in bins) for bins in of_keys}


def _with_fellows(
    archive: Archive, groups: Sequence[Group], given_up: Mapping[str, int]
) -> list[Group]:
    """The groups with keys whose calls ended as their own did.

    Some are called too seldom to be found alone, and some were taken for another incident.
    """
    made: list[Group] = []
    for one in groups:
        if any(_overlap(one, other) and _is_in(one, other) for other in made):
            continue
        known = sum(given_up.get(key, 0) for key in {spell.key for spell in one.spells})
        names = _fellows(archive, one) if known >= _LEAST_FELLOWS else []
        others = [o for o in groups if o is not one and _overlap(one, o)]
        found = {s.key: s for o in others for s in o.culprits if s.key in names}
        louder = max(one.culprits, key=lambda spell: spell.bad)
        fellows = tuple(found.get(name, replace(louder, key=name, bad=0.0)) for name in names)
        made.append(Group(culprits=one.culprits + fellows, victims=one.victims))
    return made


def _fellows(archive: Archive, one: Group) -> list[str]:
    scope = Scope(start_unix_us=max(0, one.start_us - _HISTORY_US), end_unix_us=one.end_us)
    keys = [spell.key for spell in one.spells]
    values = {"keys": keys, "onset_us": one.start_us, "fewest": _LEAST_FELLOWS}
    return [row["policy_key"] for row in archive.told("fellows", scope, **values).records]


def _overlap(one: Group, other: Group) -> bool:
    return max(one.start_us, other.start_us) < min(one.end_us, other.end_us)


def _is_in(one: Group, other: Group) -> bool:
    """Whether the culprits of a group are all among those of another."""
    return {spell.key for spell in one.culprits} <= {spell.key for spell in other.culprits}


def _span(
    archive: Archive,
    one: Group,
    limits: Mapping[str, int],
    usual: Mapping[str, Usual],
    coverage: Coverage,
) -> Span:
    keys = tuple(spell.key for spell in one.culprits)
    calls = _calls(archive, one, limits)
    onset, signal = _onset(one, calls)
    end = _end(one, calls, signal)
    if end - onset < _LEAST_US:  # a few calls place no edge
        onset, end = min(onset, one.start_us), max(end, one.end_us)
    medians = [usual[key].p50_us for key in keys if key in usual]
    return Span(
        keys=keys,
        affected=tuple(spell.key for spell in one.spells),
        onset_us=onset,
        end_us=end,
        ongoing=end >= coverage.last_unix_us - _TAIL_US,
        clear_from_us=coverage.first_unix_us,
        clear_to_us=coverage.last_unix_us + 1,
        usual_p50_us=min(medians, default=0),
    )


def _calls(archive: Archive, one: Group, limits: Mapping[str, int]) -> tuple[Edge, ...]:
    """The calls around both edges, in the order of time."""
    keys = [spell.key for spell in one.culprits]
    scope = Scope(
        start_unix_us=max(0, one.start_us - _HISTORY_US), end_unix_us=one.end_us + _AROUND_US
    )
    values = {
        "keys": keys,
        "slow_us": [limits.get(key, 2**62) for key in keys],
        "between_from_us": one.start_us + _AROUND_US,
        "between_to_us": one.end_us - _AROUND_US,
    }
    return rows_of(Edge, ask_of_keys(archive, "edges", scope, **values))


def _onset(one: Group, calls: Sequence[Edge]) -> tuple[int, Signal]:
    """The moment of the first bad call, and how to tell such calls."""
    at = one.start_us
    calls = [call for call in calls if call.member_us < at + _AROUND_US]
    signal = signal_of(one, calls)
    near = [call for call in calls if call.member_us >= at - signal.reach_us]
    if not near:
        return at, signal
    flags, weights = [signal.is_bad(call) for call in near], [call.weight for call in near]
    return near[edge_after_low(flags, signal.usual, signal.raised, weights)].member_us, signal


def _end(one: Group, calls: Sequence[Edge], signal: Signal) -> int:
    """The moment of the last bad call."""
    at = one.end_us
    calls = [call for call in calls if call.member_us >= at - _AROUND_US]
    if not calls:
        return at
    flags, weights = [signal.is_bad(call) for call in calls], [call.weight for call in calls]
    return calls[edge_at_peak(flags, signal.usual, signal.raised, weights)].member_us + 1


def _counted(span: Span, bins: Sequence[Bin], bin_us: int) -> Span:
    """The span with what its keys lost in the bins that it touches."""
    keys, first, last = set(span.keys), span.onset_us // bin_us, span.end_us // bin_us
    inside = [one for one in bins if one.key in keys and first <= one.bin <= last]
    return replace(
        span, calls=sum(one.calls for one in inside), lost=sum(one.lost_calls for one in inside)
    )


def _apart(spans: Sequence[Span], coverage: Coverage) -> tuple[Span, ...]:
    """Each span with the room around it that no other incident of its keys takes."""
    made = []
    for span in spans:
        others = [o for o in spans if o is not span and set(o.affected) & set(span.affected)]
        before = [o.end_us for o in others if o.end_us <= span.onset_us]
        after = [o.onset_us for o in others if o.onset_us >= span.end_us]
        made.append(
            replace(
                span,
                clear_from_us=max(before, default=coverage.first_unix_us),
                clear_to_us=min(after, default=coverage.last_unix_us + 1),
            )
        )
    return tuple(made)
