"""What the record says of failing answers: whose doing they are, and when."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log
from statistics import median
from typing import Final, NamedTuple

from recourse_observe.whatif.dependency import Failing, Fault, Reply
from recourse_observe.whatif.record import Record, Tried
from recourse_observe.whatif.series import ending_of
from recourse_observe.whatif.trace import Ending

__all__ = ["Blame", "blame", "outside_faults", "quota"]

_BIN_S: Final = 2.0
_MOST_BINS: Final = 240
_FEW: Final = 10
# How much likelier, as a logarithm, two rates must be than one.
_GAIN: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """Failing answers by whose doing they are.

    Attributes:
        outside: Reasons that come whatever the load is.
        shed: Reasons of a full queue.
        quota: Reasons of a quota.
        replies: What each reason tells, and how long it takes.
    """

    outside: frozenset[str]
    shed: frozenset[str]
    quota: frozenset[str]
    replies: Mapping[str, Failing]


def blame(record: Record, usual_s: float) -> Blame:
    """Whose doing each reason is.

    Args:
        record: What was recorded.
        usual_s: Median service time in quiet.
    """
    groups: dict[str, list[Tried]] = {}
    for tried in record.attempts:
        if tried.ran and ending_of(tried) is Ending.ERROR:
            groups.setdefault(tried.reason, []).append(tried)
    outside, shed, over = set[str](), set[str](), set[str]()
    for reason, group in groups.items():
        quick = median(tried.duration_s for tried in group) < 0.5 * usual_s
        if "429" in reason or sum(t.retry_after_s is not None for t in group) > len(group) / 2:
            over.add(reason)
        elif quick and group[0].outcome == "retryable" and _beside_slow(record, group, usual_s):
            shed.add(reason)
        else:
            outside.add(reason)
    replies = {reason: _failing(reason, group) for reason, group in groups.items()}
    return Blame(
        outside=frozenset(outside), shed=frozenset(shed), quota=frozenset(over), replies=replies
    )


def _failing(reason: str, group: Sequence[Tried]) -> Failing:
    after = [tried.retry_after_s for tried in group if tried.retry_after_s is not None]
    retryable = sum(tried.outcome == "retryable" for tried in group) * 2 > len(group)
    reply = Reply(reason, retryable, median(after) if after else None)
    return Failing(1.0, reply, median(tried.duration_s for tried in group))


def _beside_slow(record: Record, group: Sequence[Tried], usual_s: float) -> bool:
    """Whether attempts that were worked on meanwhile were slow: the queue that refused was full."""
    bins = {int(tried.at_s // _BIN_S) for tried in group}
    slow = others = 0
    for tried in record.attempts:
        worked = tried.ran and ending_of(tried) is not Ending.ERROR
        if worked and int(tried.at_s // _BIN_S) in bins:
            others += 1
            slow += tried.outcome != "success" or tried.duration_s > 2.5 * usual_s  # mostly waiting
    return others >= _FEW and slow > 0.8 * others  # nearly all of them: a queue spares nobody


class _Bin(NamedTuple):
    """Attempts of a short while, and how many failed from outside, by reason."""

    start_s: float
    end_s: float
    tried: int
    failed: Mapping[str, int]


def outside_faults(record: Record, found: Blame) -> tuple[Fault, ...]:
    """The schedule of what fails whatever the load is; what is about as bad shares one rate."""
    stubborn = _stubborn(record, found)
    faults = []
    for bins in _divided(_bins(record, found)):
        tried, failed = _summed(bins)
        if failed:
            shares = {reason: count / tried for reason, count in failed.items()}
            faults.append(_fault(bins[0].start_s, bins[-1].end_s, shares, found, stubborn))
    return tuple(faults)


def _bins(record: Record, found: Blame) -> list[_Bin]:
    bin_s = max(_BIN_S, record.length_s / _MOST_BINS)
    tried_in: Counter[int] = Counter()
    failed_in: dict[int, Counter[str]] = {}
    for tried in record.attempts:
        if tried.ran:
            place = int(tried.at_s // bin_s)
            tried_in[place] += 1
            if tried.reason in found.outside and ending_of(tried) is Ending.ERROR:
                failed_in.setdefault(place, Counter())[tried.reason] += 1
    edges = [*(place * bin_s for place in sorted(tried_in)), inf]
    return [
        _Bin(start_s, end_s, tried_in[place], failed_in.get(place, {}))
        for place, start_s, end_s in zip(sorted(tried_in), edges, edges[1:], strict=False)
    ]


def _divided(bins: Sequence[_Bin]) -> list[Sequence[_Bin]]:
    """Stretches that differ by more than chance; a rate for every short while would fit the chance."""
    whole = _likely(bins)
    gains = [
        (_likely(bins[:place]) + _likely(bins[place:]) - whole, place)
        for place in range(1, len(bins))
    ]
    gain, place = max(gains, default=(0.0, 0))
    if gain < _GAIN:
        return [bins]
    return [*_divided(bins[:place]), *_divided(bins[place:])]


def _likely(bins: Sequence[_Bin]) -> float:
    """Logarithm of the likelihood of these counts at their own rates."""
    tried, failed = _summed(bins)
    well = tried - failed.total()
    return sum(count * log(count / tried) for count in (well, *failed.values()) if count > 0)


def _summed(bins: Sequence[_Bin]) -> tuple[int, Counter[str]]:
    failed: Counter[str] = Counter()
    for one in bins:
        failed.update(one.failed)
    return sum(one.tried for one in bins), failed


def _fault(
    start_s: float,
    end_s: float,
    shares: Mapping[str, float],
    found: Blame,
    stubborn: Mapping[str, float],
) -> Fault:
    errors: list[Failing] = []
    poison: Failing | None = None
    for reason, share in shares.items():
        failing = found.replies[reason]
        repeated = stubborn.get(reason, 0.0)
        if repeated > 0.9 and share < 0.9 and poison is None:  # noqa: PLR2004  # calls, not attempts, are bad
            # Attempts of a bad call count once each: of the calls, fewer are bad.
            poison = failing._replace(share=_of_calls(share, repeated, failing.reply))
        else:
            errors.append(failing._replace(share=share))
    return Fault(start_s=start_s, end_s=end_s, errors=tuple(errors), poison=poison)


def _of_calls(share: float, repeated: float, reply: Reply) -> float:
    """Share of calls that are bad when so many attempts are, each bad call being tried on."""
    tries = 1.0 / (1.0 - min(repeated, 0.99)) if reply.retryable else 1.0
    tries = min(tries, 3.0)
    return share / (share + tries * (1.0 - share))


def _stubborn(record: Record, found: Blame) -> dict[str, float]:
    """For each outside reason how often the next attempt of the call fails by it again.

    Counted only where attempts of other calls mostly do well: in an outage everything is repeated.
    """
    last: dict[int, Tried] = {}
    again: dict[str, list[int]] = {}
    well = _mostly_well(record)
    for tried in record.attempts:
        if not tried.ran or tried.hedge_index:
            continue
        before = last.get(tried.call)
        if (
            before is not None
            and before.reason in found.outside
            and int(tried.at_s // 10.0) in well
        ):
            again.setdefault(before.reason, []).append(tried.reason == before.reason)
        last[tried.call] = tried
    return {reason: sum(hits) / len(hits) for reason, hits in again.items() if len(hits) >= _FEW}


def _mostly_well(record: Record) -> set[int]:
    counts: dict[int, list[int]] = {}
    for tried in record.attempts:
        if tried.ran and not tried.attempt:
            both = counts.setdefault(int(tried.at_s // 10.0), [0, 0])
            both[0] += 1
            both[1] += tried.outcome == "success"
    return {place for place, (tries, wins) in counts.items() if wins > 0.3 * tries}  # not an outage


def quota(record: Record, reasons: Iterable[str]) -> tuple[float, float, float] | None:
    """Accepted attempts per second under the quota, and from when to when it held."""
    known = frozenset(reasons)
    accepted: dict[int, list[int]] = {}
    for tried in record.attempts:
        if tried.ran:
            both = accepted.setdefault(int(tried.at_s // _BIN_S), [0, 0])
            both[tried.reason in known] += 1
    held = sorted(place for place, (_, over) in accepted.items() if over)
    if not held:
        return None
    tight = [taken for taken, over in accepted.values() if over > 0.1 * taken]  # it really held
    rate = (sum(tight) / len(tight) if tight else max(n for n, _ in accepted.values())) / _BIN_S
    elsewhere = [
        taken for place, (taken, _) in accepted.items() if not held[0] <= place <= held[-1]
    ]
    always = max(elsewhere, default=0) / _BIN_S <= 1.3 * rate  # it may have held all the time
    start_s, end_s = held[0] * _BIN_S, (held[-1] + 1) * _BIN_S
    return (rate, 0.0, float("inf")) if always else (rate, start_s, end_s)
