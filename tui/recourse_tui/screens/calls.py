"""Calls: all calls of the scope in one list, as many as are asked for at once, and how many there are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult

from recourse_observe.text import clock, count, duration
from recourse_tui.lines import Ink, Lines, Span
from recourse_tui.screens.session import Place
from recourse_tui.screens.view import View
from recourse_tui.widgets.table import ArrowRows, Column, Table

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive

__all__ = ["CallsView"]

_LIMIT: Final = 10_000
_SORTS: Final = ("start", "total", "attempts", "retries")
_WIDE_ONLY: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The calls, and how many the scope has."""

    calls: ArrowRows
    total: int


class CallsView(View):
    """The list of calls."""

    name_of_view: ClassVar[str] = "calls"
    answer: Answer | None

    def panels(self) -> ComposeResult:
        """One list."""
        yield Lines(id="list")

    def ask(self, archive: "Archive", place: Place) -> Iterator[Answer]:
        """Calls as Arrow: a row becomes Python only when it is looked at."""
        falling = place.sort != "start"
        table = archive.ask(
            "calls", place.scope, sort=place.sort, sign=-1 if falling else 1, limit=_LIMIT, offset=0
        )
        total = table.column("total")[0].as_py() if table.num_rows else 0
        yield Answer(calls=ArrowRows(table), total=total)

    def draw(self) -> None:
        """The list, its cursor where it was."""
        if self.answer is not None:
            one_key = self.place.scope.key is not None
            columns = [c for c in _COLUMNS if not (one_key and c.title == "KEY")]
            table = Table(self.answer.calls, columns, width=self.width, glyph=_glyph)
            self.lines("list").show(table, head=[table.head], stops=range(len(table)))

    def status(self) -> Span:
        """Which part of how many is shown."""
        if self.answer is None or not self.answer.total:
            return Span("no call in this scope", Ink.DIM)
        shown, total = len(self.answer.calls), self.answer.total
        cut = f" · truncated at {count(shown)}" if shown < total else ""
        here = self.lines("list").cursor + 1
        return Span(f"call {count(here)} of {count(total)}{cut} · by {self.place.sort}", Ink.DIM)

    def hint(self) -> str:
        """What one would do next."""
        return "enter the call · s sort by another column"

    def action_open(self) -> None:
        """The marked call, attempt by attempt."""
        row = self.lines("list").cursor
        if self.answer is not None and row >= 0:
            call_id = self.answer.calls[row]["call_id"]
            self.visit(replace(self.place, view="call", call_id=call_id, ordinal=row))

    def action_sort(self) -> None:
        """Sort by the next column."""
        after = _SORTS[(_SORTS.index(self.place.sort) + 1) % len(_SORTS)]
        self.stay(replace(self.place, sort=after))


def _glyph(call: dict[str, Any]) -> Span:
    if call["disposition"] == "unfinished":
        return Span("…", Ink.WARN)
    if not call["success"]:
        return Span("✗", Ink.BAD)
    return Span("↻", Ink.INFO) if call["retries"] else Span("●", Ink.GOOD)


_COLUMNS: Final[tuple[Column[dict[str, Any]], ...]] = (
    Column(title="START", width=12, text=lambda c: clock(c["started_unix_us"], decimals=3)),
    Column(title="KEY", width=16, text=lambda c: c["key"], stretch=True),
    Column(title="OUTCOME", width=15, text=lambda c: c["disposition"], drop=3),
    Column(title="REASON", width=14, text=lambda c: c["final_reason"]),
    Column(title="ATT", width=3, right=True, text=lambda c: str(c["attempts_run"])),
    Column(title="TOTAL", width=8, right=True, text=lambda c: duration(c["duration_us"])),
    Column(title="POLICY", width=10, text=lambda c: c["policy_version"], drop=2),
    Column(title="INSTANCE", width=12, text=lambda c: c["instance"], drop=1),
    Column(title="ID", width=12, text=lambda c: Span(c["call_id"], Ink.DIM), drop=4),
)
