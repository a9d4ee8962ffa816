from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import given, strategies as st
from textual.pilot import Pilot

from recourse_tui.app import RecourseApp
from recourse_tui.widgets.sql_editor import SqlEditor
from recourse_tui.widgets.sql_words import INKS, highlights

Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]


def words(query: str) -> list[tuple[str, str]]:
    """Each coloured word with its kind, cut out of the lines by its bytes."""
    lines = query.split("\n")
    return [
        (lines[row].encode()[start:end].decode(), kind)
        for row, found in highlights(query).items()
        for start, end, kind in found
    ]


def test_words_are_known_by_their_shape() -> None:
    query = "-- why\nSELECT count(*), 'it''s 日本', \"from\" FROM t1 WHERE $brush AND x > 1.5e3"

    assert words(query) == [
        ("-- why", "comment"), ("SELECT", "keyword"), ("count", "function"), ("'it''s 日本'", "text"),
        ('"from"', "name"), ("FROM", "keyword"), ("WHERE", "keyword"), ("$brush", "variable"),
        ("AND", "keyword"), ("1.5e3", "number"),
    ]  # fmt: skip


def test_a_comment_or_text_goes_over_lines_and_may_lack_its_end() -> None:
    assert words("/* a\n\nb */ 1") == [("/* a", "comment"), ("b */", "comment"), ("1", "number")]
    assert words("'日\nx") == [("'日", "text"), ("x", "text")]
    assert words("/* SELECT") == [("/* SELECT", "comment")]


@given(st.text(alphabet="ab'\"-/*$1 \n日(", max_size=30))
def test_no_text_is_cut_within_a_character(query: str) -> None:
    assert all(word in query for word, _ in words(query))


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_editor_paints_them_in_the_colours_of_the_theme(
    app_on: Callable[..., RecourseApp], settled: Settled
) -> None:
    app = app_on("one-row", screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        editor = app.screen.query_one(SqlEditor)
        assert editor.theme == "sql-recourse"
        assert {kind for found in editor._highlights.values() for *_, kind in found} <= {
            *INKS,
            "name",
        }
        assert (0, 6, "keyword") in editor._highlights[1]
        app.theme = "recourse-light"
        await settled(app, pilot)
        assert editor.theme == "sql-recourse-light"
