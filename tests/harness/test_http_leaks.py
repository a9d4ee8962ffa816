"""The search for leaks around HTTP clients, run short."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("http_leaks.py")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_calls_into_a_server_with_faults_leave_nothing_open() -> None:
    command = [sys.executable, str(SCRIPT), "--calls", "200"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("200 calls") == 4
    assert done.stdout.count("nothing left open") == 4
