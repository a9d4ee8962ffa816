"""Asks an archive about an incident: many questions in two statements, so that its calls are looked up twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from recourse_observe.archive.answers import Answer
from recourse_observe.queries.archive import Archive
from recourse_observe.queries.side_by_side import side_by_side
from recourse_observe.queries.statements import (
    parameters,
    scope_parameters,
    statement,
    together,
)
from recourse_observe.scope import Scope

__all__ = ["Asked", "Span", "ask_of_keys", "asked"]

_BEFORE_US: Final = 300_000_000
_AFTER_US: Final = 120_000_000
_QUICK: Final = 1.5
_SHED: Final = 0.5
_LEAST_QUICK_US: Final = 50_000
_OF_ALL: Final = ("phase_calls",)
_OF_CULPRITS: Final = (
    "phase_attempts",
    "phase_latency",
    "pulse",
    "processes",
    "fact_latency",
    "fact_budget",
    "fact_breaker",
    "fact_worst_minute",
    "fact_hedges",
    "evidence",
)

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The stretch of an incident, and how far one may look around it.

    Attributes:
        clear_from_us: Where the last incident before it ended, or the archive begins.
        clear_to_us: Where the next one begins, or the archive ends.
        calls: Calls of its keys in about this time, for a first look.
        lost: Those of them that failed.
    """

    keys: tuple[str, ...]
    affected: tuple[str, ...]
    onset_us: int
    end_us: int
    ongoing: bool
    clear_from_us: int
    clear_to_us: int
    usual_p50_us: int
    calls: int = 0
    lost: int = 0

    @property
    def start_us(self) -> int:
        """Where the time before it begins that it is compared with."""
        return max(self.clear_from_us, self.onset_us - _BEFORE_US)

    @property
    def stop_us(self) -> int:
        """Where the time after it ends."""
        return min(self.clear_to_us, self.end_us + _AFTER_US)

    @property
    def scope(self) -> Scope:
        """All of that time, every key."""
        return Scope(start_unix_us=self.start_us, end_unix_us=max(self.stop_us, self.end_us))


@dataclass(frozen=True, slots=True)
class Asked:
    """The answers about one incident: for each question its rows."""

    answers: Mapping[str, Sequence[Mapping[str, Any]]]

    def rows(self, row: type[RowT], question: str) -> tuple[RowT, ...]:
        """The answer to a question, as rows of a class with the same names."""
        return tuple(row(**record) for record in self.answers[question])

    def facts(self) -> dict[str, Mapping[str, Any] | None]:
        """The row of each kind of fact; ``None`` where there is none."""
        return {
            question.removeprefix("fact_"): next(iter(answer), None)
            for question, answer in self.answers.items()
            if question.startswith("fact_")
        }


def asked(archive: Archive, span: Span) -> Asked:
    """All that a picture, its evidence and most of the facts are made of."""
    values = {
        "onset_us": span.onset_us,
        "offset_us": span.end_us,
        "quick_us": max(_LEAST_QUICK_US, round(_QUICK * span.usual_p50_us)),
        "shed_us": max(2_000, round(_SHED * span.usual_p50_us)),
        "keys": list(span.keys),
        "affected": list(span.affected),
    }
    everyone = together(_OF_ALL, span.scope)
    culprits = together(_OF_CULPRITS, span.scope, of_keys=True)
    told = side_by_side(
        lambda: _ask(archive, culprits, span.scope, values),
        lambda: _ask(archive, everyone, span.scope, values),
    )
    return Asked(
        {
            name: rows or ()
            for answer in told
            for name, (rows,) in zip(answer.names, answer.columns, strict=True)
        }
    )


def ask_of_keys(archive: Archive, question: str, scope: Scope, **values: object) -> Answer:
    """The answer to a question about ``keys`` alone: no other key is read."""
    return _ask(archive, statement(question, scope, of_keys=True), scope, values)


def _ask(archive: Archive, sql: str, scope: Scope, values: Mapping[str, object]) -> Answer:
    given = {**scope_parameters(scope), **values}
    return archive.answer(sql, {name: given[name] for name in parameters(sql)})
