import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeAlias

import pytest

from recourse_tui import shot as shots
from recourse_tui.screens import modelling
from recourse_tui.shot import PictureError, shot

PathOf: TypeAlias = Callable[[str], str]
pytestmark = pytest.mark.slow


def test_a_text_picture_is_what_the_screen_shows(archive_path: PathOf, tmp_path: Path) -> None:
    picture = tmp_path / "call.txt"

    assert shot(archive_path("one-row"), "call", (80, 24), picture) == 0
    assert len(picture.read_text().splitlines()) == 24
    assert "RESCUED success after 2 attempts" in picture.read_text()


def test_the_same_screen_gives_the_same_svg(archive_path: PathOf, tmp_path: Path) -> None:
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    for picture in (one, other):
        shot(archive_path("one-row"), "triage", (80, 24), picture)

    assert one.read_text().startswith("<svg")
    assert one.read_text() == other.read_text()


def test_an_archive_that_cannot_be_read_is_a_picture_and_a_code(
    archive_path: PathOf, tmp_path: Path
) -> None:
    picture = tmp_path / "empty.txt"

    assert shot(archive_path("empty"), "triage", (80, 24), picture) == 5
    assert "nothing has been recorded in it yet" in " ".join(picture.read_text().split())


def test_a_search_is_not_waited_for_and_the_picture_says_so(
    archive_path: PathOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*_: object, progress: Callable[[str], None], **__: object) -> NoReturn:
        while (
            True
        ):  # it ends as every search that is not wanted any more does: when it tells how far it is
            progress("searching")
            os.sched_yield()

    monkeypatch.setattr(modelling, "ask", search)
    picture = tmp_path / "whatif.txt"

    assert shot(archive_path("incident"), "whatif", (80, 24), picture) == 0
    assert "CANDIDATE" in picture.read_text()
    assert "> what is certain; the search was not waited for" in picture.read_text()
    assert "esc stops" not in picture.read_text()


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PictureError, match=r"picture 'x\.gif' has no known suffix; use \.svg, \.txt or \.png"
    ):
        shot("nowhere", "triage", (80, 24), tmp_path / "x.gif")


def test_without_a_browser_a_png_says_so(
    archive_path: PathOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(PictureError, match="needs Chromium, which is not installed"):
        shot(archive_path("one-row"), "triage", (80, 24), tmp_path / "x.png")


def test_a_browser_draws_the_svg_at_its_size(
    archive_path: PathOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "chromium"
    browser.write_text(
        '#!/bin/sh\nfor a in "$@"; do case $a in --screenshot=*) echo "$@" > "${a#--screenshot=}";; esac; done\n'
    )
    browser.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(browser))

    shot(archive_path("one-row"), "triage", (80, 24), tmp_path / "x.png")

    assert "--window-size=994,636" in (tmp_path / "x.png").read_text()
    assert shots._pixels("<svg/>") == (1010, 660)
