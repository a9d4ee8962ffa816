"""What somebody else wrote, read so that it can only be wrong: it neither nests, waits nor leads away."""

import json
import os
import stat
from pathlib import Path
from typing import Any

__all__ = ["first_bytes", "parsed"]


def parsed(text: str | bytes) -> Any:
    """JSON of somebody else.

    Raises:
        ValueError: It is none, or nests deeper than a person would.
    """
    try:
        return json.loads(text)
    except RecursionError:
        message = "nests too deep"
        raise ValueError(message) from None


def first_bytes(path: Path, most: int) -> bytes:
    """How a regular file begins; a link is not followed, and a pipe is not waited for.

    Raises:
        OSError: It cannot be read, or is something else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            message = "it is no regular file"
            raise OSError(message)
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)
