"""A short run of the soak; `python tests/soak/soak.py` is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak.py")


@pytest.mark.slow
def test_r43_a_short_soak_hangs_nowhere_and_leaves_nothing_behind() -> None:
    done = subprocess.run(
        [sys.executable, str(SOAK), "--calls", "400", "--limit-s", "25"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.count("acquired") == 2
