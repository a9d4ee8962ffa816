"""Reads off a record what it shows of the dependency: service times, failing answers, quotas, rates."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf, log
from statistics import median
from typing import Final

from recourse_observe.whatif.dependency import Dependency
from recourse_observe.whatif.errors import Blame, blame, outside_faults, quota
from recourse_observe.whatif.full_queue import Full, full_queue
from recourse_observe.whatif.onset import STEEPEST, Step, first_step
from recourse_observe.whatif.record import Record, Tried
from recourse_observe.whatif.series import ending_of
from recourse_observe.whatif.service import service_quantiles
from recourse_observe.whatif.trace import Ending

__all__ = ["Seen", "look"]

_EDGE_BINS: Final = 120
# What came from outside at first may have been so much more, and waiting among it.
_MORE: Final = 1.4
_LEAST_SLOWDOWN: Final = 1.15
_GROUP: Final = 60
_LONG: Final = 1.3
_ILL: Final = 0.1
_STILL_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the record shows of itself.

    Attributes:
        base: The dependency as far as it can be read off.
        mean_s: Of a request's service time.
        usual_per_s: Calls per second.
        peak_per_s: Successes per second in the best five seconds.
        full: What a full queue shows; ``None`` when none was seen.
        most_slowdown: What the first attempts of the trouble can be explained with.
        edges: From when to when attempts were hurt most: the story's edges are those of calls.
        suffered: Whether attempts of the incident were slow or cut off: then more must be searched.
        mechanisms: What was read off, one sentence each.
    """

    base: Dependency
    mean_s: float
    usual_per_s: float
    peak_per_s: float
    full: Full | None
    most_slowdown: float
    edges: tuple[float, float]
    suffered: bool
    mechanisms: tuple[str, ...]

    @property
    def least_per_s(self) -> float:
        """Requests per second that the dependency can take at least."""
        return max(0.95 * self.peak_per_s, 1.02 * self.usual_per_s)


