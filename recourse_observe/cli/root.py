"""The root of the command line: commands that load when they run, and what errors become."""

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from recourse_observe.cli.examples import EXAMPLES
from recourse_observe.cli.exits import Exit, explained
from recourse_observe.cli.streams import silence_stdout

__all__ = ["COMMANDS", "LazyGroup", "group", "run"]

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "bundle": ("recourse_observe.cli.bundle:bundle", "An archive in one file, to hand over."),
    "call": ("recourse_observe.cli.call:call", "One call with its attempts, waits and decisions."),
    "calls": ("recourse_observe.cli.calls:calls", "Calls, flat or by shape."),
    "check": ("recourse_observe.cli.check:check", "Is the archive whole, and what is missing?"),
    "compact": ("recourse_observe.cli.compact:compact", "Make many small files into few."),
    "compare": (
        "recourse_observe.cli.compare:compare",
        "Two windows, archives, keys or policies side by side.",
    ),
    "doctor": ("recourse_observe.cli.doctor:doctor", "Find retries on retries, missing limits."),
    "key": ("recourse_observe.cli.key:key", "One key over time."),
    "lab": ("recourse_observe.cli.lab:lab", "Incidents made to order, in a simulated world."),
    "notes": ("recourse_observe.cli.notes:notes", "Bookmarks, notes and saved queries."),
    "policy": ("recourse_observe.cli.policy:policy", "Check, explain and compare policy files."),
    "prune": ("recourse_observe.cli.prune:prune", "Remove what is old."),
    "replay": ("recourse_observe.cli.replay:replay", "What happened, event by event."),
    "shot": ("recourse_observe.cli.screens:shot", "A picture of one screen."),
    "sql": ("recourse_observe.cli.sql:sql", "Ask the archive in SQL."),
    "story": ("recourse_observe.cli.story:story", "What happened, why, and what to change."),
    "tail": ("recourse_observe.cli.tail:tail", "What is recorded, as it is recorded."),
    "triage": ("recourse_observe.cli.triage:triage", "Incidents and keys at a glance."),
    "tui": ("recourse_observe.cli.screens:tui", "The archive on screen."),
    "web": ("recourse_observe.cli.screens:web", "The screens in a browser."),
    "whatif": ("recourse_observe.cli.whatif:whatif", "An incident under another policy."),
    "why": ("recourse_observe.cli.why:why", "What differs between an incident and before it."),
}
_EPILOG: Final = """\b
Exit codes: 0 ok, 1 error, 2 usage, 3 found (with --exit-code), 4 timeout,
5 archive missing or damaged, 130 interrupted."""


class Unheard(Exception):
    """Whoever read our output has left."""


class LazyGroup(click.Group):
    """A group whose commands are imported when one is run, not when help is shown."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # as click calls it
        """Names of the commands, sorted."""
        return sorted(self._lazy)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  # as click calls it
        cmd_name: str,
    ) -> click.Command | None:
        """The command, imported now; its help ends with an example."""
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        command.epilog = f"\b\nExample:\n  recourse {EXAMPLES[cmd_name]}"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; a path alone means its screens, or its story."""
        if args and args[0] not in self._lazy and _is_path(args[0]):
            args = ["tui" if sys.stdout.isatty() and sys.stdin.isatty() else "story", *args]
        elif args and args[0] not in self._lazy and not args[0].startswith("-"):
            ctx.fail(self._unknown(args[0]))
        return super().resolve_command(ctx, args)

    def _unknown(self, name: str) -> str:
        from difflib import get_close_matches  # a mistake may take longer

        close = get_close_matches(name, self._lazy, n=1)
        then = f"did you mean {close[0]!r}?" if close else "see `recourse --help`"
        return f"command {name!r} is not known, and no archive has that name; {then}"

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the arguments, which prints the help that they ask for."""
        with _quiet_when_left():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _quiet_when_left():
            return super().invoke(ctx)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # as click calls it
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._lazy[name][1]) for name in sorted(self._lazy)])


@contextmanager
def _quiet_when_left() -> Iterator[None]:
    """Take a closed pipe from click, which would end the process with 1."""
    try:
        yield
    except BrokenPipeError:
        raise Unheard from None


def _is_path(text: str) -> bool:
    return any(mark in text for mark in "/*\\") or Path(text).exists()


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="recourse-observe", prog_name="recourse")
def group() -> None:
    """Read timeline archives: what broke, why, and whether our own retries made it worse.

    `recourse ARCHIVE` opens the screens, or tells the story when its output is no terminal.
    """


def run(argv: Sequence[str]) -> int:
    """Run one command; every error becomes one line on stderr and an exit code."""
    try:
        _refuse_other_encodings(argv)
        code = group.main(args=list(argv), prog_name="recourse", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as left:
        return left.exit_code
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except (BrokenPipeError, Unheard):
        silence_stdout()
        return Exit.OK
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        sys.stderr.write(f"recourse: {known.sentence}\n")
        _flush_what_can_be()
        return known.code
    return int(code or Exit.OK)


def _refuse_other_encodings(argv: Sequence[str]) -> None:
    """Neither a database nor a terminal takes what the operating system could not read as text.

    Raises:
        click.UsageError: An argument has bytes that are no characters.
    """
    for argument in argv:
        if any("\ud800" <= mark <= "\udfff" for mark in argument):
            message = (
                f"argument {argument!r} is no text in UTF-8; write it, or rename the file, in UTF-8"
            )
            raise click.UsageError(message)


def _flush_what_can_be() -> None:
    """Leave nothing to the interpreter's last flush, which would tell the same error again."""
    try:
        sys.stdout.flush()
    except OSError:
        silence_stdout()
