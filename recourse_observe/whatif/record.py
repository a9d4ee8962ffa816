"""What was recorded of one key around an incident: calls, attempts, and what can be measured on them."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from recourse_observe.queries.archive import Archive
from recourse_observe.scope import Scope

__all__ = ["Asked", "Made", "Measured", "Record", "Tried", "load_record", "measured", "quantile"]

_RECOVERED: Final = 5.0
_US: Final = 1e6


class Made(NamedTuple):
    """A call as it was recorded; times in seconds since the start of the window."""

    call_id: str
    instance: str
    policy_version: str
    at_s: float
    duration_s: float
    deadline_s: float | None
    lost: bool
    disposition: str
    attempts: int
    retries: int
    hedges: int
    rescued: bool
    weight: int


class Tried(NamedTuple):
    """An attempt as it was recorded; a denied one did not run."""

    call: int
    attempt: int
    hedge_index: int
    ran: bool
    at_s: float
    duration_s: float
    outcome: str
    reason: str
    retry_after_s: float | None
    timeout_s: float | None
    budget_name: str


class Asked(NamedTuple):
    """A budget's answer to one retry."""

    instance: str
    budget_name: str
    at_s: float
    call_id: str
    attempt: int
    cost: int
    allowed: bool
    level_after: float | None


@dataclass(frozen=True)
class Record:
    """What was recorded of one key in one stretch of time.

    Attributes:
        start_us: Where its seconds count from, UTC.
        length_s: How long it is.
        onset_s: Where the incident begins; measures count calls from here.
        end_s: Where it ends.
        calls: In the order of their making.
        attempts: In launch order; ``Tried.call`` is the place of its call.
        asked: What budgets said to retries.
        sampled: Some rows stand for more than one call.
        gaps_s: Seconds in which nobody recorded.
        filled_in: How many of the calls were left out of a sample, and made after others.
    """

    key: str
    start_us: int
    length_s: float
    onset_s: float
    end_s: float
    calls: tuple[Made, ...]
    attempts: tuple[Tried, ...]
    asked: tuple[Asked, ...] = ()
    gaps_s: float = 0.0
    filled_in: int = 0

    @property
    def sampled(self) -> bool:
        """Whether some rows stand for more than one call."""
        return any(call.weight > 1 for call in self.calls)

    @cached_property
    def first(self) -> int:
        """The place of the first call that measures count."""
        return bisect_left([call.at_s for call in self.calls], self.onset_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What callers and the dependency saw, recorded or simulated alike.

    Attributes:
        rescued: Calls that succeeded on a retry.
        wasted: Retries that did not rescue a call.
        latency_p50_s: Of calls, lost ones included.
        lost_p50_s: Of lost calls: how long a caller waited for an error.
        peak_per_s: Attempts per second in the worst ten seconds.
        recovery_s: From the onset to the last ten seconds in which more than 5 % of calls failed.
    """

    calls: int
    failed: int
    attempts: int
    retries: int
    rescued: int
    wasted: int
    latency_p50_s: float
    latency_p99_s: float
    lost_p50_s: float
    peak_per_s: float
    recovery_s: float

    @property
    def per_call(self) -> float:
        """Attempts per call."""
        return self.attempts / self.calls if self.calls else 0.0


class Ended(NamedTuple):
    """How one call ended, for measuring."""

    at_s: float
    took_s: float
    failed: bool
    attempts: int
    retries: int


def load_record(
    archive: Archive, key: str, window: tuple[int, int], incident: tuple[int, int]
) -> Record:
    """What an archive holds of a key.

    Args:
        archive: The archive.
        key: The policy key.
        window: Half-open, microseconds since 1970.
        incident: Onset and end, inside the window.
    """
    start_us, end_us = window
    scope = Scope(start_unix_us=start_us, end_unix_us=end_us, key=key)
    calls = tuple(_made(row, start_us) for row in _rows(archive, "whatif_calls", scope))
    place = {call.call_id: index for index, call in enumerate(calls)}
    attempts = tuple(
        _tried(row, place, start_us) for row in _rows(archive, "whatif_attempts", scope)
    )
    asked = tuple(_asked(row, start_us) for row in _rows(archive, "whatif_budget", scope))
    onset_us, over_us = incident
    return Record(
        key=key,
        start_us=start_us,
        length_s=(end_us - start_us) / _US,
        onset_s=(onset_us - start_us) / _US,
        end_s=(over_us - start_us) / _US,
        calls=calls,
        attempts=attempts,
        asked=asked,
        gaps_s=_gaps_s(archive, start_us, end_us),
    )


def measured(record: Record, ends: Iterable[Ended], starts: Sequence[float]) -> Measured:
    """The measures of calls from the onset on.

    Args:
        record: Says where the incident begins.
        ends: How calls ended, recorded or simulated.
        starts: When attempts started, in order.
    """
    counted = [end for end in ends if end.at_s >= record.onset_s]
    took = sorted(end.took_s for end in counted)
    lost = sorted(end.took_s for end in counted if end.failed)
    rescued = sum(not end.failed and end.retries > 0 for end in counted)
    retries = sum(end.retries for end in counted)
    return Measured(
        calls=len(counted),
        failed=len(lost),
        attempts=sum(end.attempts for end in counted),
        retries=retries,
        rescued=rescued,
        wasted=retries - rescued,
        latency_p50_s=quantile(took, 0.5),
        latency_p99_s=quantile(took, 0.99),
        lost_p50_s=quantile(lost, 0.5),
        peak_per_s=_peak(starts, record.onset_s),
        recovery_s=_recovery(counted, record.onset_s),
    )


def recorded_measures(record: Record) -> Measured:
    """The measures of what was recorded."""
    ends = (
        Ended(call.at_s, call.duration_s, call.lost, call.attempts, call.retries)
        for call in record.calls
    )
    return measured(record, ends, [one.at_s for one in record.attempts if one.ran])


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that this share does not exceed; 0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def per_second(starts: Sequence[float], length_s: float, bin_s: float) -> list[float]:
    """Attempts per second, one number per bin."""
    bins = [0] * max(1, int(-(-length_s // bin_s)))
    for at_s in starts:
        index = int(at_s // bin_s)
        if 0 <= index < len(bins):
            bins[index] += 1
    return [count / bin_s for count in bins]


def _peak(starts: Sequence[float], from_s: float) -> float:
    after = [at_s - from_s for at_s in starts if at_s >= from_s]
    return max(per_second(after, max(after, default=0.0) + 1e-9, 10.0), default=0.0)


def _recovery(ends: Sequence[Ended], onset_s: float) -> float:
    bins: dict[int, list[int]] = {}
    for end in ends:
        counts = bins.setdefault(int((end.at_s - onset_s) // _RECOVERED), [0, 0])
        counts[0] += 1
        counts[1] += end.failed
    bad = [index for index, (calls, failed) in bins.items() if failed > max(1.0, 0.05 * calls)]
    return (max(bad) + 1) * _RECOVERED if bad else 0.0


def _rows(archive: Archive, question: str, scope: Scope) -> Iterable[tuple[Any, ...]]:
    table = archive.ask(question, scope)
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _made(row: tuple[Any, ...], start_us: int) -> Made:
    call_id, instance, version, started, took, deadline, *rest = row
    return Made(
        call_id,
        instance,
        version,
        (started - start_us) / _US,
        took / _US,
        None if deadline is None else deadline / _US,
        *rest,
    )


def _tried(row: tuple[Any, ...], place: dict[str, int], start_us: int) -> Tried:
    call_id, attempt, hedge, ran, started, took, outcome, reason, after, timeout, budget = row
    return Tried(
        place[call_id],
        attempt,
        hedge,
        ran,
        (started - start_us) / _US,
        took / _US,
        outcome,
        reason,
        None if after is None else after / _US,
        None if timeout is None else timeout / _US,
        budget or "",
    )


def _asked(row: tuple[Any, ...], start_us: int) -> Asked:
    instance, name, decided, *rest = row
    return Asked(instance, name, (decided - start_us) / _US, *rest)


def _gaps_s(archive: Archive, start_us: int, end_us: int) -> float:
    gaps = archive.coverage().gaps
    overlaps = (min(g.end_unix_us, end_us) - max(g.start_unix_us, start_us) for g in gaps)
    return sum(overlap for overlap in overlaps if overlap > 0) / _US
