"""Calls: those of the scope by what happened in them, or each for itself, and how many there are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult

from recourse_observe.text import clock, count, duration, percent, plural
from recourse_tui.lines import Ink, Lines, Span
from recourse_tui.screens.place import Place
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
    is_grouped: bool


class CallsView(View):
    """The list of calls."""

    name_of_view: ClassVar[str] = "calls"
    question: ClassVar[str] = "calls"
    answer: Answer | None

    def panels(self) -> ComposeResult:
        """One list."""
        yield Lines(id="list")

    def ask(self, archive: "Archive", place: Place) -> Iterator[Answer]:
        """Calls as Arrow: a row becomes Python only when it is looked at."""
        if place.shape:
            shapes = archive.ask("shapes", place.scope, limit=_LIMIT)
            groups = shapes.column("shapes")[0].as_py() if shapes.num_rows else 0
            yield Answer(calls=ArrowRows(shapes), total=groups, is_grouped=True)
            return
        falling = place.sort != "start"
        table = archive.ask(
            "calls", place.scope, sort=place.sort, sign=-1 if falling else 1, limit=_LIMIT, offset=0
        )
        total = table.column("total")[0].as_py() if table.num_rows else 0
        yield Answer(calls=ArrowRows(table), total=total, is_grouped=False)

    def draw(self) -> None:
        """The list, its cursor where it was."""
        if self.answer is not None and self.answer.is_grouped:
            shapes = Table(self.answer.calls, _SHAPE_COLUMNS, width=self.width, glyph=_shape_glyph)
            self.lines("list").show(shapes, head=[shapes.head], stops=range(len(shapes)))
        elif self.answer is not None:
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
        if self.answer.is_grouped:
            calls = plural(self.answer.calls[0]["of_calls"], "call")
            return Span(f"shape {count(here)} of {count(total)}{cut} · {calls}", Ink.DIM)
        return Span(f"call {count(here)} of {count(total)}{cut} · by {self.place.sort}", Ink.DIM)

    def hint(self) -> str:
        """What one would do next."""
        if self.answer is not None and self.answer.is_grouped:
            return "enter an example · v each call for itself"
        return "enter the call · s sort by another column · e next failure · v by shape"

    def action_open(self) -> None:
        """The marked call, attempt by attempt."""
        row = self.lines("list").cursor
        if self.answer is None or row < 0:
            return
        if self.answer.is_grouped:
            example = self.answer.calls[row]["example"]
            self.visit(replace(self.place, view="call", call_id=example, ordinal=-1))
        else:
            call_id = self.answer.calls[row]["call_id"]
            self.visit(replace(self.place, view="call", call_id=call_id, ordinal=row))

    def action_sort(self) -> None:
        """Sort by the next column."""
        after = _SORTS[(_SORTS.index(self.place.sort) + 1) % len(_SORTS)]
        self.stay(replace(self.place, sort=after, shape=False))

    def action_shape(self) -> None:
        """Group calls, or list them."""
        self.stay(replace(self.place, shape=not self.place.shape))

    def action_failure(self, step: int) -> None:
        """To the next call that was lost, or the one before."""
        if self.answer is None:
            return
        if self.answer.is_grouped:
            self.say(
                "these are shapes; v lists each call, then e goes through those that were lost"
            )
            return
        pane = self.lines("list")
        end = len(self.answer.calls) if step > 0 else -1
        lost = (n for n in range(pane.cursor + step, end, step) if _is_lost(self.answer.calls[n]))
        if (row := next(lost, None)) is None:
            self.say("no further call was lost")
        else:
            pane.cursor = row

    def action_match(self, step: int) -> None:
        """The list has only what the filter chooses."""
        if self.answer is not None and self.answer.is_grouped:
            self.say("these are shapes; v lists each call, then n goes through them")
        else:
            self.action_move(step)

    def moment(self) -> int | None:
        """When the marked call began."""
        row = self.lines("list").cursor
        if self.answer is None or self.answer.is_grouped or row < 0:
            return None
        moment: int = self.answer.calls[row]["started_unix_us"]
        return moment


def _is_lost(call: dict[str, Any]) -> bool:
    return not call["success"] and call["disposition"] != "unfinished"


def _shape_glyph(shape: dict[str, Any]) -> Span:
    if shape["disposition"] == "unfinished":
        return Span("…", Ink.WARN)
    if shape["disposition"] in {"success", "fallback_success"}:
        return Span("↻", Ink.INFO) if "→" in shape["shape"] else Span("●", Ink.GOOD)
    return Span("✗", Ink.BAD)


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
_SHAPE_COLUMNS: Final[tuple[Column[dict[str, Any]], ...]] = (
    Column(title="CALLS", width=8, right=True, text=lambda s: count(s["calls"])),
    Column(title="SHARE", width=6, right=True, text=lambda s: percent(s["calls"] / s["of_calls"])),
    Column(title="MEDIAN", width=7, right=True, text=lambda s: duration(s["p50_us"])),
    Column(title="OUTCOME", width=15, text=lambda s: s["disposition"]),
    Column(title="SHAPE", width=20, text=lambda s: s["shape"], stretch=True),
    Column(title="EXAMPLE", width=10, text=lambda s: Span(s["example"], Ink.DIM), drop=1),
)
