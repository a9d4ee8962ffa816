"""Record from every kind of process, end it in its usual way, and count what the archive has.

    python tests/harness/processes.py [fork forkserver spawn os-fork gunicorn gunicorn-preload celery exits]
                                      [--children 8] [--calls 200] [--exits 1000]

Nobody is killed here: every finished call of every process must be in the archive, once, and every
process must end by itself.
"""

import argparse
import asyncio
import http.client
import json
import multiprocessing
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recourse import Executor, Policy
from recourse_observe import open_archive
from recourse_observe.archive import ArchiveObserver

WAIT_S = 60.0


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


def ended(command: list[str]) -> str:
    """What a command prints; it must end by itself and well."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    if done.returncode:
        message = f"{command[:3]} ended with {done.returncode}: {done.stderr[-2000:]}"
        raise SystemExit(message)
    return done.stdout


GUNICORN = """
import sys
sys.path.insert(0, {here!r})
import processes
executor = processes.service({root!r})
processes.calls(executor, 1)
def application(environ, start_response):
    processes.calls(executor, 1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"""


def with_gunicorn(root: Path, count: int, *, preload: bool) -> int:
    """Two workers of gunicorn, asked over HTTP and then told to stop."""
    here, folder = str(Path(__file__).parent), Path(tempfile.mkdtemp(prefix="gunicorn-"))
    (folder / "served.py").write_text(GUNICORN.format(here=here, root=str(root)))
    port = free_port()
    options = ["--workers", "2", "--bind", f"127.0.0.1:{port}", "--chdir", str(folder)]
    options += ["--preload"] if preload else []
    command = [sys.executable, "-m", "gunicorn", *options, "--log-level", "error", "served"]
    server = subprocess.Popen(command)
    try:
        until(lambda: answers(port))
        for _ in range(count):
            ask(port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(WAIT_S)
        shutil.rmtree(folder)
    # One call at import: in the master when it preloads, else in each worker; `answers` asks once.
    return count + 1 + (1 if preload else 2)


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def ask(port: int) -> None:
    """One request, which must be answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"done"
    connection.close()


def answers(port: int) -> bool:
    """Whether a server answers."""
    try:
        ask(port)
    except ConnectionError:
        return False
    return True


def until(true: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAIT_S
    while not true():
        if time.monotonic() > end:
            message = "waited in vain"
            raise SystemExit(message)
        threading.Event().wait(0.05)


CELERY = """
import sys
sys.path.insert(0, {here!r})
import celery, processes
app = celery.Celery("worked", broker="filesystem://", backend="file://{folder}/results")
app.conf.broker_transport_options = {{
    "data_folder_in": "{folder}/queue", "data_folder_out": "{folder}/queue",
    "control_folder": "{folder}/control",
}}
executor = processes.service({root!r})
@app.task
def work(count):
    processes.calls(executor, count)
    return count
"""


def with_celery(root: Path, children: int, count: int) -> int:
    """A Celery worker with two prefork processes, given tasks and then told to stop."""
    here, folder = str(Path(__file__).parent), Path(tempfile.mkdtemp(prefix="celery-"))
    for name in ("queue", "results", "control"):
        (folder / name).mkdir()
    (folder / "worked.py").write_text(CELERY.format(here=here, folder=str(folder), root=str(root)))
    command = [sys.executable, "-m", "celery", "-A", "worked", "worker", "--concurrency", "2"]
    worker = subprocess.Popen(
        [*command, "--loglevel", "ERROR", "-P", "prefork"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    send = (
        f"import worked\nsent = [worked.work.delay({count}) for _ in range({children})]\n"
        f"print(sum(one.get(timeout={WAIT_S}, interval=0.1) for one in sent))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", send],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(WAIT_S)
        shutil.rmtree(folder)
    return int(done.stdout)


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
