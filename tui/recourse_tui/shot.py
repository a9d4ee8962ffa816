"""A picture of a screen without a terminal: SVG or text, and PNG where Chromium is installed."""

import asyncio
import contextlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot

from recourse_tui.app import RecourseApp
from recourse_tui.screens.view import View

__all__ = ["PictureError", "screen_svg", "screen_text", "shot"]

_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


class PictureError(Exception):
    """The picture cannot be made; the text says what to do."""


def shot(archive_path: str, screen: str, size: tuple[int, int], out: Path) -> int:
    """Write what a screen shows to a file; its suffix says how: ``.svg``, ``.txt`` or ``.png``.

    Args:
        archive_path: A directory, one Parquet file, or a pattern.
        screen: A screen's name, for example ``triage``.
        size: Columns and rows.
        out: The file.

    Returns:
        The exit code of the app: 5 when nothing of the archive can be read.

    Raises:
        PictureError: The suffix is another one, or a PNG was asked for and there is no browser.
    """
    if out.suffix not in {".svg", ".txt", ".png"}:
        message = f"picture {out.name!r} has no known suffix; use .svg, .txt or .png"
        raise PictureError(message)
    app = RecourseApp(archive_path, screen=screen)

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


def screen_text(app: RecourseApp) -> str:
    """What the terminal shows, without trailing blanks."""
    # Textual has no public way to ask for the screen as text.
    strips = app.screen._compositor.render_strips()  # noqa: SLF001  # see above
    return "\n".join("".join(s.text for s in strip).rstrip() for strip in strips) + "\n"


def screen_svg(app: RecourseApp) -> str:
    """What the terminal shows, the same bytes for the same screen."""
    return re.sub(r"terminal-\d+", "terminal-0", app.export_screenshot(title=" "))


async def _settled(app: RecourseApp, pilot: Pilot[Any]) -> None:
    """Wait until the archive is open and every question of the screen is answered."""
    waiting = True
    while waiting:
        await app.workers.wait_for_complete()
        await pilot.pause()
        is_asking = isinstance(app.screen, View) and app.screen.is_asking
        waiting = is_asking or not (app.session.is_open or app.session.problem)


def _png(svg: Path, png: Path) -> None:
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        message = f"picture {png.name!r} needs Chromium, which is not installed; use .svg or .txt"
        raise PictureError(message)
    width, height = _pixels(svg.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603  # our own file and flags
            [browser, *_FLAGS, f"--user-data-dir={profile}", f"--screenshot={png.resolve()}",
             f"--window-size={width},{height}", svg.resolve().as_uri()],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip


def _pixels(svg: str) -> tuple[int, int]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    return (round(float(found[1])), round(float(found[2]))) if found else (1010, 660)
