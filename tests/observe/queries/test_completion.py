"""What Tab offers while somebody types a query."""

import pytest

from recourse_observe.archive.schema import TABLES
from recourse_observe.queries.completion import completions


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("SELECT * FROM ca", "", ["calls"]),
        ("SELECT * FROM calls c, at", "", ["attempts"]),
        ("SELECT * FROM calls AS c\nJOIN ", "", list(TABLES)),
        ("SELECT disp", " FROM calls", ["disposition"]),
        ("SELECT DISP", " FROM calls", ["disposition"]),
        ("SELECT hedge_i", "", ["hedge_index"]),
        ("SELECT bucket", " FROM calls", []),
        (
            "SELECT count(DISTINCT a.re",
            ") FROM attempts AS a",
            ["a.region", "a.reason", "a.retry_after_us"],
        ),
        ("SELECT attempts.hedge_", " FROM attempts", ["attempts.hedge_index"]),
        ("SELECT x.k", " FROM attempts AS a", []),
        ("SELECT key FROM calls WHERE $b", "", ["$brush"]),
        ("SELECT key FROM calls wher", "", ["where"]),
        ("SELECT key FROM calls WHER", "", ["WHERE"]),
        ("SELECT key FROM calls WHERE key = 'ca", "", []),
        ("SELECT key FROM calls WHERE key = 'it''s FROM' AND deadl", "", ["deadline_us"]),
        ("SELECT trace_id FROM (SELECT * FROM calls) WHERE spa", "", ["span_id"]),
    ],
)
def test_the_word_before_the_cursor_becomes(before: str, after: str, expected: list[str]) -> None:
    assert completions(before, after) == expected


def test_an_empty_word_lists_columns_and_no_keywords() -> None:
    found = completions("SELECT ", " FROM recorder")

    assert found == [*sorted(TABLES["recorder"].names), "recorder", "$brush"]
