import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse_observe.duck import DamagedError, Files, QueryError, Store, Superseded, View

SLOW = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"
NUMBERS = pa.table({"n": pa.array([1, 2, 3], pa.int64()), "text": ["a", "b", "c"]})


@pytest.fixture
def store() -> Store:
    return Store({"numbers": NUMBERS})


def test_an_arrow_table_is_a_table(store: Store) -> None:
    assert repr(store) == "Store(numbers)"
    assert store.arrow("SELECT n FROM numbers WHERE n > $least", {"least": 1}).to_pylist() == [
        {"n": 2},
        {"n": 3},
    ]
    assert store.rows("SELECT sum(n) FROM numbers") == [(6,)]


def test_only_parameters_of_the_statement_are_bound(store: Store) -> None:
    assert store.rows("SELECT 1 WHERE $a = 2", {"a": 2, "b": 3}) == [(1,)]
    assert store.rows("SELECT 1", {"b": 3}) == [(1,)]


def test_several_statements_answer_with_the_last(store: Store) -> None:
    assert store.rows("SELECT $a; SELECT $b", {"a": 1, "b": 2}) == [(2,)]
    assert store.rows("CREATE MACRO twice(x) AS 2 * x") == []
    assert store.rows("SELECT twice(4)") == [(8,)]


def test_files_of_different_columns_are_one_view(tmp_path: Path) -> None:
    older, newer = tmp_path / "it's [1].parquet", tmp_path / "it's 1.parquet"
    pq.write_table(pa.table({"n": [1]}), older)
    pq.write_table(pa.table({"n": [2], "more": ["x"], "other": [0]}), newer)
    view = View(
        columns={"n": "BIGINT", "more": "VARCHAR"},
        parts=(
            Files(paths=(older,), columns=frozenset({"n"})),
            Files(paths=(newer,)),
            pa.table({"n": [3]}),
        ),
    )

    with Store(
        {"merged": view, "plain": [older], "none": [], "empty": View(columns={"n": "INTEGER"})}
    ) as s:
        assert s.rows("SELECT * FROM merged ORDER BY n") == [(1, None), (2, "x"), (3, None)]
        assert s.rows("SELECT * FROM plain") == [(1,)]
        assert s.rows("SELECT * FROM none") == []
        assert s.arrow("SELECT * FROM empty").schema == pa.schema([("n", pa.int32())])


def test_a_wrong_statement_says_what_would_be_right(store: Store) -> None:
    with pytest.raises(QueryError, match=r"(?s)Referenced column \"m\" not found.*\"n\""):
        store.rows("SELECT m FROM numbers")
    with pytest.raises(QueryError, match="syntax error"):
        store.arrow("SELEKT 1")
    assert store.rows("SELECT 1") == [(1,)]


def test_every_thread_gets_its_own_answer(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: store.rows("SELECT $i", {"i": i}), range(400)))

    assert answers == [[(i,)] for i in range(400)]


def started(store: Store) -> None:
    while not store._lanes.running():
        threading.Event().wait(0.001)


def test_an_interrupted_query_raises_and_its_thread_goes_on(store: Store) -> None:
    def ask() -> list[tuple[int]]:
        with pytest.raises(Superseded):
            store.arrow(SLOW)
        return store.rows("SELECT 1")

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask)
        started(store)
        store.interrupt()

        assert answer.result(10) == [(1,)]


def test_a_newer_question_of_a_lane_stops_the_older(store: Store) -> None:
    ticket = store.supersede("overview")

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(store.arrow, SLOW, lane="overview", ticket=ticket)
        started(store)
        newer = store.supersede("overview")

        with pytest.raises(Superseded):
            answer.result(10)
    with pytest.raises(Superseded):
        store.arrow("SELECT 1", lane="overview", ticket=ticket)
    assert store.arrow("SELECT 1 AS n", lane="overview", ticket=newer).to_pylist() == [{"n": 1}]


def test_a_closed_store_opens_again(store: Store) -> None:
    store.rows("SELECT 1")
    store.close()
    store.close()

    assert store.rows("SELECT count(*) FROM numbers") == [(3,)]


