"""`recourse tui`, `shot` and `web`: the one door to the screens, opened by import when it is used."""

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.options import Chosen, must_exist, scoped, the_archive

if TYPE_CHECKING:
    from collections.abc import Callable

    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["shot", "tui", "web"]

_SIZE = re.compile(r"(\d{1,3})x(\d{1,3})$")
_trust = click.option(
    "--trust",
    is_flag=True,
    envvar="RECOURSE_TRUST",
    help="The archive is our own: read it in this process.",
)


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@_trust
@scoped
@click.option("--screen", metavar="NAME", help="The screen to begin with, for example story.")
@click.option("--ascii", "in_ascii", is_flag=True, help="Draw with plain characters.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.option(
    "--keymap", type=click.Path(dir_okay=False, path_type=Path), envvar="RECOURSE_KEYMAP",
    metavar="FILE", help="Keys of your own; RECOURSE_KEYMAP, or keymap.toml among your settings.",
)  # fmt: skip
def tui(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    trust: bool,
    chosen: Chosen,
    screen: str | None,
    in_ascii: bool,
    no_mouse: bool,
    keymap: Path | None,
) -> int:
    """Open ARCHIVE on screen."""
    path = the_archive(archive, other)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        message = "screens need a terminal; `recourse story` and `recourse shot` do without one"
        raise click.UsageError(message, click.get_current_context())
    app = importlib.import_module("recourse_tui.app")
    code: int = app.run(
        path,
        screen=screen,
        in_ascii=in_ascii,
        mouse=not no_mouse,
        trusted=trust,
        scoped=_scope_of(chosen),
        keymap=keymap or _own_keymap(),
    )
    return code


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@_trust
@scoped
@click.option("--screen", default="triage", show_default=True, metavar="NAME", help="Which screen.")
@click.option("--size", default="80x24", show_default=True, metavar="WxH", help="Of the terminal.")
@click.option("--ascii", "in_ascii", is_flag=True, help="Draw with plain characters.")
@click.option(
    "-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help=".svg, .png (with Chromium) or .txt.",
)  # fmt: skip
def shot(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    trust: bool,
    chosen: Chosen,
    screen: str,
    size: str,
    in_ascii: bool,
    out: Path,
) -> int:
    """Write a picture of one screen of ARCHIVE to a file."""
    path = the_archive(archive, other)
    found = _SIZE.match(size)
    if found is None:
        message = f"size {size!r} cannot be read; give columns and rows, for example 120x40"
        raise click.UsageError(message, click.get_current_context())
    pictures = importlib.import_module("recourse_tui.shot")
    try:
        code: int = pictures.shot(
            path, screen, (int(found[1]), int(found[2])), out,
            in_ascii=in_ascii, trusted=trust, scoped=_scope_of(chosen),
        )  # fmt: skip
    except pictures.NoSuchPictureError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None
    except pictures.PictureError as error:
        raise click.ClickException(str(error)) from None
    return code


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@_trust
@click.option("--screen", metavar="NAME", help="The screen to begin with, for example story.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, metavar="PORT", help="Any free one if 0."
)
def web(
    *, archive: str | None, other: str | None, trust: bool, screen: str | None, port: int
) -> int:
    """Open ARCHIVE in a browser on this machine: only for looking, under a secret link."""
    path = the_archive(archive, other)
    must_exist(path)
    server = importlib.import_module("recourse_tui.web")
    try:
        code: int = server.serve(path, port=port, screen=screen, trusted=trust)
    except OSError as error:
        message = f"port {port} cannot be used: {(error.strerror or '').lower()}; take another one"
        raise click.ClickException(message) from None
    return code


def _own_keymap() -> Path | None:
    """The keymap among the settings of whoever sits here, if there is one."""
    path = Path(click.get_app_dir("recourse")) / "keymap.toml"
    return path if path.is_file() else None


def _scope_of(chosen: Chosen) -> "Callable[[Archive], Scope] | None":
    """What finds the scope once the archive is open; nothing when no option was given."""
    given = (chosen.since, chosen.until, chosen.key, chosen.where or None, chosen.baseline)
    return chosen.scope if any(option is not None for option in given) else None
