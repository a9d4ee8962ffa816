"""What was asked and what came of it in one phase of an incident. Pure data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from recourse_observe.story.phase_rows import AttemptsRow, CallsRow, Latency

__all__ = ["Phase", "share"]


def share(part: float, whole: float) -> float:
    """A part of a whole; nothing of nothing is 0."""
    return part / whole if whole else 0.0


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of an incident on the culprit keys."""

    seconds: float
    calls_rows: Sequence[CallsRow]
    attempts_rows: Sequence[AttemptsRow]
    latency: Latency

    @cached_property
    def calls(self) -> int:
        """Calls that began in it."""
        return sum(row.calls for row in self.calls_rows)

    @cached_property
    def lost(self) -> int:
        """Those that failed."""
        return sum(row.lost for row in self.calls_rows)

    @cached_property
    def rescued(self) -> int:
        """Those that a retry saved."""
        return sum(row.rescued for row in self.calls_rows)

    @cached_property
    def retries(self) -> int:
        """Retries of them."""
        return sum(row.retries for row in self.calls_rows)

    @cached_property
    def hedges(self) -> int:
        """Hedges of them."""
        return sum(row.hedges for row in self.calls_rows)

    @cached_property
    def ended(self) -> Counter[str]:
        """Calls by disposition."""
        found: Counter[str] = Counter()
        for row in self.calls_rows:
            found[row.disposition] += row.calls
        return found

    @cached_property
    def sources(self) -> Counter[str]:
        """Calls by where their policy came from."""
        found: Counter[str] = Counter()
        for row in self.calls_rows:
            found[row.policy_source] += row.calls
        return found

    @property
    def calls_per_s(self) -> float:
        """Calls per second."""
        return share(self.calls, self.seconds)

    @property
    def lost_share(self) -> float:
        """Lost calls, of one."""
        return share(self.lost, self.calls)

    @cached_property
    def amplification(self) -> float:
        """Attempts launched per admitted call."""
        attempts = sum(row.attempts for row in self.calls_rows)
        return share(attempts, sum(row.admitted for row in self.calls_rows))

    @property
    def retries_per_call(self) -> float:
        """Retries per admitted call."""
        return share(self.retries, sum(row.admitted for row in self.calls_rows))

    @property
    def hedges_per_call(self) -> float:
        """Hedges per call."""
        return share(self.hedges, self.calls)

    def attempts(self, *, kind: str = "", failed: bool | None = None) -> int:
        """Attempts that ran, of a kind (``first``, ``retry``, ``hedge``), failed or not.

        Cancelled and abandoned ones tell nothing of the dependency and are left out.
        """
        return sum(
            row.attempts
            for row in self.attempts_rows
            if (not kind or row.kind == kind)
            and (row.failed or row.outcome == "success")
            and (failed is None or row.failed == failed)
        )

    @cached_property
    def failed(self) -> int:
        """Attempts that failed."""
        return self.attempts(failed=True)

    @cached_property
    def failed_share(self) -> float:
        """Of the attempts, those that failed."""
        return share(self.failed, self.attempts())

    @cached_property
    def first_failed_share(self) -> float:
        """Of the first attempts, those that failed."""
        return share(self.attempts(kind="first", failed=True), self.attempts(kind="first"))

    @cached_property
    def retry_success(self) -> float:
        """Of the retries, those that succeeded."""
        return share(self.attempts(kind="retry", failed=False), self.attempts(kind="retry"))

    @cached_property
    def retry_runs(self) -> int:
        """Retries that ran to an end of their own."""
        return self.attempts(kind="retry")

    def of_failed(self, test: str) -> float:
        """Of the failed attempts, those with a property of :class:`AttemptsRow`."""
        chosen = sum(
            row.attempts for row in self.attempts_rows if row.failed and getattr(row, test)
        )
        return share(chosen, self.failed)

    @cached_property
    def reasons(self) -> Counter[str]:
        """Failed attempts by reason."""
        found: Counter[str] = Counter()
        for row in self.attempts_rows:
            if row.failed:
                found[row.reason] += row.attempts
        return found

    def of_lost(self, *dispositions: str) -> float:
        """Of the lost calls, those that ended in one of these ways."""
        return share(sum(self.ended[one] for one in dispositions), self.lost)
