import gc
import os
import signal
import subprocess
import sys
import threading

import pytest

from recourse import locks
from recourse.locks import ForkGate, Mutex


def test_a_mutex_holds_one_lock_until_it_is_renewed() -> None:
    mutex = Mutex()
    first = mutex.lock

    with mutex.lock:
        held = first.locked()
        mutex.renew()

    assert (held, mutex.lock is first, mutex.lock.locked()) == (True, False, False)


def test_no_mutex_is_kept_alive() -> None:
    before = len(locks._RENEWED)
    mutex = Mutex()
    during = len(locks._RENEWED)

    del mutex
    gc.collect()

    assert during == before + 1
    assert len(locks._RENEWED) <= before


class Broken:
    """It cannot start anew, which the others must not suffer from."""

    def __init__(self) -> None:
        locks.renew_in_child(self)

    def renew(self) -> None:
        raise OSError


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_r78_a_forked_child_finds_a_lock_free_that_another_thread_held() -> None:
    broken = [Broken() for _ in range(5)]  # nothing is renewed in an order
    mutex = Mutex()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with mutex.lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    pid = os.fork()
    if pid == 0:
        signal.alarm(5)
        os._exit(0 if mutex.lock.acquire(timeout=1.0) else 1)
    done.set()
    thread.join()

    assert os.waitpid(pid, 0)[1] == 0
    assert len(broken) == 5


FORKS = """
import os, sys, threading
from recourse import locks

os.register_at_fork(before=lambda: forking.set())  # what comes last is run first
locks.FORK_WAITS_S = {patience}
forking, held, inside, over = threading.Event(), threading.Event(), [], threading.Event()
gate = locks.ForkGate()

def work():
    with gate:
        inside.append("first step")
        held.set()
        forking.wait()
        sum(range(100_000))
        {between}
    over.wait()

thread = threading.Thread(target=work)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    with gate:
        sys.exit(len(inside))
over.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(
    ("between", "inside"),
    [
        ("inside.clear()", 0),
        ("inside.clear()\n        with gate.opened(): over.wait()\n        inside.append(1)", 0),
        ("over.wait()", 1),
    ],
    ids=["waits for the end", "waits for a pause", "does not wait for ever"],
)
@pytest.mark.slow
def test_r78_a_fork_waits_until_nobody_is_in_the_middle_of_a_library(
    between: str, inside: int
) -> None:
    program = FORKS.format(between=between, patience=0.1 if inside else 20)

    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], timeout=25, check=False)

    assert done.returncode == inside


def test_forks_at_once_let_go_of_what_they_held_themselves() -> None:
    gate = ForkGate()
    locks._shut_gates()
    other = threading.Thread(target=locks._let_gates_go)  # it did not get hold of the gate
    other.start()
    other.join()

    held = not gate.shut()
    locks._let_gates_go()

    assert held
    assert gate.shut()
    gate.let_go()
