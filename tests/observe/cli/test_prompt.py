"""The prompt of `recourse sql`: without a terminal by its reader, and in a real one."""

import io
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recourse_observe.archive.schema import TABLES
from recourse_observe.cli import main
from recourse_observe.cli.prompt import Prompt
from recourse_observe.duck import QueryError


@pytest.fixture(autouse=True)
def _no_archive_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOURSE_ARCHIVE", raising=False)


def reader(*lines: str | type[BaseException]) -> Callable[[str], str]:
    """Gives line after line, then the end; notes the prompts on stdout."""
    left = iter(lines)

    def read(prompt: str) -> str:
        sys.stdout.write(prompt)
        line = next(left, EOFError)
        if isinstance(line, str):
            return line
        raise line

    return read


def asked(*lines: str | type[BaseException]) -> list[str]:
    """The queries that come of lines."""
    queries: list[str] = []
    Prompt(queries.append, lambda: None, reader(*lines)).run()
    return queries


def test_a_query_ends_with_a_semicolon_or_an_empty_line() -> None:
    assert asked("SELECT 1;", "", "SELECT", "  2 ;", "SELECT 3", "", "never asked") == [
        "SELECT 1;",
        "SELECT\n  2 ;",
        "SELECT 3",
    ]


def test_an_interrupt_gives_up_what_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked("SELECT", KeyboardInterrupt, "SELECT 2;") == ["SELECT 2;"]
    assert capsys.readouterr().out == "\\? for help\nsql> ...> \nsql> sql> \n"


def test_tables_columns_and_help_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked("\\d", "\\d hedges", "\\d nope\x1b", "\\?", "\\q", "SELECT 1;") == []

    out, err = capsys.readouterr()
    assert "\n".join(TABLES) in out
    assert "delay_us  BIGINT\n" in out
    assert "Tab completes" in out
    assert err.startswith("recourse: table 'nope")
    assert "\x1b" not in err


def test_a_mistake_is_one_sentence_and_the_next_query_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered: list[str] = []
    stopped: list[bool] = []

    def answer(query: str) -> None:
        answered.append(query)
        if query == "wrong;":
            raise QueryError(query)
        if query == "long;":
            raise KeyboardInterrupt

    Prompt(answer, lambda: stopped.append(True), reader("wrong;", "long;", "SELECT 1;")).run()

    assert answered == ["wrong;", "long;", "SELECT 1;"]
    assert stopped == [True]
    assert capsys.readouterr().err == "recourse: wrong;\nrecourse: interrupted\n"


def test_a_mistake_of_ours_is_not_explained_away() -> None:
    def answer(_: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Prompt(answer, lambda: None, reader("SELECT 1;")).run()


def test_earlier_lines_of_a_query_count_when_a_word_is_completed() -> None:
    prompt = Prompt(lambda _: None, lambda: None, reader("SELECT key FROM recorder"))
    prompt.run()

    assert prompt.complete("WHERE queue", "") == ["queue_high_water"]


def test_without_a_line_editor_there_is_no_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "readline", None)

    assert asked("SELECT 1;") == ["SELECT 1;"]


def test_what_is_no_terminal_is_read_as_the_query(
    outage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*) AS n FROM calls"))
    assert main(["sql", str(outage)]) == 0
    assert capsys.readouterr().out == "n\n1080\n"

    monkeypatch.setenv("RECOURSE_ARCHIVE", str(outage))
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 2 AS n"))
    assert main(["sql", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "n\n2\n"

    monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))
    assert main(["sql"]) == 2
    assert "give a query" in capsys.readouterr().err


def test_a_query_without_an_archive_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "SELECT 1"]) == 2
    assert "give an archive and a query" in capsys.readouterr().err


class Terminal:
    """The command in a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "INPUTRC": os.devnull}
        code = "import sys; from recourse_observe.cli import main; sys.exit(main(sys.argv[1:]))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def type(self, text: str) -> None:
        """Send keys."""
        os.write(self._ours, text.encode())

    def until(self, text: str) -> None:
        """Wait until a text has been shown since the last time."""
        while text not in self.seen:
            ready, _, _ = select.select([self._ours], [], [], 25)
            assert ready, self.seen
            self.seen += os.read(self._ours, 4096).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(outage: Path) -> Iterator[Terminal]:
    opened = Terminal("sql", str(outage), "--trust")
    yield opened
    opened.close()


@pytest.mark.slow
def test_tab_completes_tables_and_columns_in_a_terminal(terminal: Terminal) -> None:
    terminal.until("sql> ")
    terminal.type("SELECT count(*) AS n FROM atte\t")
    terminal.until("FROM attempts")
    terminal.type(" AS a WHERE a.reas\t")
    terminal.until("a.reason")
    terminal.type(" = 'connection_error';\r")
    terminal.until("400\r\n")
    terminal.until("sql> ")
    terminal.type("SELECT retr\t\t")
    terminal.until("retries")
    terminal.until("retry_after_us")
    terminal.type("\x15\x04")  # forget the line, and leave
    assert terminal.process.wait(25) == 0
