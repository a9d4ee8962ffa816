"""Files that are being written, beside their places: who writes one holds a lock on it until it is named.

What nobody holds any more was left by a process that was killed.
"""

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.names import QUARANTINE
from recourse_observe.archive.schema import TABLES

__all__ = ["asides_of", "begun", "forget", "place"]

_ASIDE: Final = re.compile(r"_.+\.[0-9a-f]{8}\.tmp")
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
# Whoever looks may be looking at somebody else's archive: a pipe is not waited for.
_LOOK: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def place(path: Path) -> Path:
    """Where to write what is to appear at a path; processes that write the same file have each its own."""
    return path.with_name(f"_{path.name}.{secrets.token_hex(4)}.tmp")


@contextmanager
def begun(aside: Path) -> Iterator[None]:
    """Hold a new, empty file.

    Raises:
        OSError: It cannot be made.
    """
    descriptor = os.open(aside, _NEW, 0o666)
    try:
        with suppress(OSError):  # a file system without locks: then nobody knows who writes
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def asides_of(root: Path) -> Iterator[Path]:
    """What is being written in an archive, or was."""
    yield from root.glob("_*.tmp")
    for table in TABLES:
        yield from (root / table).glob("date=*/hour=*/_*.tmp")
    yield from (root / QUARANTINE).rglob("_*.tmp")


def forget(asides: Iterable[Path], disk: Disk = DISK) -> int:
    """Remove those that nobody holds; how many.

    Raises:
        OSError: The disk refused.
    """
    left = [path for path in asides if _ASIDE.fullmatch(path.name) and not _is_held(path)]
    for path in left:
        disk.remove(path)
    return len(left)


def _is_held(aside: Path) -> bool:
    try:
        descriptor = os.open(aside, _LOOK)
    except OSError:
        return True  # it has its name by now, or is none of our business
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return not stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return True
    finally:
        os.close(descriptor)
