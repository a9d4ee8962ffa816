"""Standard input, output and error as the command needs them: open, and able to hold every character."""

import os
import sys

# As ``typing`` says it; importing that would cost as much as starting Python does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["ready_streams", "silence_stdout"]


def ready_streams() -> None:
    """See to it that nothing which is printed fails for want of a stream or of a character.

    A stream that was closed beforehand swallows what it is told. A terminal shows what its encoding
    lacks as ``?``; what is no terminal gets UTF-8, because a file must not lose a letter.
    """
    # Descriptors that are closed when Python starts are None, whatever the types say.
    streams: list[TextIO | None] = [sys.stdin, sys.stdout, sys.stderr]
    if streams[0] is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115  # as below; open as long as the process
    sys.stdout, sys.stderr = _ready(streams[1]), _ready(streams[2])


def _ready(stream: "TextIO | None") -> "TextIO":
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  # pathlib costs what help costs; open as long as the process
    reconfigure = getattr(stream, "reconfigure", None)  # a test's stream may not have it
    if reconfigure is not None and stream.isatty():
        reconfigure(errors="replace")
    elif reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream


def silence_stdout() -> None:
    """Let the interpreter flush what nobody reads any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
