"""A query worker as its owner sees it: a process that hears, answers, and may end at any moment."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from recourse_observe.archive.wire import receive, send

__all__ = ["WORKER", "Child"]

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


class Child:
    """A worker's process.

    Args:
        command: What starts it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # WORKER, unless a test says otherwise
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        # They are pipes, because pipes were asked for.
        self._to: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._from: BinaryIO = self._process.stdout  # type: ignore[assignment]
        self._writing = threading.Lock()

    def tell(self, said: Mapping[str, Any]) -> None:
        """Send it a message.

        Raises:
            ClosedError: It is gone.
        """
        with self._writing:
            send(self._to, said)

    def hear(self) -> tuple[dict[str, Any], bytes]:
        """Its next message.

        Raises:
            ClosedError: There will be none.
        """
        return receive(self._from)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def end(self) -> None:
        """Let it end by itself, if it does so soon."""
        with suppress(OSError):  # it died first
            self._to.close()
        self._code()

    def bury(self) -> str:
        """How it ended, in a sentence; what connected us to it is closed."""
        code = self._code()
        for stream in (self._to, self._from):
            with suppress(OSError):  # what was not sent cannot be sent any more
                stream.close()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return (
            f"the process that read the archive ended ({how}); "
            "a file may be crafted or the question too large: run `recourse check`"
        )

    def _code(self) -> int:
        try:
            return self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:  # it goes on, whatever it was told
            self._process.kill()
            return self._process.wait()
