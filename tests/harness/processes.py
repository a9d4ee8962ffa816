"""Record from every kind of process, end it in its usual way, and count what the archive has.

    python tests/harness/processes.py [fork forkserver spawn os-fork gunicorn gunicorn-preload celery exits]
                                      [--children 8] [--calls 200] [--exits 1000]

Nobody is killed here: every finished call of every process must be in the archive, once, and every
process must end by itself.
"""

import argparse
import asyncio
import json
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recourse import Executor, Policy
from recourse_observe import open_archive
from recourse_observe.archive import ArchiveObserver
from tests.harness.servers import WAIT_S, ended, with_celery, with_gunicorn


def service(root: Path) -> Executor:
    """An executor that records."""
    return Executor(
        policies=[Policy("worker.Call")],
        observers=[ArchiveObserver(root, service="worker", rotate_s=0.2)],
    )


def calls(executor: Executor, count: int) -> None:
    """Make calls."""
    for _ in range(count):
        executor.call("worker.Call", int)


def child(root: Path, count: int) -> None:
    """What a child of multiprocessing does."""
    calls(service(root), count)


def with_multiprocessing(how: str, root: Path, children: int, count: int) -> int:
    """Children by ``fork``, ``forkserver`` or ``spawn``; under ``fork`` they inherit an executor."""
    context: Any = multiprocessing.get_context(how)
    executor = service(root)
    calls(executor, count)
    if how == "fork":
        started = [context.Process(target=calls, args=(executor, count)) for _ in range(children)]
    else:
        started = [context.Process(target=child, args=(root, count)) for _ in range(children)]
    for process in started:
        process.start()
    for process in started:
        process.join(WAIT_S)
        if process.exitcode != 0:
            message = f"a {how} child ended with {process.exitcode}"
            raise SystemExit(message)
    executor.close()
    for observer in executor.observers:
        observer.close()  # type: ignore[attr-defined]
    return count * (children + 1)


OS_FORK = """
import os, sys, threading
sys.path.insert(0, {here!r})
import processes
executor = processes.service({root!r})
stop, made = threading.Event(), []
def load():
    count = 0
    while not stop.is_set():
        processes.calls(executor, 10)
        count += 10
        stop.wait(0.005)  # busy, but no busier than a recorder can follow
    made.append(count)
threads = [threading.Thread(target=load) for _ in range(3)]
for thread in threads: thread.start()
for _ in range({children}):
    pid = os.fork()
    if not pid:
        processes.calls(executor, {count})
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
print(sum(made) + {children} * {count})
"""


def with_os_fork(root: Path, children: int, count: int) -> int:
    """A process with busy threads that forks; the child uses the executor that it was born with."""
    here = str(Path(__file__).parent)
    text = OS_FORK.format(here=here, root=str(root), children=children, count=count)
    return int(ended([sys.executable, "-W", "ignore", "-c", text]))


EXITS = {
    "at its end": "",
    "by sys.exit": "sys.exit(0)",
    "with a thread still calling": "threading.Thread(target=more, daemon=True).start()",
    "with an event loop": "asyncio.run(awaited())",
}
EXIT = """
import asyncio, sys, threading
sys.path.insert(0, {here!r})
import processes
executor = processes.service({root!r})
async def awaited():
    async def one(): return 1
    await executor.acall("worker.Call", one)
def more():
    while True:
        executor.call("worker.Call", int)
processes.calls(executor, {count})
{end}
"""


def with_exits(root: Path, exits: int, count: int) -> int:
    """Interpreters that end in each usual way; their threads' calls beyond ``count`` do not matter."""

    async def run_all() -> None:
        two = asyncio.Semaphore(2)

        async def one(number: int) -> None:
            end = list(EXITS.values())[number % len(EXITS)]
            here = str(Path(__file__).parent)
            text = EXIT.format(here=here, root=str(root), count=count, end=end)
            async with two:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", text, stderr=asyncio.subprocess.PIPE
                )
                async with asyncio.timeout(WAIT_S):
                    _, said = await process.communicate()
            if process.returncode or said:
                message = f"an exit ended with {process.returncode}: {said.decode()[-2000:]}"
                raise SystemExit(message)

        await asyncio.gather(*(one(number) for number in range(exits)))

    asyncio.run(run_all())
    return exits * count


def recorded(root: Path) -> tuple[int, int, list[str]]:
    """Calls of an archive, how many different ones, and what its reader warned of."""
    with open_archive(root, trusted=True) as archive:
        row = archive.sql(
            "SELECT count(*) AS calls, count(DISTINCT call_id) AS ids FROM calls "
            "WHERE disposition <> 'unfinished'"
        ).to_pylist()[0]
        return row["calls"], row["ids"], list(archive.warnings)


KINDS: dict[str, Callable[[Path, argparse.Namespace], int]] = {
    "fork": lambda root, o: with_multiprocessing("fork", root, o.children, o.calls),
    "forkserver": lambda root, o: with_multiprocessing("forkserver", root, o.children, o.calls),
    "spawn": lambda root, o: with_multiprocessing("spawn", root, o.children, o.calls),
    "os-fork": lambda root, o: with_os_fork(root, o.children, o.calls),
    "gunicorn": lambda root, o: with_gunicorn(root, o.calls, preload=False),
    "gunicorn-preload": lambda root, o: with_gunicorn(root, o.calls, preload=True),
    "celery": lambda root, o: with_celery(root, o.children, o.calls),
    "exits": lambda root, o: with_exits(root, o.exits, 5),
}


def main() -> None:
    """Run each kind and print; exits with 1 when a call is missing or twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []])
    parser.add_argument("--children", type=int, default=8)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--exits", type=int, default=1000)
    said, bad = parser.parse_args(), False
    for kind in said.kinds or KINDS:
        root = Path(tempfile.mkdtemp(prefix=f"{kind}-"))
        finished = KINDS[kind](root, said)
        found, different, warnings = recorded(root)
        missing = finished - different
        wrong = bool(missing > 0 or found != different or (missing and kind != "exits") or warnings)
        print(json.dumps({"kind": kind, "finished": finished, "found": found, "wrong": wrong}))
        for warning in warnings:
            print(f"  {warning}")
        bad |= wrong
        shutil.rmtree(root)
    sys.exit(bad)


if __name__ == "__main__":
    main()
