"""A sampled record made whole again: the calls that were left out, as many as the exact counts say.

Only calls that went well at once are left out of a sample, and those that are kept say for how many
they stand. When each was made is not known to the second; how many there were in ten seconds is.
"""

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from recourse_observe.queries.archive import Archive
from recourse_observe.scope import Scope
from recourse_observe.whatif.record import Made, Record, Tried

__all__ = ["Counted", "counted_calls", "made_whole"]

_BUCKET_S: Final = 10.0
_US: Final = 1e6


class Counted(NamedTuple):
    """How many calls were made in ten seconds; their beginning is in seconds of the record."""

    at_s: float
    calls: int


def counted_calls(archive: Archive, record: Record) -> tuple[Counted, ...]:
    """The exact counts of a record's key, in order of time; none when the archive holds none."""
    bucket_us = round(_BUCKET_S * _US)
    start_us = record.start_us // bucket_us * bucket_us
    end_us = record.start_us + round(record.length_s * _US)
    scope = Scope(start_unix_us=start_us, end_unix_us=end_us, key=record.key)
    table = archive.ask("whatif_counts", scope)
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return tuple(Counted((at_us - record.start_us) / _US, calls) for at_us, calls in rows)


def made_whole(record: Record, counts: Sequence[Counted]) -> Record:
    """The record with the calls that were left out of it, made after those that stand for them.

    A record without exact counts, or without a call that stands for others, stays as it is.
    """
    donors = [place for place, call in enumerate(record.calls) if call.weight > 1]
    if not counts or not donors:
        return record
    of_donor: dict[int, list[Tried]] = {place: [] for place in donors}
    for tried in record.attempts:
        if tried.call in of_donor:
            of_donor[tried.call].append(tried)
    whole = [(call._replace(weight=1), place) for place, call in enumerate(record.calls)]
    added = list(_added(record, counts, donors))
    calls = sorted([*whole, *added], key=lambda one: one[0].at_s)
    places = {call.call_id: place for place, (call, _) in enumerate(calls)}
    attempts = [t._replace(call=places[record.calls[t.call].call_id]) for t in record.attempts]
    for call, donor in added:
        later_s = call.at_s - record.calls[donor].at_s
        attempts += [
            tried._replace(call=places[call.call_id], at_s=tried.at_s + later_s)
            for tried in of_donor[donor]
        ]
    return replace(
        record,
        calls=tuple(call for call, _ in calls),
        attempts=tuple(sorted(attempts, key=lambda tried: tried.at_s)),
        filled_in=len(added),
    )


def _added(
    record: Record, counts: Sequence[Counted], donors: Sequence[int]
) -> Iterator[tuple[Made, int]]:
    """Calls that were left out, each with the place of the one that stands for it."""
    rng = random.Random(len(record.calls))  # noqa: S311  # a spread, no secret
    starts = [call.at_s for call in record.calls]
    stands = [starts[place] for place in donors]
    for at_s, calls in counts:
        from_s, to_s = max(0.0, at_s), min(record.length_s, at_s + _BUCKET_S)
        share = (to_s - from_s) / _BUCKET_S
        kept = bisect_left(starts, to_s) - bisect_left(starts, from_s)
        first, last = bisect_left(stands, from_s), bisect_left(stands, to_s)
        if first == last:  # none of these ten seconds was kept: the nearest stands for them
            first = max(0, min(first, len(donors) - 1))
            last = first + 1
        for number in range(max(0, round(share * calls) - kept)):
            donor = donors[first + number % (last - first)]
            call = record.calls[donor]
            moment_s = rng.uniform(from_s, to_s)
            name = f"{call.call_id}/{at_s:.0f}/{number}"
            yield call._replace(call_id=name, at_s=moment_s, weight=1), donor
