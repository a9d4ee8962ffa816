"""An open archive: typed questions, and SQL for the rest."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.queries.asking import Asking, rows_of
from recourse_observe.queries.histograms import quantiles_us
from recourse_observe.queries.key_table import key_table
from recourse_observe.queries.opening import opened_store
from recourse_observe.queries.side_by_side import side_by_side
from recourse_observe.scope import EVERYTHING, Scope, ScopeError

if TYPE_CHECKING:
    import os

    from recourse_observe.archive.limits import Limits
    from recourse_observe.queries.rows import (
        BucketRow,
        CallPage,
        Coverage,
        DimensionRow,
        KeyRow,
        LatencyRow,
        LevelRow,
        OverviewRow,
        PolicyRow,
        ReasonRow,
        ShapeRow,
        TransitionRow,
        WholeCall,
        WriterRow,
    )

__all__ = ["Archive", "CallNotFoundError", "open_archive", "rows_of"]

_GAP_US: Final = 30_000_000
_SORTS: Final = ("start", "total", "attempts", "retries", "hedges")


class CallNotFoundError(LookupError):
    """No call, or more than one, has an id that starts with this text.

    Attributes:
        call_id: The text.
        several: Whether it names more than one.
    """

    def __init__(self, call_id: str, *, several: bool) -> None:
        super().__init__(call_id, several)
        self.call_id = call_id
        self.several = several

    def __str__(self) -> str:
        if self.several:
            return f"call {self.call_id!r} names more than one call; give more of its id"
        return f"call {self.call_id!r} is not in the archive; take an id from `recourse calls`"


def open_archive(
    path: "str | os.PathLike[str]",
    *,
    trusted: bool = False,
    limits: "Limits | None" = None,
    forks: bool = False,
) -> "Archive":
    """Open a timeline archive for questions.

    Args:
        path: A directory, one Parquet file, a bundle, or a pattern.
        trusted: Whether the archive is of your own making: then this process reads it, and
            ``con`` is a connection for other tools. Any other is read by a worker process in which
            no statement reaches a file, the network or a setting.
        limits: What a worker may use.
        forks: Whether the worker may begin as a copy of this process, which takes half the time; for
            a command, with nothing in its memory that the archive must not see.

    Raises:
        ArchiveError: Nothing of it can be read.
    """
    name = Path(path).resolve().name if Path(path).exists() else Path(path).name
    with ExitStack() as held:
        store = opened_store(path, held, trusted=trusted, limits=limits, forks=forks)
        return Archive(store, name=name, held=held.pop_all())


class Archive(Asking):
    """An open archive.

    Every question may be asked from any thread. Times are integers; text is as it was written.

    Attributes:
        name: The last part of its path.
        store: The database underneath, for interrupting and for lanes of questions.
    """

    _coverage: "Coverage | None" = None

    def refresh(self) -> bool:
        """Look again at what has been recorded since; whether there is anything new."""
        if not super().refresh():
            return False
        self._coverage = None
        return True

    def coverage(self) -> "Coverage":
        """What the archive covers; an archive without a call and without a recorder covers 0 to 0.

        Its files are chosen when it is opened, so it is counted once.
        """
        from recourse_observe.queries.rows import Coverage, Gap

        if self._coverage is None:
            told, gaps = side_by_side(
                lambda: self.told("coverage"), lambda: self.rows(Gap, "gaps", least_us=_GAP_US)
            )
            values = told.records[0].items()
            known = {name: value if value is not None else 0 for name, value in values}
            self._coverage = Coverage(**known, gaps=gaps)
        return self._coverage

    def writers(self, scope: Scope = EVERYTHING) -> "tuple[WriterRow, ...]":
        """Who wrote in a scope's time, and how completely."""
        from recourse_observe.queries.rows import WriterRow

        alive = set(self.store.report()["alive"])
        return tuple(
            replace(row, is_alive=row.instance in alive)
            for row in self.rows(WriterRow, "writers", scope)
        )

    def keys(
        self, scope: Scope = EVERYTHING, *, buckets: int = 14, at_once: int = 10_000_000
    ) -> "tuple[KeyRow, ...]":
        """Every key of the scope at a glance, the one that lost most first.

        Args:
            scope: What is looked at.
            buckets: How many bars the sparkline of lost calls has.
            at_once: Of an archive with more calls, keys are asked one by one.
        """
        return key_table(self, self.within(scope), buckets=buckets, at_once=at_once)

    def overview(self, scope: Scope = EVERYTHING) -> "tuple[OverviewRow, ...]":
        """Every key of a scope's time from the counts of ten seconds, the one that lost most first.

        No call is read, so a day of ten million takes milliseconds. The scope's filter does not count,
        its time is rounded to ten seconds, and after compaction the quantiles are those of whole hours.
        """
        from recourse_observe.queries.rows import OverviewRow

        rows = []
        for line in self.told("overview", scope).records:
            p50, p90, p99 = quantiles_us(line.pop("latencies") or (), (0.5, 0.9, 0.99))
            rows.append(OverviewRow(**line, p50_us=p50, p90_us=p90, p99_us=p99))
        return tuple(rows)

    def within(self, scope: Scope) -> Scope:
        """The scope with open ends replaced by those of the archive."""
        covered = self.coverage()
        start = max(scope.start_unix_us, covered.first_unix_us)
        end = min(scope.end_unix_us, covered.last_unix_us + 1)
        return scope.during(start, max(start, end))

    def buckets(self, scope: Scope = EVERYTHING, *, bucket_us: int) -> "tuple[BucketRow, ...]":
        """Keys over time, one row per key and bucket; buckets count from the scope's start."""
        from recourse_observe.queries.rows import BucketRow

        return self.rows(
            BucketRow, "buckets", scope, bucket_us=bucket_us, origin_us=scope.start_unix_us
        )

    def reasons(self, scope: Scope = EVERYTHING, *, bucket_us: int) -> "tuple[ReasonRow, ...]":
        """Why attempts ended as they did over time, the most frequent of a bucket first."""
        from recourse_observe.queries.rows import ReasonRow

        return self.rows(
            ReasonRow, "reasons", scope, bucket_us=bucket_us, origin_us=scope.start_unix_us
        )

    def latencies(self, scope: Scope = EVERYTHING, *, bucket_us: int) -> "tuple[LatencyRow, ...]":
        """How long attempts took over time, by powers of two."""
        from recourse_observe.queries.rows import LatencyRow

        return self.rows(
            LatencyRow, "latencies", scope, bucket_us=bucket_us, origin_us=scope.start_unix_us
        )

    def levels(self, scope: Scope = EVERYTHING, *, bucket_us: int) -> "tuple[LevelRow, ...]":
        """What budgets decided over time."""
        from recourse_observe.queries.rows import LevelRow

        return self.rows(
            LevelRow, "levels", scope, bucket_us=bucket_us, origin_us=scope.start_unix_us
        )

    def calls(
        self,
        scope: Scope = EVERYTHING,
        *,
        sort: str = "start",
        descending: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> "CallPage":
        """Calls of the scope.

        Args:
            scope: What is looked at; its filter chooses calls.
            sort: ``start``, ``total`` (duration), ``attempts``, ``retries`` or ``hedges``.
            descending: Greatest first.
            limit: How many at most.
            offset: How many to leave out first.

        Raises:
            ScopeError: The sort is none of these, or the filter cannot be read.
        """
        from recourse_observe.queries.rows import CallPage, CallRow

        if sort not in _SORTS:
            raise ScopeError(sort, "sort", "one of " + ", ".join(_SORTS))
        sign = -1 if descending else 1
        rows = self.rows(CallRow, "calls", scope, sort=sort, sign=sign, limit=limit, offset=offset)
        return CallPage(rows=rows, total=rows[0].total if rows else 0)

    def shapes(self, scope: Scope = EVERYTHING, *, limit: int = 50) -> "tuple[ShapeRow, ...]":
        """Calls of the scope by what happened in them, the most frequent first."""
        from recourse_observe.queries.rows import ShapeRow

        return self.rows(ShapeRow, "shapes", scope, limit=limit)

    def dimensions(
        self, scope: Scope = EVERYTHING, *, limit: int = 200
    ) -> "tuple[DimensionRow, ...]":
        """Attempts of the scope by reason, peer, policy and more: the ``limit`` greatest values of each."""
        from recourse_observe.queries.rows import DimensionRow

        return self.rows(DimensionRow, "dimensions", scope, limit=limit)

    def call(self, call_id: str) -> "WholeCall":
        """One call with its attempts, budget decisions and hedges.

        Args:
            call_id: Its id, or as much of the beginning as names only one.

        Raises:
            CallNotFoundError: No call, or more than one, has such an id.
        """
        from recourse_observe.queries.rows import (
            AttemptRow,
            BudgetRow,
            CallDetail,
            HedgeRow,
            WholeCall,
        )

        places = self._places(call_id) if call_id else []
        if len(places) != 1:
            raise CallNotFoundError(call_id, several=bool(places))
        where: dict[str, Any] = {
            "call_id": places[0]["call_id"],
            "key": places[0]["key"],
            "started_us": places[0]["started_unix_us"],
        }
        return WholeCall(
            call=self.rows(CallDetail, "call", **where)[0],
            attempts=self.rows(AttemptRow, "call_attempts", **where),
            budget=self.rows(BudgetRow, "call_budget", **where),
            hedges=self.rows(HedgeRow, "call_hedges", **where),
        )

    def _places(self, call_id: str) -> list[dict[str, Any]]:
        """Where the call of an id lies, or calls whose ids begin so."""
        whole = self.told("call_whole", call_id=call_id).records
        return whole or self.told("call_place", call_id=call_id).records

    def transitions(self, scope: Scope = EVERYTHING) -> "tuple[TransitionRow, ...]":
        """Changes of breakers, oldest first."""
        from recourse_observe.queries.rows import TransitionRow

        return self.rows(TransitionRow, "transitions", scope)

    def policies(self, scope: Scope = EVERYTHING) -> "tuple[PolicyRow, ...]":
        """Policies as processes applied them, oldest first."""
        from recourse_observe.queries.rows import PolicyRow

        return self.rows(PolicyRow, "policies", scope)
