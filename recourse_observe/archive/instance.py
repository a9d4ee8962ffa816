"""One incarnation of a writing process: its name, its folder, and the lock that says it lives."""

import errno
import fcntl
import os
import re
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recourse_observe.archive.names import LIVE, instant

__all__ = [
    "CHANGING",
    "Lock",
    "is_alive",
    "live_folders",
    "new_instance",
    "segment_name",
    "segments_of",
]

CHANGING: Final = "_compact"
"""The folder in ``_live`` whose lock is held by whoever removes published files."""
_LOCK: Final = "lock"
# Whoever opens a lock may be looking at somebody else's archive: a pipe is not waited for.
_CAREFUL: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MINE: Final = os.O_RDWR | os.O_CREAT | _CAREFUL
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._]+")
_INSTANCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
_SEGMENT: Final = re.compile(r"(\d{6,12})\.segment")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def new_instance(service: str, wall_ns: int, given: str | None = None) -> str:
    """A name that no other process, host or restart has: a pid alone is used again.

    >>> new_instance("checkout api", 0, "web-1").rpartition("-")[0]
    'web-1-19700101T000000'
    """
    started = f"{instant(wall_ns // 1000):%Y%m%dT%H%M%S}"
    tag = secrets.token_hex(4)
    if given is not None:
        return f"{_safe(given, 100)}-{started}-{tag}"
    host = _safe(socket.gethostname(), 40)
    return "-".join((_safe(service, 40), host, _boot(), str(os.getpid()), started, tag))


def _safe(text: str, longest: int) -> str:
    safe = "-".join(_UNSAFE.sub("_", part) for part in text.split("-"))[:longest]
    return safe if safe[:1].isalnum() else f"x{safe}"


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="utf-8")[:8]
    except (OSError, ValueError):
        return "0"


class Lock:
    """Held as long as the process lives; the operating system gives it back when it dies.

    Raises:
        FileNotFoundError: The folder is gone, or went while we took its lock.
        OSError: Somebody else holds it, or the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / _LOCK, _MINE, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._must_lie_in(folder)
        except OSError:
            os.close(self._descriptor)
            raise

    def _must_lie_in(self, folder: Path) -> None:
        """Refuse a lock that was taken away meanwhile: it tells nobody that we live."""
        if not os.path.samestat(os.fstat(self._descriptor), (folder / _LOCK).stat()):
            raise FileNotFoundError(errno.ENOENT, "the lock was taken away", str(folder / _LOCK))

    def copy(self) -> "Lock":
        """The same lock once more: it is let go when both are."""
        twin = Lock.__new__(Lock)
        twin._descriptor = os.dup(self._descriptor)  # noqa: SLF001  # one of us
        return twin

    def release(self) -> None:
        """Let it go. In a forked child this closes the copy only: the parent holds on."""
        os.close(self._descriptor)


def is_alive(folder: Path) -> bool:
    """Whether the writer of this folder holds its lock."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDONLY | _CAREFUL)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def live_folders(root: Path) -> Iterator[Path]:
    """The folders of writers, living and dead, in the order of their names."""
    if (root / LIVE).is_symlink():
        return
    try:
        with os.scandir(root / LIVE) as entries:
            named = sorted(
                e.name
                for e in entries
                if _INSTANCE.fullmatch(e.name) and e.is_dir(follow_symlinks=False)
            )
    except OSError:
        return
    for name in named:
        yield root / LIVE / name


def segment_name(sequence: int) -> str:
    """The file name of a segment."""
    return f"{sequence:06d}.segment"


def segments_of(folder: Path) -> list[tuple[int, Path]]:
    """The segments in a writer's folder with their sequences, oldest first."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                match = _SEGMENT.fullmatch(entry.name)
                if match is not None and entry.is_file(follow_symlinks=False):
                    found.append((int(match[1]), folder / entry.name))
    except OSError:
        return []
    return sorted(found)
