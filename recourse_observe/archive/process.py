"""Processes beside this one, with pipes to their standard input and output: spawned, or forked."""

import atexit
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, TypeAlias

__all__ = ["Forked", "Process", "Spawned", "can_fork"]

_HEAVY: Final = frozenset(("duckdb", "numpy", "pyarrow", "textual"))
"""Libraries with threads and locks of their own, which a copy of the process would miss."""

_OPEN: Final = Path("/proc/self/fd")


class Spawned:
    """A process of another program.

    Args:
        command: What starts it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        import subprocess  # who forks does without

        self._late = subprocess.TimeoutExpired
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter, unless a test says otherwise
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        # They are pipes, because pipes were asked for.
        self.to: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self.come: BinaryIO = self._process.stdout  # type: ignore[assignment]

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def code(self, timeout_s: float) -> int | None:
        """How it ended; ``None`` when it has not within that time."""
        try:
            return self._process.wait(timeout_s)
        except self._late:
            return None


class Forked:
    """A copy of this process that does one thing. Of ours it has the memory, and no open file.

    Args:
        run: What it does, with its standard input and output; it never comes back.
    """

    def __init__(self, run: Callable[[], NoReturn]) -> None:
        heard, to = os.pipe()
        come, said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _become(run, heard, said)
        os.close(heard)
        os.close(said)
        self.to: BinaryIO = os.fdopen(to, "wb")
        self.come: BinaryIO = os.fdopen(come, "rb")
        self._handle = os.pidfd_open(self.pid)
        self._ending = threading.Lock()
        self._code: int | None = None

    def kill(self) -> None:
        """End it at once."""
        with suppress(OSError):  # it has ended, and the handle is gone
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def code(self, timeout_s: float) -> int | None:
        """How it ended; ``None`` when it has not within that time."""
        with self._ending:
            if self._code is None:
                ended = select.poll()
                ended.register(self._handle, select.POLLIN)
                if ended.poll(timeout_s * 1000):
                    _, status = os.waitpid(self.pid, 0)
                    self._code = os.waitstatus_to_exitcode(status)
                    os.close(self._handle)
            return self._code


Process: TypeAlias = Forked | Spawned
"""A process beside this one."""


def can_fork() -> bool:
    """Whether a copy of this process would be whole: on Linux, without threads and what starts them."""
    is_alone = threading.active_count() == 1 and not _HEAVY & sys.modules.keys()
    return is_alone and hasattr(os, "pidfd_open") and _OPEN.is_dir()


def _become(run: Callable[[], NoReturn], heard: int, said: int) -> NoReturn:
    try:
        os.dup2(heard, 0)
        os.dup2(said, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        # The limit of the system may be a thousand million, and closing so many takes minutes.
        os.closerange(3, 1 + max(int(one.name) for one in _OPEN.iterdir()))
        atexit._clear()  # noqa: SLF001  # what is to be done at the end is not ours
        sys.path[:] = [path for path in sys.path if path not in {"", os.getcwd()}]  # noqa: PTH109  # paths are texts here
        run()
    finally:
        os._exit(1)
