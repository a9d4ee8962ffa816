"""Every SQL file says what it is, names its parameters, and runs on an empty archive."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recourse_observe.archive.schema import TABLES
from recourse_observe.duck import Store, View
from recourse_observe.queries import statements
from recourse_observe.scope import EVERYTHING

FOLDER = Path(statements.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.sql"))
LISTS = {"keys": ["k"], "slow_us": [1]}
TEXTS = {"call_id", "instance", "key", "reason", "sort", "version"}


@pytest.fixture(scope="module")
def empty() -> Iterator[Store]:
    views = {
        table.name: View(columns={c.name: c.kind.sql for c in table.columns})
        for table in TABLES.values()
    }
    with Store(views) as store:
        yield store


def values(sql: str) -> dict[str, object]:
    return {
        name: LISTS.get(name, "x" if name in TEXTS else 1) for name in statements.parameters(sql)
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_question_is_valid_on_an_empty_archive(name: str, empty: Store) -> None:
    sql = statements.statement(name, EVERYTHING.matching("lost tenant:a*"))
    given = values(sql) | {"w0": "a*", "w0_path": "$.tenant"}

    assert empty.rows(f"EXPLAIN {sql}", given)


@pytest.mark.parametrize("name", NAMES)
def test_every_question_runs_with_its_values_written_out(name: str, empty: Store) -> None:
    given = values(statements.statement(name))

    sql = statements.literal(name, EVERYTHING, **given)

    assert "$" not in sql
    empty.rows(sql)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_says_what_it_gives_and_which_parameters_it_takes(name: str) -> None:
    text = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    header = " ".join(
        line.removeprefix("-- ") for line in text.splitlines() if line.startswith("--")
    )
    own = statements.parameters(text)
    shared = {"start_us", "end_us", "key"} if "those of members.sql" in header else set()

    assert text.startswith("-- ")
    assert "Parameters:" in header
    assert {name for name in own - shared if f"${name}" not in header} == set()


def test_texts_in_written_out_values_are_quoted() -> None:
    sql = statements.literal("fact_policy", keys=["it's"], from_us=1, to_us=2, version="a'b")

    assert "['it''s']" in sql
    assert "'a''b'" in sql


@pytest.mark.parametrize("of_keys", [False, True])
def test_questions_asked_together_are_answered_in_one_row(of_keys: bool, empty: Store) -> None:  # noqa: FBT001  # a parameter of the test
    names = ("phase_calls", "fact_impact", "fact_fewer")
    sql = statements.together(names, EVERYTHING.matching("lost"), of_keys=of_keys)

    ((calls, impact, fewer),) = empty.rows(sql, values(sql))

    assert (calls, fewer) == (None, None)
    assert impact[0]["calls"] == 0
