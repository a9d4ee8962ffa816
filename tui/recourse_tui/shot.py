"""A picture of a screen without a terminal: SVG or text, and PNG where Chromium is installed."""

import asyncio
import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from textual.pilot import Pilot

from recourse_tui.actions import VIEWS
from recourse_tui.app import RecourseApp
from recourse_tui.pictures import screen_svg, screen_text
from recourse_tui.screens.view import View

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["NoSuchPictureError", "PictureError", "screen_svg", "screen_text", "shot"]

_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip
_PATIENCE_S: Final = 45
_LOOK_S: Final = 0.02
_LARGEST: Final = 500
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


class PictureError(Exception):
    """The picture cannot be made; the text says what to do."""


class NoSuchPictureError(PictureError):
    """What was asked for is no picture of ours: a mistake in the use."""


def shot(  # noqa: PLR0913  # what `recourse shot` may say
    archive_path: str,
    screen: str,
    size: tuple[int, int],
    out: Path,
    *,
    in_ascii: bool = False,
    trusted: bool = False,
    scoped: "Callable[[Archive], Scope] | None" = None,
) -> int:
    """Write what a screen shows to a file; its suffix says how: ``.svg``, ``.txt`` or ``.png``.

    Args:
        archive_path: A directory, one Parquet file, or a pattern.
        screen: A screen's name, for example ``triage``.
        size: Columns and rows.
        out: The file.
        in_ascii: Draw with ASCII characters only.
        trusted: The archive is our own: read it in this process.
        scoped: What is looked at, once the archive is open.

    Returns:
        The exit code of the app: 5 when nothing of the archive can be read.

    Raises:
        NoSuchPictureError: There is no such screen or suffix, or the size is no screen's.
        PictureError: A PNG was asked for, and the browser is missing or fails.
    """
    if out.suffix not in {".svg", ".txt", ".png"}:
        message = f"picture {out.name!r} has no known suffix; use .svg, .txt or .png"
        raise NoSuchPictureError(message)
    if screen not in VIEWS:
        message = f"screen {screen!r} is not there; use one of {', '.join(VIEWS)}"
        raise NoSuchPictureError(message)
    if not all(1 <= cells <= _LARGEST for cells in size):
        message = f"size {size[0]}x{size[1]} is none of a screen; use 1x1 to {_LARGEST}x{_LARGEST}"
        raise NoSuchPictureError(message)
    app = RecourseApp(
        archive_path, screen=screen, in_ascii=in_ascii, trusted=trusted, scoped=scoped
    )

    async def take(pilot: Pilot[Any]) -> None:
        await _settled(app, pilot)
        picture = screen_text(app) if out.suffix == ".txt" else screen_svg(app)
        svg_or_text = out.with_suffix(".svg") if out.suffix == ".png" else out
        svg_or_text.write_text(picture, encoding="utf-8")
        await app.action_quit()

    with contextlib.redirect_stdout(None):
        asyncio.run(app.run_async(headless=True, size=size, auto_pilot=take))
    if out.suffix == ".png":
        _png(out.with_suffix(".svg"), out)
    return app.return_code or 0


async def _settled(app: RecourseApp, pilot: Pilot[Any]) -> None:
    """Wait until the screen is answered: all of it, unless the rest would be a search of minutes."""
    while not _is_answered(app):
        await pilot.pause(_LOOK_S)
    if isinstance(app.screen, View) and app.screen.is_asking:
        app.screen.let_go()
    await pilot.pause()


def _is_answered(app: RecourseApp) -> bool:
    screen = app.screen
    if app.session.problem:
        return True
    if not isinstance(screen, View) or not app.session.is_open:
        return False
    has_answer = screen.answer is not None
    return (has_answer and screen.searches) or (
        (has_answer or bool(screen.trouble)) and not screen.is_asking
    )


def _png(svg: Path, png: Path) -> None:
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        message = f"picture {png.name!r} needs Chromium, which is not installed; use .svg or .txt"
        raise PictureError(message)
    width, height = _pixels(svg.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as profile:
        argv = [
            browser, *_FLAGS, f"--user-data-dir={profile}", f"--screenshot={png.resolve()}",
            f"--window-size={width},{height}", svg.resolve().as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(argv, check=True, capture_output=True, timeout=_PATIENCE_S)  # noqa: S603  # our own file and flags
        except (subprocess.SubprocessError, OSError) as error:
            message = f"picture {png.name!r} could not be drawn by {browser}; {svg.name} is there"
            raise PictureError(message) from error


def _pixels(svg: str) -> tuple[int, int]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    return (round(float(found[1])), round(float(found[2]))) if found else (1010, 660)
