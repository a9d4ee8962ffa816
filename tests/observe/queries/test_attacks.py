"""Attacks on an archive's console: nothing outside is read or written, and no byte of the archive changes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.archive.limits import Limits
from recourse_observe.cli import main
from recourse_observe.duck import QueryError, Superseded
from recourse_observe.queries.archive import Archive, open_archive
from recourse_observe.queries.console import ask

SECRET = "the-secret-of-another-folder"  # noqa: S105  # what an attack must not find


class Place(NamedTuple):
    """An archive, what lies beside it, and what both look like untouched."""

    archive: Archive
    root: Path
    outside: Path
    before: dict[str, bytes]


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; links are named by what they point to."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.fsencode(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("attacks")
    outside = home / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (outside / "secret.csv").write_text(f"a\n{SECRET}\n")
    (outside / "secret.json").write_text(f'{{"a": "{SECRET}"}}')
    calls = [{"call_id": str(i), "key": "k", "started_at": 1_795_255_200_000_000} for i in range(3)]
    root = write_archive(home / "archive", {"calls": calls})
    (root / "calls" / "leak.parquet").symlink_to(outside / "secret.txt")
    (root / "calls" / "away").symlink_to(outside)
    os.environ["RECOURSE_TEST_SECRET"] = SECRET
    with open_archive(root, limits=Limits(memory_bytes=1 << 30, query_s=5.0)) as archive:
        assert len(archive.warnings) == 1
        yield Place(archive, root, outside, content(home))
    del os.environ["RECOURSE_TEST_SECRET"]


# {o} is the folder outside, {a} the archive.
READING = (
    "SELECT * FROM '{o}/secret.csv'",
    "SELECT * FROM read_csv('{o}/secret.csv')",
    "SELECT * FROM read_csv_auto('{o}/../outside/secret.csv')",
    "SELECT * FROM read_text('{o}/secret.txt')",
    "SELECT * FROM read_blob('{o}/secret.txt')",
    "SELECT * FROM read_json('{o}/secret.json')",
    "SELECT * FROM read_json_objects('{o}/secret.json')",
    "SELECT * FROM read_ndjson('{o}/secret.json')",
    "SELECT * FROM read_parquet('{o}/*.parquet')",
    "SELECT * FROM read_parquet('{a}/calls/**/*.parquet')",
    "SELECT * FROM parquet_metadata('{a}/calls/leak.parquet')",
    "SELECT * FROM parquet_schema('{o}/secret.txt')",
    "SELECT * FROM parquet_kv_metadata('{o}/secret.txt')",
    "SELECT * FROM sniff_csv('{o}/secret.csv')",
    "SELECT * FROM glob('{o}/*')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_text('{a}/calls/away/secret.txt')",
    "SELECT * FROM read_text('{a}/calls/../../outside/secret.txt')",
    "SELECT * FROM read_csv('https://example.invalid/x.csv')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT getenv('RECOURSE_TEST_SECRET')",
    "SELECT * FROM query('SELECT * FROM read_text(''{o}/secret.txt'')')",
    "SELECT * FROM query_table('{o}/secret.csv')",
    "WITH x AS MATERIALIZED (FROM read_text('{o}/secret.txt')) SELECT * FROM x",
    "SELECT (SELECT content FROM read_text('{o}/secret.txt'))",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''{o}/secret.txt'')'))",
    "EXPLAIN ANALYZE SELECT * FROM read_text('{o}/secret.txt')",
    "SELECT * FROM os_environ",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM python_scan",
)
WRITING = (
    "COPY calls TO '{o}/stolen.csv'",
    "COPY (SELECT 1) TO '{a}/calls/x.parquet' (FORMAT parquet)",
    "COPY (SELECT 1) TO '{a}/_recourse.json'",
    "EXPLAIN ANALYZE COPY calls TO '{o}/stolen.csv'",
    "EXPLAIN COPY calls TO '{o}/stolen.csv'",
    "WITH x AS (SELECT 1) COPY calls TO '{o}/stolen.csv'",
    "SELECT 1; COPY calls TO '{o}/stolen.csv'",
    "EXPORT DATABASE '{o}/stolen'",
    "IMPORT DATABASE '{o}'",
    "SELECT write_log('x'); CALL enable_logging(storage = 'file', storage_path = '{o}/log')",
    "CALL enable_logging(storage = 'file', storage_path = '{o}/log')",
    "PRAGMA enable_profiling = 'json'",
    "PRAGMA profiling_output = '{o}/profile'",
    "CHECKPOINT",
    "SELECT * FROM checkpoint('{o}/x')",
)
CHANGING = (
    "ATTACH '{o}/x.db' AS x",
    "ATTACH ':memory:' AS x",
    "ATTACH '{o}/secret.txt' (TYPE sqlite)",
    "CREATE SECRET x (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{o}/evil.duckdb_extension'",
    "SET enable_external_access = true",
    "SET GLOBAL allowed_directories = ['{o}']",
    "SET allowed_paths = ['{o}/secret.txt']",
    "SET lock_configuration = false",
    "SET temp_directory = '{o}'",
    "SET memory_limit = '1TB'",
    "SET home_directory = '{o}'",
    "SET file_search_path = '{o}'",
    "SET VARIABLE x = (SELECT content FROM read_text('{o}/secret.txt'))",
    "RESET enable_external_access",
    "PRAGMA enable_external_access",
    "SELECT set_config('enable_external_access', 'true')",
    "CREATE TABLE x AS FROM '{o}/secret.csv'",
    "CREATE MACRO x() AS TABLE FROM '{o}/secret.csv'",
    "CREATE VIEW x AS FROM '{o}/secret.csv'",
    "INSERT INTO calls SELECT * FROM calls",
    "UPDATE calls SET key = 'x'",
    "DELETE FROM calls",
    "DROP TABLE calls",
    "PREPARE x AS COPY calls TO '{o}/stolen.csv'; EXECUTE x",
    "VACUUM",
    "USE system",
)
ATTACKS = (*READING, *WRITING, *CHANGING)


def untouched(place: Place) -> bool:
    """Nothing lies or reads otherwise than before."""
    return content(place.root.parent) == place.before


def answered(place: Place, sql: str, *, guarded: bool) -> str:
    """What an attack gets to see: rows or an error, as text."""
    try:
        if guarded:
            return str(ask(place.archive, sql).table.to_pylist())
        return str(place.archive.sql(sql).to_pylist())
    except (QueryError, Superseded) as refused:
        return str(refused)


@pytest.mark.parametrize("guarded", [True, False], ids=["console", "database"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_reads_and_writes_nothing(place: Place, attack: str, guarded: bool) -> None:  # noqa: FBT001  # a parameter
    """The console refuses what is no SELECT; the database behind it holds when it is asked directly."""
    sql = attack.format(o=place.outside, a=place.root)

    text = answered(place, sql, guarded=guarded)

    assert SECRET not in text
    assert "root:" not in text
    assert untouched(place)


@pytest.mark.parametrize("attack", [*WRITING, *CHANGING])
def test_what_is_no_question_is_refused(place: Place, attack: str) -> None:
    with pytest.raises(QueryError):
        ask(place.archive, attack.format(o=place.outside, a=place.root))


def test_the_archive_answers_after_every_attack(place: Place) -> None:
    assert ask(place.archive, "SELECT count(*) AS n FROM calls").table.to_pylist() == [{"n": 3}]


@pytest.mark.slow
@pytest.mark.parametrize("attack", [READING[3], WRITING[0], CHANGING[7]])
def test_the_command_refuses_as_well(
    place: Place, attack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = attack.format(o=place.outside, a=place.root)

    code = main(["sql", str(place.root), sql])

    captured = capsys.readouterr()
    assert code == 1
    assert captured.out == ""
    assert SECRET not in captured.err
    assert untouched(place)
