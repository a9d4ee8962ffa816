"""The prompt of `recourse sql`: query after query, with Tab for the names of tables and columns."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from recourse_observe.archive.schema import TABLES
from recourse_observe.cli.exits import explained
from recourse_observe.queries.completion import completions
from recourse_observe.text import printable

__all__ = ["Prompt"]

_FIRST: Final = "sql> "
_NEXT: Final = "...> "
_HELP: Final = """\
A query ends with ; or an empty line. Tab completes, ↑ goes back, Ctrl-C gives up a query.
\\d  the tables    \\d TABLE  its columns    \\?  this help    \\q  leave (or Ctrl-D)
"""
_DELIMITERS: Final = " \t\n()[]{},;=<>+-*/%|'\""


class Prompt:
    """Asks for queries until there are no more.

    Args:
        answer: Prints the answer to a query.
        stop: Ends the query that runs.
        read: Gives a line for a prompt; ``EOFError`` when there are none.
    """

    def __init__(
        self,
        answer: Callable[[str], object],
        stop: Callable[[], object],
        read: Callable[[str], str] = input,
    ) -> None:
        self._answer = answer
        self._stop = stop
        self._read = read
        self._lines: list[str] = []

    def run(self) -> None:
        """Read and answer."""
        sys.stdout.write("\\? for help\n")
        with _tab_completes(self.complete):
            while True:
                try:
                    line = self._read(_NEXT if self._lines else _FIRST)
                except EOFError:
                    sys.stdout.write("\n")
                    return
                except KeyboardInterrupt:
                    sys.stdout.write("\n")
                    self._lines.clear()
                    continue
                if line.strip() == "\\q":
                    return
                self._take(line)

    def complete(self, before: str, after: str) -> list[str]:
        """What the word before the cursor may become; earlier lines of the query count, too."""
        return completions("\n".join([*self._lines, before]), after)

    def _take(self, line: str) -> None:
        if not self._lines and line.lstrip().startswith("\\"):
            _explain(line.split())
            return
        if line.strip():
            self._lines.append(line)
        query = "\n".join(self._lines).strip()
        if query and (query.endswith(";") or not line.strip()):
            self._lines.clear()
            self._ask(query)

    def _ask(self, query: str) -> None:
        try:
            self._answer(query)
        except KeyboardInterrupt:
            self._stop()
            sys.stderr.write("recourse: interrupted\n")
        except Exception as error:
            known = explained(error)
            if known is None:
                raise
            sys.stderr.write(f"recourse: {known.sentence}\n")


def _explain(command: list[str]) -> None:
    match command:
        case ["\\d"]:
            sys.stdout.write("".join(f"{name}\n" for name in TABLES))
        case ["\\d", name] if name in TABLES:
            sys.stdout.write("".join(f"{c.name}  {c.kind.sql}\n" for c in TABLES[name].columns))
        case ["\\d", name]:
            known = ", ".join(TABLES)
            sys.stderr.write(f"recourse: table {printable(name)!r} does not exist; use {known}\n")
        case _:
            sys.stdout.write(_HELP)


@contextmanager
def _tab_completes(complete: Callable[[str, str], list[str]]) -> Iterator[None]:
    """Let the terminal's line editor complete, where there is one."""
    try:
        import readline  # absent on Windows
    except ImportError:
        yield
        return
    found: list[str] = []

    def nth(_: str, state: int) -> str | None:
        if state == 0:
            line, end = readline.get_line_buffer(), readline.get_endidx()
            found[:] = complete(line[:end], line[end:])
        return found[state] if state < len(found) else None

    before = (readline.get_completer(), readline.get_completer_delims())
    readline.set_completer(nth)
    readline.set_completer_delims(_DELIMITERS)
    libedit = "libedit" in (readline.__doc__ or "")  # what macOS has
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    try:
        yield
    finally:
        readline.set_completer(before[0])
        readline.set_completer_delims(before[1])
