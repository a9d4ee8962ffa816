"""Two calls side by side: what they have in common stands once, what differs is marked.

Durations are compared, not only what happened: two calls of one shape may differ in nothing but where the time went.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.rows import AttemptRow, WholeCall
from recourse_observe.text import count, duration

__all__ = ["SUCCESS", "Beside", "beside", "other_call"]

SUCCESS: Final = "success"
"""In the place of an id: the nearest call of the key that went well."""
_MUCH: Final = 0.5
"""From which share of the smaller one on a difference of durations counts."""
_NEAREST: Final = """
SELECT call_id
FROM calls
WHERE success AND key = $key AND call_id <> $call_id
ORDER BY abs(epoch_us(started_at) - $at_us), call_id
LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One thing of two calls, as words.

    Attributes:
        differs: Whether the difference is worth a look; durations differ from one and a half times on.
    """

    name: str
    a: str
    b: str
    differs: bool


def other_call(archive: Archive, whole: WholeCall, against: str) -> WholeCall | None:
    """The call to stand beside another one; ``None`` when no call of its key went well.

    Args:
        archive: Where both are.
        whole: The call that is looked at.
        against: The beginning of an id, or :data:`SUCCESS`.

    Raises:
        CallNotFoundError: No call has that id, or several have.
    """
    known = _nearest_success(archive, whole) if against == SUCCESS else against
    return archive.call(known) if known is not None else None


def beside(a: WholeCall, b: WholeCall) -> tuple[Beside, ...]:
    """How two calls went: as wholes, then attempt by attempt; what neither knows is left out."""
    rows = (*_calls(a, b), *_attempts(a, b))
    return tuple(row for row in rows if (row.a, row.b) != ("—", "—"))


def _nearest_success(archive: Archive, whole: WholeCall) -> str | None:
    """The call of the same key that went well and began nearest in time, if any did."""
    call = whole.call
    params = {"key": call.key, "call_id": call.call_id, "at_us": call.started_unix_us}
    found: list[str] = archive.sql(_NEAREST, params).column("call_id").to_pylist()
    return found[0] if found else None


def _calls(a: WholeCall, b: WholeCall) -> Iterator[Beside]:
    one, other = a.call, b.call
    yield _words("key", one.key, other.key)
    yield _words("ended as", one.disposition, other.disposition)
    yield _words("reason", one.final_reason, other.final_reason)
    yield _spans("took", one.duration_us, other.duration_us)
    yield _spans("deadline", one.deadline_us, other.deadline_us)
    yield _words("attempts", count(one.attempts_run), count(other.attempts_run))
    yield _words("hedges", count(one.hedges), count(other.hedges))
    yield _spans("waited", _waited_us(a), _waited_us(b))
    yield _words("instance", one.instance, other.instance)
    yield _words("region", one.region or "—", other.region or "—")
    yield _words("policy", one.policy_version or "—", other.policy_version or "—")


def _attempts(a: WholeCall, b: WholeCall) -> Iterator[Beside]:
    for one, other in zip_longest(a.attempts, b.attempts):
        known = one if one is not None else other
        hedge = f".{known.hedge_index}" if known.is_hedge else ""
        name = f"attempt {known.attempt}{hedge}"
        yield _words(name, *map(_outcome, (one, other)))
        yield _spans("  took", *map(_took_us, (one, other)))
        yield _words("  peer", *map(_peer, (one, other)))
        yield _spans("  then waited", *map(_backoff_us, (one, other)))


def _words(name: str, a: str, b: str) -> Beside:
    return Beside(name=name, a=a, b=b, differs=a != b)


def _spans(name: str, a: int | None, b: int | None) -> Beside:
    differs = a != b if a is None or b is None else abs(a - b) > _MUCH * min(a, b)
    return Beside(name=name, a=duration(a), b=duration(b), differs=differs)


def _waited_us(whole: WholeCall) -> int:
    return sum(attempt.waited_before_us for attempt in whole.attempts)


def _outcome(attempt: AttemptRow | None) -> str:
    if attempt is None:
        return "—"
    return attempt.reason if attempt.ran else f"denied: {attempt.reason}"


def _took_us(attempt: AttemptRow | None) -> int | None:
    return attempt.duration_us if attempt is not None and attempt.ran else None


def _peer(attempt: AttemptRow | None) -> str:
    return "—" if attempt is None or attempt.peer is None else attempt.peer


def _backoff_us(attempt: AttemptRow | None) -> int | None:
    return attempt.backoff_us if attempt is not None and attempt.backoff_us else None