def look(record: Record) -> Seen:
    """What the record shows of the dependency."""
    quiet = [t for t in record.attempts if t.ran and not _during(record, t.at_s)]
    service = _service(record, quiet)
    usual_s = service[len(service) // 2]
    found = blame(record, usual_s)
    edges = _edges(record, usual_s)
    step = first_step(record, service, edges)
    if step is not None:
        edges = (step.at_s, edges[1])
    base, mechanisms = _base(record, service, found)
    return Seen(
        base=base,
        mean_s=sum(service) / len(service),
        usual_per_s=_rate([call.at_s for call in record.calls], record.length_s),
        peak_per_s=_peak(t.at_s + t.duration_s for t in record.attempts if t.outcome == "success"),
        full=full_queue(record, found.shed, edges),
        most_slowdown=_most_slowdown(step),
        edges=edges,
        suffered=_suffered(record, quiet, usual_s),
        mechanisms=tuple(mechanisms),
    )


def _service(record: Record, quiet: Sequence[Tried]) -> tuple[float, ...]:
    """Quantiles of the service time, from attempts that nothing held up."""
    usable = [t for t in quiet if ending_of(t) is not Ending.ERROR]
    if sum(t.outcome == "success" for t in usable) < 20:  # noqa: PLR2004  # no quiet to speak of
        usable = [t for t in record.attempts if t.ran and ending_of(t) is not Ending.ERROR]
    return service_quantiles([(t.duration_s, t.outcome != "success") for t in _uncrowded(usable)])


def _base(record: Record, service: tuple[float, ...], found: Blame) -> tuple[Dependency, list[str]]:
    """The dependency as far as it can be read off, and a sentence on each thing that was."""
    usual_ms = service[len(service) // 2] * 1000
    base = Dependency(service_s=service, faults=outside_faults(record, found))
    mechanisms = [f"half of the requests take no longer than {usual_ms:.3g} ms in quiet"]
    shed = next((found.replies[reason] for reason in sorted(found.shed)), None)
    if shed is not None:
        base = replace(base, shed=shed)
        mechanisms.append(f"a full queue answers {shed.reply.reason}")
    held = quota(record, found.quota)
    if held is not None:
        reason = max(found.quota, key=lambda one: sum(t.reason == one for t in record.attempts))
        rate, from_s, to_s = held
        base = replace(
            base,
            quota_per_s=rate,
            quota_from_s=from_s,
            quota_to_s=to_s,
            over_quota=found.replies[reason],
        )
        mechanisms.append(f"a quota of {rate:.3g} requests per second answers {reason}")
    return base, mechanisms + [f"{reason} comes from outside" for reason in sorted(found.outside)]


def _uncrowded(attempts: Sequence[Tried]) -> list[Tried]:
    """Those that began while so few others were under way that what they took is work, not waiting."""
    starts = [one.at_s for one in attempts]
    # What was given up may be worked on for a while.
    ends = sorted(
        one.at_s + one.duration_s + _STILL_S * (ending_of(one) is Ending.CUT_OFF)
        for one in attempts
    )
    beside = [place - bisect_right(ends, at_s) for place, at_s in enumerate(starts)]
    order = sorted(range(len(attempts)), key=beside.__getitem__)
    groups = [order[place : place + _GROUP] for place in range(0, len(order), _GROUP)]
    middles = [median(attempts[place].duration_s for place in group) for group in groups]
    first_long = next((n for n, took_s in enumerate(middles) if took_s > _LONG * middles[0]), None)
    calm = sorted(place for group in groups[:first_long] for place in group)
    return [attempts[place] for place in calm]


def _during(record: Record, at_s: float) -> bool:
    return record.onset_s - 5.0 <= at_s < record.end_s + 5.0


def _rate(moments: Sequence[float], length_s: float) -> float:
    return len(moments) / length_s if length_s else 0.0


def _peak(moments: Iterable[float]) -> float:
    counts: dict[int, int] = {}
    for moment in moments:
        counts[int(moment // 5.0)] = counts.get(int(moment // 5.0), 0) + 1
    return max(counts.values(), default=0) / 5.0


def _most_slowdown(step: Step | None) -> float:
    """What can have come from outside, by what it was like before there was a queue to wait in."""
    return STEEPEST if step is None else min(STEEPEST, max(_LEAST_SLOWDOWN, _MORE * step.slowdown))


def _edges(record: Record, usual_s: float) -> tuple[float, float]:
    """The stretch whose attempts differ most from the others: the likeliest step up and down again."""
    bin_s = max(1.0, record.length_s / _EDGE_BINS)
    hurt, all_of = [0] * (_EDGE_BINS + 1), [0] * (_EDGE_BINS + 1)
    for tried in record.attempts:
        if tried.ran and ending_of(tried) is not Ending.ERROR:
            place = min(_EDGE_BINS, int(tried.at_s / bin_s))
            all_of[place] += 1
            hurt[place] += tried.outcome != "success" or tried.duration_s > 3.0 * usual_s
    before_hurt, before_all = [0, *accumulate(hurt)], [0, *accumulate(all_of)]
    best, chosen = -inf, (record.onset_s, record.end_s)
    for first in range(_EDGE_BINS):
        for last in range(first + 2, _EDGE_BINS + 2):
            inside = before_all[last] - before_all[first]
            bad = before_hurt[last] - before_hurt[first]
            score = _likely(bad, inside) + _likely(before_hurt[-1] - bad, before_all[-1] - inside)
            if score > best and bad * before_all[-1] > before_hurt[-1] * inside:
                best, chosen = score, (first * bin_s, last * bin_s)
    return chosen


def _likely(bad: int, count: int) -> float:
    """Logarithm of the likelihood of so many bad ones at their own rate."""
    if not 0 < bad < count:
        return 0.0
    share = bad / count
    return bad * log(share) + (count - bad) * log(1.0 - share)


def _suffered(record: Record, quiet: Sequence[Tried], usual_s: float) -> bool:
    """Whether attempts of the incident were slow or cut off more than usual, or usually are."""
    usually = _hurt(quiet, usual_s)
    if usually > _ILL:
        return True
    during = [t for t in record.attempts if t.ran and _during(record, t.at_s)]
    return _hurt(during, usual_s) > 1.5 * usually + 0.02  # more than chance


def _hurt(attempts: Sequence[Tried], usual_s: float) -> float:
    # The loser of a race was called off because another one was well.
    worked = [t for t in attempts if ending_of(t) is not Ending.ERROR and t.reason != "hedge_lost"]
    slow = sum(t.outcome != "success" or t.duration_s > 4.0 * usual_s for t in worked)
    return slow / len(worked) if worked else 0.0
