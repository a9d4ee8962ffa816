"""How answers are written: tables for people, JSON and CSV for programs."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from recourse_observe.archive.plain import plain
from recourse_observe.text import printable, table, visible

__all__ = [
    "FORMATS",
    "size",
    "terminal_width",
    "write_json",
    "write_lines",
    "write_rows",
    "written",
]

FORMATS = ("table", "ndjson", "csv")
_KILO = 1000
_COLUMNS, _MOST_COLUMNS = 80, 100


def written(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how rows are written; the command gets them as ``form`` and ``as_json``."""
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="One JSON document."),
        click.option(
            "--format",
            "form",
            type=click.Choice(FORMATS),
            default="table",
            show_default=True,
            help="How they are written.",
        ),
    ):
        command = decorate(command)
    return command


def size(number: float) -> str:
    """Bytes in units of a thousand, in three digits.

    >>> size(612), size(612_345), size(18_400_000), size(2.1e12)
    ('612 B', '612 kB', '18.4 MB', '2.1 TB')
    """
    if number < _KILO:
        return f"{number:.0f} B"
    for unit in ("kB", "MB", "GB"):
        number /= _KILO
        if number < _KILO:
            return f"{number:.3g} {unit}"
    return f"{number / _KILO:.3g} TB"


def terminal_width() -> int:
    """Columns for text that wraps: those of the terminal up to 100, and 80 where there is none."""
    if not sys.stdout.isatty():
        return _COLUMNS
    return min(_MOST_COLUMNS, shutil.get_terminal_size((_COLUMNS, 24)).columns)


def write_lines(lines: Iterable[str]) -> None:
    """Lines of text that is safe already."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def write_json(schema: str, content: Mapping[str, Any]) -> None:
    """One document with its schema's name first."""
    document = {"schema": schema, **{name: plain(value) for name, value in content.items()}}
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=True) + "\n")


def write_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], form: str) -> None:
    """Rows in one of :data:`FORMATS`."""
    match form:
        case "ndjson":
            for row in rows:
                line = dict(zip(names, map(plain, row), strict=True))
                sys.stdout.write(json.dumps(line, ensure_ascii=True) + "\n")
        case "csv":
            write_lines(",".join(map(_field, row)) for row in (names, *rows))
        case _:
            cells = [[_cell(value) for value in row] for row in rows]
            write_lines(table([printable(name) for name in names], cells))


def _field(value: object) -> str:
    """A value in a line of CSV: null is nothing and a text without characters is quoted."""
    if value is None:
        return ""
    text = "\n".join(visible(line) for line in _text(value).split("\n"))
    if not text or any(mark in text for mark in ',"\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _cell(value: object) -> str:
    return "" if value is None else printable(_text(value))


def _text(value: object) -> str:
    said = plain(value)
    return json.dumps(said, ensure_ascii=False) if isinstance(said, list | dict) else str(said)
