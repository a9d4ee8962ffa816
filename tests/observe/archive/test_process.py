import os
import subprocess
import sys
from pathlib import Path

import pytest

from recourse_observe.archive.process import Spawned, can_fork

FORKING = """
import atexit, os, sys
from recourse_observe.archive.process import Forked, can_fork

print("the parent's", end="")  # is not written twice
atexit.register(print, ", at its end")
secret = os.open(os.devnull, os.O_RDONLY)

def run():
    told = os.read(0, 100)
    try:
        os.fstat(secret)
    except OSError:
        told += b" and no file of yours"
    os.write(1, told)
    os._exit(7)

assert can_fork()
other = Forked(run)
assert other.code(0) is None
other.to.write(b"heard")
other.to.flush()
assert other.come.read() == b"heard and no file of yours"
assert other.code(10) == 7
other.kill()  # it is late for that
assert other.code(0) == 7

stubborn = Forked(lambda: os.read(0, 1))
stubborn.kill()
assert stubborn.code(10) == -9

wrong = Forked(lambda: 1 / 0)
assert wrong.code(10) == 1
"""

ASKING = """
import recourse_observe
import sys
with recourse_observe.open_archive(sys.argv[1], forks=True) as archive:
    print(type(archive.store._worker.child._process).__name__)
    print(archive.answer("SELECT count(*) FROM calls").rows)
    print("pyarrow" in sys.modules)
"""


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


needs_handles = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux has them")


@needs_handles
def test_a_forked_process_has_nothing_open_and_does_nothing_at_its_end() -> None:
    assert run(FORKING) == "the parent's, at its end\n"


@needs_handles
@pytest.mark.slow
def test_a_worker_may_be_a_copy_of_who_asks() -> None:
    archive = Path(__file__).parents[3] / "sample-data" / "checkout-outage"

    assert run(ASKING, str(archive)) == "Forked\n[(11816,)]\nFalse\n"


def test_a_process_with_libraries_of_many_threads_is_not_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", sys)

    assert not can_fork()


def test_a_spawned_process_says_how_it_ended() -> None:
    process = Spawned([sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(3)"])

    assert process.code(0) is None
    process.to.close()
    assert process.code(10) == 3
    process.come.close()
