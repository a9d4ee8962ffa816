"""The search for leaks around clients of gRPC, Redis and AWS, run short."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("rpc_leaks.py")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_calls_with_faults_leave_nothing_open() -> None:
    clients = ["grpc", "grpc aio", "redis", "redis aio"]
    if shutil.which("redis-server") is None:
        assert not os.environ.get("CI"), "redis-server is not installed, and CI must not skip it"
        clients = clients[:2]
    command = [sys.executable, str(SCRIPT), "--calls", "100", "--clients", ",".join(clients)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("100 calls") == len(clients)
    assert done.stdout.count("nothing left open") == len(clients)
