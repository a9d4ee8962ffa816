"""The mutation harness, run short."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_mutated_files_end_nothing_and_hide_no_good_row() -> None:
    script = Path(__file__).with_name("mutate_archive.py")
    command = [sys.executable, str(script), "--files", "150", "--batch", "75", "--seed", "3"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "mutated 150" in done.stdout
