"""Servers that start processes of their own, as services do: gunicorn and Celery, each in its usual way."""

import http.client
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

__all__ = ["WAIT_S", "ended", "with_celery", "with_gunicorn"]

WAIT_S = 60.0

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
        return int(ended([sys.executable, "-c", send], folder))
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(WAIT_S)
        shutil.rmtree(folder)


def ended(command: list[str], folder: Path | None = None) -> str:
    """What a command prints; it must end by itself and well."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    if done.returncode:
        message = f"{command[:3]} ended with {done.returncode}: {done.stderr[-2000:]}"
        raise SystemExit(message)
    return done.stdout
