"""Files of an older minor version lack columns that came later: every command answers all the same."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from recourse_observe.archive.schema import TABLES
from recourse_observe.cli import main

# Columns that are not there do not match a pattern, and nothing fails for it.
TERMS = (
    "method:*x", "peer:p*", "region:eu", "trace:*1", "tenant:acme", "error:Conn*", "-lost", "denied",
)  # fmt: skip


@pytest.fixture(scope="module")
def older(outage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outage in files that hold only what every file must, half of its columns by another name."""
    root = tmp_path_factory.mktemp("older") / outage.name
    for path in sorted(outage.rglob("*")):
        place = root / path.relative_to(outage)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pq.write_table(bare(path, TABLES[place.relative_to(root).parts[0]]), place)
        elif path.is_file():
            place.write_bytes(path.read_bytes())
    return root


def bare(path: Path, table: Any) -> Any:
    rows = pq.ParquetFile(path).read()
    metadata = pq.read_metadata(path).metadata
    rows = rows.drop_columns([column.name for column in table.columns if column.nullable])
    renamed = {"duration_us": "took_us", "sample_weight": "stands_for"}
    rows = rows.rename_columns([renamed.get(name, name) for name in rows.column_names])
    return rows.replace_schema_metadata(
        {name: text for name, text in metadata.items() if name.startswith(b"recourse.")}
    )


def run(capsys: pytest.CaptureFixture[str], *args: Any) -> tuple[int, str, str]:
    code = main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    return int(code), out, err


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("triage",),
        ("story",),
        ("calls", "--shapes"),
        ("calls", "--where", "lost attempts>1", "--limit", 3),
    ],
    ids=lambda command: " ".join(map(str, command)),
)
def test_what_does_not_need_the_missing_columns_is_answered_as_before(
    command: tuple[Any, ...], older: Path, outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = command

    assert run(capsys, name, older, *options) == run(capsys, name, outage, *options)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("why",),
        ("compare", "--a", "10:00..10:01", "--b", "10:01..10:02"),
        ("key", "payments.Charge"),
        ("call", "000540"),
        ("replay", "--json"),
        ("check",),
        ("whatif", "--key", "payments.Charge", "--set", "retry.max_attempts=1"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_answers(
    command: tuple[Any, ...], older: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = command
    code, out, err = run(capsys, name, older, *options)

    assert code == 0, err
    assert out


@pytest.mark.slow
def test_every_filter_finds_what_is_there(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {}
    for term in TERMS:
        code, out, _ = run(capsys, "calls", older, "--where", term, "--json")
        assert code == 0
        found[term] = json.loads(out)["total"]

    assert found == {**dict.fromkeys(TERMS, 0), "-lost": 880}


def test_every_column_is_there_and_null(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, table in TABLES.items():
        query = f'SELECT * FROM "{name}" LIMIT 1'  # noqa: S608  # names of ours
        code, out, _ = run(capsys, "sql", older, query, "--json")
        assert code == 0
        for row in json.loads(out)["rows"]:
            assert tuple(row) == table.names
            assert not [c.name for c in table.columns if c.nullable and row[c.name] is not None]
    query = "SELECT sum(duration_us)::INT AS us, sum(sample_weight)::INT AS calls FROM calls"
    _, out, _ = run(capsys, "sql", older, query, "--json")
    assert json.loads(out)["rows"] == [{"us": 30_000_000, "calls": 1_080}]
