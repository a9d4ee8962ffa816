"""Generated pages say what the code says, and transcripts what the commands print."""

import inspect
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from recourse import events, reasons
from recourse.policy.reference import reference
from recourse_observe.archive.schema import TABLES
from recourse_observe.cli import main
from recourse_observe.cli.root import group

DOCS = Path(__file__).parents[2] / "docs"
PAGES = DOCS / "reference"
TRANSCRIPT = re.compile(r"^```console\n\$ (?P<command>.+)\n(?:.*\n)*?```$", re.MULTILINE)
WORDS: dict[str, dict[str, str]] = tomllib.loads(
    (PAGES / "columns.toml").read_text(encoding="utf-8")
)
NOTE = (
    "<!-- Generated: RECOURSE_UPDATE_GOLDENS=1 python -m pytest tests/floors/test_reference.py -->"
)


def head(title: str, *paragraphs: str) -> Iterator[str]:
    yield from (NOTE, "", f"# {title}", "")
    for paragraph in paragraphs:
        yield from (paragraph, "")


def table(names: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(names) + " |"
    yield "| " + " | ".join("---" for _ in names) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def text_of(thing: object) -> str:
    return (inspect.getdoc(thing) or "").replace("``", "`")


def first_line(thing: object) -> str:
    return text_of(thing).splitlines()[0]


# ---------------------------------------------------------------- policy fields


def policy_fields() -> Iterator[str]:
    yield from head(
        "Policy fields",
        "In a policy file a duration may leave out `_s` when its value says the unit: "
        '`initial_backoff = "250ms"`. A number out of bounds moves to the nearest bound, and the '
        "change is recorded.",
    )
    yield reference()


# ---------------------------------------------------------------- events


def event_name(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def type_name(annotation: Any) -> str:
    text = inspect.formatannotation(annotation)
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", text).replace(" | ", " or ")


def properties(kind: type) -> Iterator[tuple[str, ...]]:
    for name, value in vars(kind).items():
        if isinstance(value, property):
            yield f"`{name}`", first_line(value)


def event_page() -> Iterator[str]:
    yield from head(
        "Events and reasons",
        "Every event is told to every observer. Besides its own fields each has these; times in "
        "`…_s` are seconds of the executor's monotonic clock.",
    )
    own = (("`seq`", "Numbers the call's events."), ("`at_s`", "When it happened."))
    yield from table(("every event", "meaning"), iter((*own, *properties(events.Told))))
    yield from table(("with an error", "meaning"), properties(events.Failed))
    for kind in get_args(events.Event):
        yield from (f"## `{event_name(kind)}`", "", f"`recourse.events.{kind.__name__}`", "")
        yield from (text_of(kind), "")
        fields = kind.__mro__[1].__annotations__
        own_fields = [name for name in fields if name not in ("call", "seq", "at_s")]
        if own_fields:
            rows = ((f"`{name}`", type_name(fields[name])) for name in own_fields)
            yield from table(("field", "type"), rows)
    yield from ("## Reasons", "", "They stand in events, spans, logs and archives alike.", "")
    for name in reasons.__all__:
        words: type[StrEnum] = getattr(reasons, name)
        yield from (f"### {name}", "", text_of(words), "")
        yield from (", ".join(f"`{word.value}`" for word in words), "")


# ---------------------------------------------------------------- archive


def archive_page() -> Iterator[str]:
    yield from head(
        "Archive tables",
        "Columns named `…_at` are UTC in microseconds, columns named `…_us` durations in "
        "microseconds. [The archive](../concepts/archive.md) tells what the tables are for.",
    )
    for one in TABLES.values():
        yield from (f"## `{one.name}`", "", WORDS["tables"][one.name], "")
        rows = (
            (
                f"`{column.name}`",
                column.kind.sql + (", may be null" if column.nullable else ""),
                WORDS["columns"][column.name],
            )
            for column in one.columns
        )
        yield from table(("column", "type", "meaning"), rows)


# ---------------------------------------------------------------- commands


def value_of(option: click.Parameter) -> str:
    if isinstance(option, click.Option) and (option.is_flag or option.count):
        return ""
    if isinstance(option.type, click.Choice):
        return " " + ", ".join(f"`{choice}`" for choice in option.type.choices)
    return f" `{option.metavar or option.type.name.upper().replace(' RANGE', '')}`"


def option_row(option: click.Option) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    default = f" The default is `{option.default}`." if option.show_default else ""
    return names + value_of(option), f"{option.help or ''}{default}".strip()


def argument_name(argument: click.Argument) -> str:
    name = argument.human_readable_name.upper()
    return name if argument.required else f"[{name}]"


def command_section(command: click.Command, name: str) -> Iterator[str]:
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    shown = [one.metavar or argument_name(one) for one in arguments]
    shown += ["[OPTIONS]"] if options else []
    yield from (f"## `{name}`", "", inspect.cleandoc(command.help or "").replace("\b\n", ""), "")
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from command_section(found, f"{name} {inner}")
        return
    yield from ("```text", " ".join([name, *shown]), "```", "")
    if options:
        yield from table(("option", "meaning"), map(option_row, options))


def command_page() -> Iterator[str]:
    yield from head(
        "Commands",
        "`recourse ARCHIVE` opens the screens, or tells the story when its output is no terminal. "
        "`RECOURSE_ARCHIVE` stands in for an archive that is left out. Every command knows `-h`.",
        "Data go to stdout, remarks to stderr. Exit codes: 0 ok, 1 error, 2 usage, 3 found (only "
        "with `--exit-code`), 4 timeout, 5 archive missing or damaged, 130 interrupted.",
    )
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from command_section(command, f"recourse {name}")


# ---------------------------------------------------------------- the tests


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("policy-fields", policy_fields),
        ("events", event_page),
        ("archive", archive_page),
        ("commands", command_page),
    ],
)
def test_a_generated_page_is_what_the_code_says(
    name: str, lines: Callable[[], Iterator[str]]
) -> None:
    """RECOURSE_UPDATE_GOLDENS=1 rewrites it."""
    path, text = PAGES / f"{name}.md", "\n".join(lines()).rstrip() + "\n"

    if os.environ.get("RECOURSE_UPDATE_GOLDENS"):
        path.write_text(text, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        "tutorial.md",
        "how-to/read-an-incident.md",
        "how-to/replay-an-incident.md",
        "how-to/explain-what-differs.md",
        "how-to/use-the-screens.md",
    ],
)
def test_a_page_shows_what_the_commands_print(
    page: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RECOURSE_UPDATE_GOLDENS=1 rewrites what stands below each ``$ recourse …``."""
    path = DOCS / page
    written = path.read_text(encoding="utf-8")
    monkeypatch.chdir(DOCS.parent)

    def printed(block: re.Match[str]) -> str:
        _, *arguments = shlex.split(block["command"])
        assert main(arguments) == 0
        out, err = capsys.readouterr()
        return f"```console\n$ {block['command']}\n{out}{err}```"

    shown = TRANSCRIPT.sub(printed, written)
    if os.environ.get("RECOURSE_UPDATE_GOLDENS"):
        path.write_text(shown, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == shown


def test_no_column_is_explained_that_no_table_has() -> None:
    columns = {column.name for one in TABLES.values() for column in one.columns}

    assert set(WORDS["columns"]) == columns
    assert set(WORDS["tables"]) == set(TABLES)
