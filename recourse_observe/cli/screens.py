"""`recourse tui`: the one door to the screens, opened by import when it is used."""

import importlib

import click

from recourse_observe.cli.options import the_archive

__all__ = ["tui"]


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@click.option("--screen", metavar="NAME", help="The screen to begin with, for example story.")
@click.option("--ascii", "in_ascii", is_flag=True, help="Draw with plain characters.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.option(
    "--trust",
    is_flag=True,
    envvar="RECOURSE_TRUST",
    help="The archive is our own: read it in this process.",
)
def tui(
    *,
    archive: str | None,
    other: str | None,
    screen: str | None,
    in_ascii: bool,
    no_mouse: bool,
    trust: bool,
) -> int:
    """Open ARCHIVE on screen."""
    path = the_archive(archive, other)
    app = importlib.import_module("recourse_tui.app")
    code: int = app.run(path, screen=screen, in_ascii=in_ascii, mouse=not no_mouse, trusted=trust)
    return code
