from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from recourse_observe.duck import QueryError
from recourse_observe.queries.archive import Archive
from recourse_observe.queries.console import ask, with_brush
from recourse_observe.scope import EVERYTHING, Scope

T0 = 1_795_255_200_000_000
S = 1_000_000
FIRST_TEN_SECONDS = Scope(start_unix_us=T0, end_unix_us=T0 + 10 * S)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM calls",
        "FROM calls",
        "WITH x AS (FROM calls) FROM x;",
        "DESCRIBE calls",
        "SHOW TABLES",
        "SUMMARIZE calls",
        "VALUES (1)",
        "SELECT 1 -- a comment at the end",
        "/* before */ EXPLAIN SELECT * FROM calls",
        "explain (analyze) SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
    ],
)
def test_a_query_that_reads_is_answered(query: str, small: Archive) -> None:
    assert ask(small, query).table.num_rows > 0


@pytest.mark.parametrize(
    "query",
    [
        "COPY calls TO 'stolen.csv'",
        "EXPLAIN ANALYZE COPY calls TO 'stolen.csv'",
        "EXPLAIN (ANALYZE) COPY calls TO 'stolen.csv'",
        "CREATE TABLE mine AS FROM calls",
        "DROP VIEW calls",
        "SET threads = 1",
        "ATTACH 'x.db'",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "SELECT 1; DROP VIEW calls",
        "PIVOT calls ON key USING count(*)",
        "",
    ],
)
def test_a_query_that_does_more_than_read_is_refused(
    query: str, small: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(
        QueryError, match="is refused, because the archive is only read; write one SELECT"
    ):
        ask(small, query)

    assert list(tmp_path.iterdir()) == []


def test_a_pivot_without_its_values_has_a_hint(small: Archive) -> None:
    with pytest.raises(QueryError, match="a PIVOT needs its values"):
        ask(small, "PIVOT calls ON key USING count(*)")


def test_a_mistake_is_told_in_duckdbs_own_words(small: Archive) -> None:
    with pytest.raises(QueryError, match="syntax error"):
        ask(small, "SELEC 1")
    with pytest.raises(QueryError, match='Candidate bindings: "key"'):
        ask(small, "SELECT kee FROM calls")


def test_rows_are_cut_at_the_limit_and_that_is_said(small: Archive) -> None:
    assert not ask(small, "FROM calls", limit=6).is_cut
    cut = ask(small, "FROM calls", limit=5)

    assert cut.is_cut
    assert cut.table.num_rows == 5


def test_the_brush_is_the_membership_of_calls(small: Archive) -> None:
    sql = "SELECT call_id FROM attempts WHERE $brush ORDER BY ALL"

    assert ask(small, sql, FIRST_TEN_SECONDS).table.to_pylist() == [{"call_id": "c1"}]
    everything = ask(small, "SELECT call_id FROM calls WHERE $brush", EVERYTHING)
    assert everything.table.num_rows == 6


def test_the_filter_is_part_of_the_brush(small: Archive) -> None:
    rows = ask(small, "SELECT call_id FROM calls WHERE $brush", EVERYTHING.matching("denied")).table

    assert rows.to_pylist() == [{"call_id": "c3"}]


def test_values_are_bound(small: Archive) -> None:
    sql = "SELECT DISTINCT key FROM calls WHERE key = $key"

    assert ask(small, sql, params={"key": "payments.Charge", "call": "c1"}).table.num_rows == 1


@pytest.mark.parametrize(
    "text", ["'$brush'", '"$brush"', "-- $brush\n", "/* $brush */", "$brushes", "'it''s $brush'"]
)
def test_the_word_is_left_alone_in_texts_names_and_comments(text: str) -> None:
    assert with_brush(text, EVERYTHING) == text


@given(st.text())
def test_a_query_without_the_word_is_left_as_it_is(text: str) -> None:
    kept = text.replace("$brush", "")

    assert with_brush(kept, EVERYTHING) == kept
