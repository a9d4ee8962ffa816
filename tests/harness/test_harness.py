"""The harnesses, run short: that they work, and that what they promise holds at least so often."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def ran(script: str, *options: str) -> str:
    """What a harness prints when it finds nothing wrong."""
    command = [sys.executable, str(HERE / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("durability", ["batch", "journal"])
def test_a_killed_service_loses_no_more_than_its_durability_allows(durability: str) -> None:
    said = ran("kill_writer.py", "--kills", "10", "--durability", durability, "--grace-ms", "250")

    assert said.startswith(f"10 kills, {durability}: ")
    assert " 0 archives unreadable, " in said


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "without", ["", "sync-append", "sync-file", "sync-folder", "rename", "remove-last"]
)
def test_a_power_cut_loses_nothing_acknowledged_and_would_without_any_step(without: str) -> None:
    said = ran("power_cut.py", "--cuts", "80", "--without", without)

    assert said.startswith("80 power cuts")


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["fork", "forkserver", "spawn", "os-fork", "exits"])
def test_every_kind_of_process_leaves_all_its_finished_calls(kind: str) -> None:
    ran("processes.py", kind, "--children", "2", "--calls", "50", "--exits", "4")


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["gunicorn", "gunicorn-preload", "celery"])
def test_every_kind_of_server_leaves_all_its_finished_calls(kind: str) -> None:
    pytest.importorskip(kind.partition("-")[0])
    ran("processes.py", kind, "--children", "2", "--calls", "50")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_commands_that_get_a_signal_lose_nothing_and_leave_nothing() -> None:
    said = ran("interrupt.py", "--rounds", "1", "--commands", "compact", "prune")

    assert said.endswith(": 0 wrong\n")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_every_event_is_accounted_for_whatever_the_disk_does() -> None:
    said = ran("back_pressure.py", "--seconds", "0.4", "--rounds", "1", "--queue", "2000")

    accounts = said.partition("emitted = written + dropped + queued")[2].splitlines()
    assert [line.split()[0] for line in accounts if "exact" in line] == [
        "healthy",
        "slow",
        "dead",
        "returning",
        "hanging",
    ]
    assert "WRONG" not in said
