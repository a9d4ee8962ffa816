"""How the calls of a scope spread: not only the middle of what they took, but its shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.text import duration

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["Axis", "Spread", "axis_of", "spread"]

_STEPS_PER_DOUBLING: Final = 2
_LEAST: Final = 0.01
_NAMED: Final = 4
"""So many counts of attempts are told one by one; what is above is told together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Calls by what they took; two steps of a duration are one doubling of the microseconds.

    Attributes:
        by_attempts: How many calls ran so many attempts.
        by_attempt: How many calls had a longest attempt of that step.
        by_call: How many calls took that step.
        tried: Calls that ran an attempt; of ``failed_first`` the first one failed.
    """

    by_attempts: Mapping[int, int]
    by_attempt: Mapping[int, int]
    by_call: Mapping[int, int]
    tried: int
    failed_first: int

    @property
    def failed_first_share(self) -> float | None:
        """First attempts that failed, of one; ``None`` when nothing was tried."""
        return self.failed_first / self.tried if self.tried else None

    def attempt_shares(self) -> Mapping[str, float]:
        """Shares of calls by their attempts, of one; many attempts are told together."""
        if not (whole := sum(self.by_attempts.values())):
            return {}
        named = {n: calls for n, calls in sorted(self.by_attempts.items()) if n < _NAMED}
        parts = {str(n): calls for n, calls in named.items()}
        if rest := whole - sum(named.values()):
            parts[f"{_NAMED}+"] = rest
        return {name: calls / whole for name, calls in parts.items()}

    def attempts_told(self) -> str:
        """The same as a person reads it: ``1 61%  2 30%  3 9%``."""
        shares = self.attempt_shares()
        return "  ".join(f"{name} {_roughly(share)}" for name, share in shares.items()) or "—"

    def to_json(self) -> dict[str, Any]:
        """All counts; durations by the least microseconds of their step."""
        return {
            "calls_by_attempts": {str(n): calls for n, calls in sorted(self.by_attempts.items())},
            "calls_by_longest_attempt_us": _by_us(self.by_attempt),
            "calls_by_duration_us": _by_us(self.by_call),
            "first_attempt_fails": self.failed_first_share,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The steps that bars stand for, the same for all that is compared."""

    first: int
    last: int

    def shares(self, counts: Mapping[int, int]) -> Sequence[float]:
        """One share of all calls for each step."""
        whole = max(1, sum(counts.values()))
        return [counts.get(step, 0) / whole for step in range(self.first, self.last + 1)]

    def told(self, cells: int) -> str:
        """Its two ends, so many cells apart; more, when they need more."""
        low, high = duration(_micros(self.first)), duration(_micros(self.last + 1))
        return f"{low}{high:>{max(len(high) + 1, cells - len(low))}}"


def spread(archive: "Archive", scope: "Scope") -> Spread:
    """How the calls of a scope spread; one query."""
    rows = archive.told("spread", scope).records
    # What a breaker refused has an attempt of no length in some archives.
    tried = [row for row in rows if row["attempts_run"] and row["attempt_step"] >= 0]
    return Spread(
        by_attempts=_counts(rows, "attempts_run"),
        by_attempt=_counts(tried, "attempt_step"),
        by_call=_counts(rows, "call_step"),
        tried=sum(row["calls"] for row in tried),
        failed_first=sum(row["calls"] for row in tried if row["first_failed"]),
    )


def axis_of(*spreads: Spread) -> Axis:
    """The durations that all of them need."""
    steps = [step for one in spreads for step in (*one.by_attempt, *one.by_call)]
    return Axis(first=min(steps, default=0), last=max(steps, default=0))


def _roughly(share: float) -> str:
    """A share without decimals; what is not nothing is not told as nothing."""
    return f"{100 * share:.0f}%" if share >= _LEAST or not share else f"<{_LEAST:.0%}"


def _counts(rows: Sequence[Mapping[str, Any]], name: str) -> Mapping[int, int]:
    counts: dict[int, int] = {}
    for row in rows:
        counts[row[name]] = counts.get(row[name], 0) + row["calls"]
    return counts


def _by_us(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(_micros(step)): calls for step, calls in sorted(counts.items())}


def _micros(step: int) -> int:
    micros: float = 2 ** (step / _STEPS_PER_DOUBLING)
    return round(micros)
