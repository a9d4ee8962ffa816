"""``recourse.sql``: views and macros that let any DuckDB read an archive, without us."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.files import publish
from recourse_observe.archive.schema import TABLES, VERSION, Table

__all__ = ["SQL", "recourse_sql", "write_sql"]

SQL: Final = "recourse.sql"
# Not by importlib.resources, which imports more at its first use: a child that is forked in the
# middle of an import waits for ever for the thread that was importing.
_MACROS: Final = Path(__file__).with_name("macros.sql")
_HEAD: Final = f"""\
-- A recourse archive, schema {VERSION}. From this directory: duckdb -init {SQL}
-- SELECT key, count(*) AS calls, avg(attempts_run) FROM calls GROUP BY key;
-- FROM story('payments.Charge'); FROM storm(2.0); FROM one_call('…');
-- What a running process has not published yet is not here: open the archive with recourse for that.
"""  # noqa: S608  # a comment


def recourse_sql(tables: Collection[str]) -> str:
    """The file's text.

    Args:
        tables: Those that have files; the others are empty, because DuckDB refuses a view of none.
    """
    views = [_view(table, is_empty=name not in tables) for name, table in TABLES.items()]
    return "\n".join([_HEAD, *views, _MACROS.read_text(encoding="utf-8")])


def _view(table: Table, *, is_empty: bool) -> str:
    # By field ids: files of an older minor lack columns, and one may have got another name.
    columns = ", ".join(
        f"{c.field_id}: {{name: '{c.name}', type: '{c.kind.sql}', default_value: NULL}}"
        for c in table.columns
    )
    files = f"FROM read_parquet('{table.name}/**/*.parquet', schema = MAP {{{columns}}})"
    nothing = ", ".join(f'NULL::{c.kind.sql} AS "{c.name}"' for c in table.columns)
    rows = f"SELECT {nothing} WHERE false" if is_empty else files
    return f'CREATE OR REPLACE VIEW "{table.name}" AS {rows};'  # names are ours


def write_sql(root: Path, disk: Disk = DISK) -> None:
    """Write the file, if a table has got its first file since it was written.

    Raises:
        OSError: The directory refused.
    """
    tables = [name for name in TABLES if any((root / name).glob("**/*.parquet"))]
    text = recourse_sql(tables)
    path = root / SQL
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        publish(path, lambda aside: aside.write_text(text, encoding="utf-8"), disk=disk)
