import gc
import os
import signal
import threading

import pytest

from recourse import locks
from recourse.locks import Mutex


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


def test_renewing_all_frees_every_lock() -> None:
    mutexes = [Mutex(), Mutex()]
    for mutex in mutexes:
        mutex.lock.acquire()

    locks.renew_all()

    assert [mutex.lock.locked() for mutex in mutexes] == [False, False]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_r78_a_forked_child_finds_a_lock_free_that_another_thread_held() -> None:
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
