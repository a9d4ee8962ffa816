"""A query worker as its owner sees it: a process that hears, answers, and may end at any moment."""

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from recourse_observe.archive.process import Forked, Process, Spawned, can_fork
from recourse_observe.archive.wire import receive, send

__all__ = ["WORKER", "Child", "begun"]

_HOME: Final = Path(__file__).resolve().parents[2]
# Where we lie comes last on its path, so that it hides nothing; the current directory is not on it.
_CODE: Final = """\
import sys
sys.path.append(sys.argv.pop(1))
from recourse_observe.archive.worker import main
main(sys.argv[1:])
"""
WORKER: Final = (sys.executable, "-P", "-c", _CODE, os.fspath(_HOME))
"""What starts a worker: this interpreter and our own module."""
_ENDING_S: Final = 2.0


def _serve(memory_bytes: int) -> NoReturn:
    from recourse_observe.archive.worker import main

    main([str(memory_bytes)])


def begun(command: Sequence[str], memory_bytes: int, *, forks: bool) -> "Child":
    """A worker that has just begun.

    Args:
        command: What starts it; nothing means this interpreter and our own module.
        memory_bytes: What its database may use.
        forks: Begin it as a copy of this process, if that would be whole.
    """
    if forks and not command and can_fork():
        return Child(Forked(partial(_serve, memory_bytes)))
    return Child(Spawned([*(command or WORKER), str(memory_bytes)]))


class Child:
    """A worker.

    Args:
        process: Its own.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._writing = threading.Lock()

    def tell(self, said: Mapping[str, Any]) -> None:
        """Send it a message.

        Raises:
            ClosedError: It is gone.
        """
        with self._writing:
            send(self._process.to, said)

    def hear(self) -> tuple[dict[str, Any], bytes]:
        """Its next message.

        Raises:
            ClosedError: There will be none.
        """
        return receive(self._process.come)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def end(self) -> None:
        """Let it end by itself, if it does so soon."""
        with suppress(OSError):  # it died first
            self._process.to.close()
        self._code()

    def bury(self) -> str:
        """How it ended, in a sentence; what connected us to it is closed."""
        code = self._code()
        for stream in (self._process.to, self._process.come):
            with suppress(OSError):  # what was not sent cannot be sent any more
                stream.close()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return (
            f"the process that read the archive ended ({how}); "
            "a file may be crafted or the question too large: run `recourse check`"
        )

    def _code(self) -> int:
        code = self._process.code(_ENDING_S)
        while code is None:  # it goes on, whatever it was told
            self._process.kill()
            code = self._process.code(_ENDING_S)
        return code