def test_a_sandboxed_store_answers_and_reaches_nothing(tmp_path: Path) -> None:
    file = tmp_path / "numbers.parquet"
    pq.write_table(NUMBERS, file)
    before = file.read_bytes()
    store = Store({"numbers": [file]}, sandboxed=True)

    assert store.rows("SELECT sum(n) FROM numbers") == [(6,)]
    for attack in (
        f"COPY numbers TO '{file}'",
        f"EXPLAIN ANALYZE COPY numbers TO '{file}'",
        f"FROM '{file}'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SET GLOBAL enable_external_access = true",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "SELECT * FROM NUMBERS_IN_PYTHON",
    ):
        with pytest.raises(QueryError):
            store.rows(attack)
    assert file.read_bytes() == before


def test_times_are_utc(store: Store) -> None:
    assert store.rows("SELECT current_setting('TimeZone')") == [("UTC",)]


def test_the_module_brings_neither_duckdb_nor_arrow() -> None:
    code = "import sys, recourse_observe.duck; print({'duckdb', 'pyarrow'} & set(sys.modules))"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout == "set()\n"


def test_a_file_that_has_gone_is_damage_and_no_wrong_statement(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    pq.write_table(pa.table({"n": range(10)}), path)
    view = View(columns={"n": "BIGINT"}, parts=(Files(paths=(path,), rows=1_000_000),))
    with Store({"numbers": view}, sandboxed=True) as store:
        assert store.rows("SELECT 1") == [(1,)]
        path.unlink()
        for statement in ("SELECT * FROM numbers", "SELECT * FROM numbers WHERE n > 3"):
            with pytest.raises(DamagedError):
                store.rows(statement)


def test_a_table_is_made_when_a_question_first_names_it(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), tmp_path / "one.parquet")
    with Store({"one": [tmp_path / "one.parquet"], "two": []}, sandboxed=True) as store:
        assert store.rows("SELECT 1") == [(1,)]
        pq.write_table(pa.table({"n": [2]}), tmp_path / "one.parquet")

        assert store.rows("SELECT n FROM One") == [(2,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES",
        "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1",
        "SELECT name FROM (DESC) ORDER BY 1",
        "SELECT name FROM (SHOW TABLES) ORDER BY 1",
        "SELECT table_name FROM information_schema.tables WHERE table_type = 'VIEW' ORDER BY 1",
    ],
)
def test_a_question_about_the_tables_sees_them_all(sql: str) -> None:
    with Store({"one": pa.table({"n": [1]}), "two": []}, sandboxed=True) as store:
        names = [name for (name, *_) in store.rows(sql)]

    assert [name for name in names if "rows" not in name] == ["one", "two"]


@pytest.mark.parametrize("sql", ["FROM query('FROM o' || 'ne')", "FROM query_table('o' || 'ne')"])
def test_a_table_need_not_be_named_in_one_word(sql: str) -> None:
    with Store({"one": pa.table({"n": [7]})}, sandboxed=True) as store:
        assert store.rows(sql) == [(7,)]


def test_a_wrong_name_is_answered_with_all_that_may_be_meant() -> None:
    views = {"numbers": pa.table({"n": [1]}), "letters": pa.table({"c": ["a"]})}
    with Store(views, sandboxed=True) as store:
        with pytest.raises(QueryError, match=r"Did you mean.*letters"):
            store.rows("SELECT * FROM leters")
        with pytest.raises(QueryError, match="leters"):
            store.rows("SELECT * FROM leters")


def test_a_file_without_one_of_the_words_is_read_all_the_same(tmp_path: Path) -> None:
    pq.write_table(pa.table({"key": ["a"]}), tmp_path / "old.parquet")
    files = Files(
        paths=(tmp_path / "old.parquet",),
        columns=frozenset({"key"}),
        words=frozenset({"key", "region"}),
    )
    view = View(columns={"key": "VARCHAR", "region": "VARCHAR"}, parts=(files,))
    with Store({"calls": view}, sandboxed=True) as store:
        assert store.rows("SELECT key, region FROM calls") == [("a", None)]


def test_damage_is_the_same_damage_when_the_question_comes_again(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    files = Files(paths=(tmp_path / "bad.parquet",), columns=frozenset({"n"}))
    view = View(columns={"n": "BIGINT"}, parts=(pa.table({"n": [1]}), files))
    with Store({"numbers": view}, sandboxed=True) as store:
        for _ in range(2):
            with pytest.raises(DamagedError, match="footer"):
                store.rows("SELECT n FROM numbers")
