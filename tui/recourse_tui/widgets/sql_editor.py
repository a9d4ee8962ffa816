"""The editor of the console: words in colours, and the rest of a word in ghost text, which the arrow to the right accepts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.style import Style
from textual.color import Color
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from recourse_tui.lines import VARIABLES
from recourse_tui.widgets.sql_words import INKS, highlights

__all__ = ["SqlEditor", "completion"]

_KEYWORDS: Final = (
    "SELECT", "FROM", "WHERE", "GROUP BY ALL", "ORDER BY ALL", "LIMIT", "count(*)", "FILTER", "AND", "OR", "NOT",
    "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "JOIN", "LEFT JOIN", "USING", "HAVING", "DISTINCT", "INTERVAL",
    "date_trunc('minute', started_at)", "quantile_cont(", "time_bucket(", "avg(", "sum(", "round(", "WITH",
)  # fmt: skip
_VARIABLES: Final = ("$brush", "$key", "$call", "$a", "$b")
_WORD: Final = re.compile(r"[$\w.'-]+$")
_SHORTEST: Final = 2


def completion(before: str, words: Iterable[str]) -> str:
    """What is missing of the first word that begins with what stands before the cursor."""
    found = _WORD.search(before)
    if found is None or len(found[0]) < _SHORTEST:
        return ""
    typed = found[0]
    for word in words:
        if len(word) > len(typed) and word.lower().startswith(typed.lower()):
            return word[len(typed) :]
    return ""


class SqlEditor(TextArea):
    """A text area that knows the words of the archive."""

    def __init__(self, text: str, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own name
        super().__init__(text, id=id, show_line_numbers=False, soft_wrap=False)
        self._words: tuple[str, ...] = (*_VARIABLES, *_KEYWORDS)

    def on_mount(self) -> None:
        """Colours are those of the app's theme, and change with it."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._paint())
        self._paint()

    def _paint(self) -> None:
        colours = {
            kind: Color.parse(self.app.theme_variables[VARIABLES[ink]]).rich_color
            for kind, ink in INKS.items()
        }
        styles = {kind: Style(color=colour) for kind, colour in colours.items()}
        name = f"sql-{self.app.theme}"
        self.register_theme(TextAreaTheme(name, syntax_styles=styles))
        self.theme = name

    def _build_highlight_map(self) -> None:
        """Called by Textual when the text changed; its own way needs a parser that we do without."""
        super()._build_highlight_map()
        self._highlights.update(
            (row, [*words]) for row, words in highlights(self.document.text).items()
        )

    def know(self, tables: Mapping[str, Sequence[str]], keys: Iterable[str]) -> None:
        """Complete names of tables and columns, and keys as texts."""
        columns = dict.fromkeys(column for names in tables.values() for column in names)
        texts = ("'" + key.replace("'", "''") + "'" for key in keys)
        self._words = (*_VARIABLES, *tables, *columns, *_KEYWORDS, *texts)

    def update_suggestion(self) -> None:
        """Called by Textual when the text or the cursor changed."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        self.suggestion = completion(line[:column], self._words) if column == len(line) else ""
