"""SQL: a query of one's own over the archive's tables, with the brush and the key of the other screens."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import TextArea

from recourse_observe.archive.schema import TABLES
from recourse_observe.queries.console import ask
from recourse_observe.queries.statements import literal
from recourse_observe.text import count, moment, plural, printable
from recourse_tui.lines import Ink, Lines, Span, inked
from recourse_tui.screens.keeping import NothingToWriteError
from recourse_tui.screens.opened import Opened
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.answers import answer_columns, charted
from recourse_tui.widgets.sql_editor import SqlEditor
from recourse_tui.widgets.table import ArrowRows, Table

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive

__all__ = ["SqlView"]

_FIRST_QUERY: Final = """\
-- retries that bought nothing, per minute
SELECT date_trunc('minute', started_at) AS minute,
       count(*) AS retries,
       count(*) FILTER (outcome <> 'success') AS wasted
FROM attempts WHERE $brush AND attempt > 0 AND ran
GROUP BY ALL ORDER BY ALL"""
_LIMIT: Final = 10_000
_PATIENCE_S: Final = 30.0
_STOPPED: Final = "the query was stopped; ctrl+j runs it again"
_LATE: Final = f"the query took longer than {_PATIENCE_S:.0f} s and was stopped; ask for less, or of a shorter brush"
_MINUTE_US: Final = 60_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HELP: Final = " ctrl+j run · → completes · ctrl+g snippets · ctrl+t columns · esc leaves"
_SNIPPETS: Final = (
    "keys",
    "shapes",
    "calls",
    "reasons",
    "levels",
    "dimensions",
    "policies",
    "gaps",
)
_VALUES: Final[Mapping[str, object]] = {
    "bucket_us": _MINUTE_US, "origin_us": 0, "limit": 50, "offset": 0, "sort": "start", "sign": 1,
    "least_us": 30_000_000,
}  # fmt: skip
_TABLES: Final = (
    "calls attempts budget_decisions hedges circuit_transitions policies rollups recorder"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows, what their columns are, and whether there are more."""

    rows: ArrowRows
    names: tuple[str, ...]
    is_cut: bool
    keys: tuple[str, ...]
    table: Any  # a pyarrow.Table, which has no types


