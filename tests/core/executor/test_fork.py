"""A forked child has its parent's executors, but none of its threads."""

import os
import subprocess
import sys
import textwrap
from typing import Final

import pytest

PREFORK: Final = """
import asyncio, os, signal, sys, threading, warnings
from recourse import (
    BudgetRef, CircuitPolicy, Executor, HedgePolicy, InflightRatio, Policy, RetryPolicy,
    TokenBucket, record_timeline,
)

KEY = "svc.Op"
retry = RetryPolicy(max_attempts=2, initial_backoff_s=0.001, max_backoff_s=0.001,
                    timeout_per_attempt_s=5.0, budget=BudgetRef("b"))
executor = Executor(
    [
        Policy(KEY, retry=retry, circuit=CircuitPolicy(threshold=50)),
        Policy("svc.Stuck", retry=RetryPolicy(max_attempts=1, timeout_per_attempt_s=0.01)),
        Policy("svc.Hedged", retry=retry, hedge=HedgePolicy(hedge_delay_s=0.01)),
        Policy("svc.Plain"),
    ],
    budgets={"b": TokenBucket(1000, 1000)},
    sync_timeout="thread",
    max_abandoned=1,
)
forever = threading.Event()

def failing():
    raise OSError

def busy():
    while not forever.is_set():
        try:
            executor.call(KEY, failing)
        except Exception:
            pass

try:
    executor.call("svc.Stuck", forever.wait)
except TimeoutError:
    pass
assert executor._runtime.abandoned == 1
for _ in range(int(sys.argv[1])):
    threading.Thread(target=busy, daemon=True).start()
executor.call("svc.Plain", str)

def ids():
    with record_timeline() as capture:
        executor.call("svc.Plain", str)
    return capture.timeline.call_id[16:], executor._runtime.rng.random()

def child(write):
    signal.alarm(15)
    assert executor.call(KEY, lambda: "sync") == "sync"
    try:
        executor.call(KEY, failing)
    except OSError as error:
        assert "exhausted" in error.__notes__[0], error.__notes__
    else:
        raise AssertionError
    async def done():
        return "async"
    assert asyncio.run(executor.acall(KEY, done)) == "async"
    assert asyncio.run(executor.acall("svc.Hedged", done)) == "async"
    assert executor.call("svc.Hedged", lambda: "hedged") == "hedged"
    os.write(write, repr(ids()).encode() + b"\\n")
    executor.close(grace_s=1.0)
    assert [t.name for t in threading.enumerate() if t.name.startswith("recourse-")] == []

warnings.simplefilter("ignore", DeprecationWarning)
read, write = os.pipe()
pids = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        try:
            child(write)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    pids.append(pid)
forever.set()  # they had to be busy in the moment of the fork, and only then
statuses = [os.waitpid(pid, 0)[1] for pid in pids]
os.close(write)
told = os.read(read, 10_000).decode().splitlines() + [repr(ids())]
assert statuses == [0, 0, 0], statuses
assert len(set(map(str, (eval(line)[0] for line in told)))) == 4, told
assert len({eval(line)[1] for line in told}) == 4, told
"""


def without_coverage() -> dict[str, str]:
    """An environment in which no line is measured.

    The measurement takes a lock for each file that it sees first. A child that is forked while
    another thread holds that lock waits for ever, which is not what these tests are about.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(
    ("busy_threads", "environment"), [(0, dict(os.environ)), (3, without_coverage())]
)
def test_r78_forked_children_call_with_their_parents_executors(
    busy_threads: int, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PREFORK), f"{busy_threads}"],
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
        env=environment,
    )

    assert (done.returncode, done.stderr) == (0, "")
