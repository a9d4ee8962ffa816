"""What is imported before the first frame, in a fresh interpreter."""

import subprocess
import sys

import pytest

FIRST_FRAME = """
import asyncio, sys
from recourse_tui.app import RecourseApp

class Stops(RecourseApp):
    def _open_archive(self):
        heavy = {"duckdb", "pyarrow", "recourse.facade", "recourse_tui.screens.call", "recourse_tui.screens.story"}
        print(sorted(heavy & set(sys.modules)), "triage" in str(self.screen).lower(), file=sys.stderr)
        self.exit()

asyncio.run(Stops("nowhere").run_async(headless=True, size=(80, 24)))
"""


@pytest.mark.slow
def test_neither_the_database_nor_another_screen_is_imported_before_the_first_frame() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME], capture_output=True, text=True, check=True
    )

    assert done.stderr.strip().endswith("[] True")