class SqlView(View):
    """An editor above its answer."""

    DEFAULT_CSS = """
    SqlView {
        & #editor { height: 7; border: none; padding: 0 1; background: $surface; color: $foreground; }
        & #editor:focus { border: none; }
        &.-tall #editor { height: 14; }
        & #help { height: 1; }
        & #schema { height: 2; }
    }
    """
    name_of_view: ClassVar[str] = "sql"
    has_brush: ClassVar[bool] = False
    keeps_body: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".json", ".parquet", ".svg", ".txt")
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._alarm: Timer | None = None
        self._snippet = -1
        self._is_chart = False

    def panels(self) -> ComposeResult:
        """Editor, answer, and what there is to ask for."""
        with Vertical():
            yield SqlEditor(_FIRST_QUERY, id="editor")
            yield Lines(id="help", can_focus=False)
            yield Lines(id="rows")
            yield Lines(id="schema", can_focus=False)

    def enter(self, place: Place, *, keep: bool = False) -> None:
        """A query that comes from elsewhere stands in the editor."""
        editor = self.query_one(SqlEditor)
        if place.query and editor.text != place.query:
            editor.text = place.query
        super().enter(place, keep=keep)
        if self.is_asking:
            self._wait()

    def ask(self, archive: "Archive", place: Place) -> Iterator[Answer]:
        """The rows of the query."""
        params: dict[str, object] = {"key": place.scope.key or "", "call": place.call_id}
        params |= dict(zip("ab", map(_moment, self.session.marks), strict=True))
        reply = ask(archive, place.query or _FIRST_QUERY, place.scope, params=params, limit=_LIMIT)
        keys = archive.sql("SELECT DISTINCT key FROM calls ORDER BY key LIMIT 1000")
        yield Answer(
            rows=ArrowRows(reply.table), names=tuple(reply.table.column_names), is_cut=reply.is_cut,
            keys=tuple(keys.column("key").to_pylist()), table=reply.table,
        )  # fmt: skip

    def resolved(self, answer: Answer) -> Place:
        """The query that was answered, so that a link has it."""
        del answer
        return replace(self.place, query=self.place.query or _FIRST_QUERY)

    def draw(self) -> None:
        """The answer as a table."""
        if self.answer is None:
            return
        tables = {name: table.names for name, table in TABLES.items()}
        self.query_one(SqlEditor).know(tables, map(printable, self.answer.keys))
        rows, names = self.answer.rows, self.answer.names
        chart = charted(rows, names) if self._is_chart else None
        columns = [*answer_columns(rows, names), *([chart] if chart is not None else [])]
        table = Table(self.answer.rows, columns, width=self.width)
        self.lines("rows").show(table, head=[table.head], stops=range(len(table)))

    def redraw(self) -> None:
        """What stands around the answer, or why there is none."""
        self.lines("help").show([inked(Span(_HELP, Ink.DIM))])
        self.lines("schema").show(
            [
                inked(Span(" TABLES ", Ink.HEAD), Span(_TABLES, Ink.DIM)),
                inked(Span(" VARS   ", Ink.HEAD), Span("$brush $key $call $a $b", Ink.DIM)),
            ]
        )
        if self.trouble:
            told = [
                row
                for line in self.trouble.splitlines()
                for row in wrap(line, self.width - 2) or [""]
            ]
            self.lines("rows").show([inked(" ", Span(row, Ink.BAD)) for row in told])
        super().redraw()

    def status(self) -> Span:
        """How many rows, and whether they are all."""
        if self.answer is None:
            return Span("")
        rows, columns = len(self.answer.rows), len(self.answer.names)
        if not rows:
            return Span("no row: nothing in the brush is what the query asks for", Ink.DIM)
        cut = f"truncated at {count(_LIMIT)}" if self.answer.is_cut else "not truncated"
        here = self.lines("rows").cursor + 1
        return Span(
            f"row {count(here)} of {count(rows)} · {plural(columns, 'column')} · {cut}", Ink.DIM
        )

    def facts(self) -> str:
        """What the console may do."""
        return f"read-only · limit {count(_LIMIT)}"

    def hint(self) -> str:
        """What one would do next."""
        return "tab editor and answer · enter opens the call or key of a row · g chart"

    @property
    def is_typing(self) -> bool:
        """In the editor, too."""
        return isinstance(self.focused, TextArea) or super().is_typing

    def step_out(self) -> bool:
        """Escape stops the query that runs, else leaves the editor."""
        if self.is_asking:
            self.session.archive.store.interrupt()
            return True
        if isinstance(self.focused, TextArea):
            self.set_focus(self.lines("rows"))
            return True
        return super().step_out()

    def action_run(self) -> None:
        """Run what the editor holds."""
        query = self.query_one(TextArea).text
        if not query.strip():
            self.say("there is no query to run; ctrl+g brings one")
            return
        self.answer = None
        self.stay(replace(self.place, query=query))

    def action_open(self) -> None:
        """The call or the key of the marked row."""
        row = self.lines("rows").cursor
        if self.answer is None or row < 0:
            return
        values = self.answer.rows[row]
        if isinstance(call_id := values.get("call_id"), str):
            self.visit(replace(self.place, view="call", call_id=call_id, ordinal=-1))
        elif isinstance(key := values.get("key"), str):
            self.visit(replace(self.place, view="key", scope=self.place.scope.of(key)))
        elif moments := [value for value in values.values() if isinstance(value, datetime)]:
            start = (moments[0].replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
            scope = self.place.scope.during(start, start + _MINUTE_US)
            self.visit(replace(self.place, view="calls", scope=scope))
        else:
            self.say("this row names no call_id, no key and no moment")

    def action_snippet(self) -> None:
        """The next of the kept queries and of those behind the screens."""
        kept = [(n.name, n.text) for n in self.session.notebook.notes if n.kind == "query"]
        known = [*kept, *((name, literal(name, self.place.scope, **_VALUES)) for name in _SNIPPETS)]
        self._snippet = (self._snippet + 1) % len(known)
        name, text = known[self._snippet]
        self.query_one(SqlEditor).text = text
        self.say(f"{printable(name)}: {self._snippet + 1} of {len(known)}; ctrl+j runs it")

    def action_chart(self) -> None:
        """Bars of the last column of numbers, beside it, or none."""
        self._is_chart = not self._is_chart
        self.draw()
        known = self.answer is None or charted(self.answer.rows, self.answer.names) is not None
        if self._is_chart and not known:
            self.say("this answer has no column of numbers above zero to draw")

    def action_schema(self) -> None:
        """The tables and their columns, over the screen."""
        from recourse_tui.screens.help import Overlay

        rows = [
            line
            for name, table in TABLES.items()
            for line in (
                inked(" ", Span(name, Ink.HEAD)),
                *(
                    inked("   ", f"{column.name:<26}", Span(column.kind.sql, Ink.DIM))
                    for column in table.columns
                ),
            )
        ]
        self.app.push_screen(Overlay("TABLES", rows))

    def save(self, name: str) -> None:
        """Keep the query of the editor under a name."""
        self.keep_query(name, self.query_one(SqlEditor).text)

    def rows(self, book: Opened, place: Place) -> Any:
        """The answer as it is shown."""
        del book, place
        if self.answer is None:
            message = "the query has no answer that could be written"
            raise NothingToWriteError(message)
        return self.answer.table

    def _wait(self) -> None:
        """Nobody waits longer for an answer, wherever the query came from."""
        self.stopped = _STOPPED
        if self._alarm is not None:
            self._alarm.stop()
        self._alarm = self.set_timer(_PATIENCE_S, self._lose_patience)

    def _lose_patience(self) -> None:
        if self.is_asking:
            self.stopped = _LATE
            self.session.archive.store.interrupt()


def _moment(at_us: int | None) -> datetime | None:
    return None if at_us is None else moment(at_us).replace(tzinfo=None)
