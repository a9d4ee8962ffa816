"""The command's help, which is printed without click, is what click would print."""

import io
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from recourse_observe.cli import main
from recourse_observe.cli.front_page import FRONT_PAGE, show_front_page
from recourse_observe.cli.root import group


def as_click_says_it(columns: int = 80) -> str:
    context = click.Context(
        group, info_name="recourse", terminal_width=columns - 2, **group.context_settings
    )
    return group.get_help(context) + "\n"


def test_the_front_page_is_what_click_would_print() -> None:
    page = Path(FRONT_PAGE)
    if os.environ.get("RECOURSE_UPDATE_GOLDENS"):
        page.write_text(as_click_says_it(), encoding="utf-8")

    assert page.read_text(encoding="utf-8") == as_click_says_it()


@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_help_is_the_front_page(
    asked: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)

    assert main([asked]) == 0

    assert capsys.readouterr().out == as_click_says_it()


def test_where_somebody_cares_about_the_width_click_breaks_the_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "62")

    assert main(["--help"]) == 0

    assert capsys.readouterr().out == as_click_says_it(columns=62) != as_click_says_it()


@pytest.mark.parametrize(("columns", "shown"), [(79, False), (80, True), (200, True)])
def test_a_narrow_terminal_is_left_to_click(
    columns: int,
    shown: bool,  # noqa: FBT001  # a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr(os, "get_terminal_size", lambda _: size)

    with (tmp_path / "terminal").open("w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)

        assert show_front_page(["--help"]) is shown


def test_other_arguments_are_not_the_front_page_s() -> None:
    assert not show_front_page([])
    assert not show_front_page(["story", "--help"])


def test_help_goes_where_there_is_no_file_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    assert show_front_page(["-h"])


def test_help_loads_neither_click_nor_what_commands_need() -> None:
    heavy = ("click", "recourse_observe.cli.root", "dataclasses", "inspect", "typing", "pathlib")
    code = (
        f"import sys; sys.path = {sys.path!r}\n"
        "from recourse_observe.cli import main\n"
        f"main(['--help']); print(*[m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}

    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )

    assert result.stdout == as_click_says_it()
    assert result.stderr.split() == []


@pytest.mark.parametrize("columns", ["", "70"], ids=["ours", "click's"])
def test_a_reader_who_has_left_ends_the_help_quietly(columns: str) -> None:
    code = "import sys; from recourse_observe.cli import main; input(); sys.exit(main(['--help']))"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"COLUMNS": columns},
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, said = process.communicate(b"\n")

    assert process.returncode == 0
    assert said == b""
