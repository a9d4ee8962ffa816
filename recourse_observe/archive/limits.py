"""What a query worker may use of the machine."""

import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

__all__ = ["Limits", "confine", "unconfine"]

_GIB: Final = 1 << 30
_BESIDES_BYTES: Final = 8 * _GIB
"""Address space of libraries, threads and of Arrow data on its way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much memory and time the questions to an archive may take.

    Attributes:
        memory_bytes: What the database may use; its process gets a few GiB of addresses more.
        query_s: How long one statement may run.
        patience_s: How long after an interrupt a worker may go on, before it is ended.
    """

    memory_bytes: int = 4 * _GIB
    query_s: float = 600.0
    patience_s: float = 5.0

    def __post_init__(self) -> None:
        for name in ("memory_bytes", "query_s", "patience_s"):
            if getattr(self, name) <= 0:
                message = f"{name} {getattr(self, name)!r} is no limit; give a number above 0"
                raise ValueError(message)


def half_of_memory() -> int:
    """Half of what the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def confine(limits: Limits) -> None:
    """From now on this process writes no file, leaves no core, and has so many addresses.

    The soft limit is what holds the libraries; the process itself may still lift it.
    """
    for what, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits.memory_bytes * 2 + _BESIDES_BYTES),
    ):
        _lower(what, most)


def unconfine() -> None:
    """Let this process write files again, for what it has to leave behind at its end."""
    _lower(resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)


def _lower(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY and (most > hard or most == resource.RLIM_INFINITY):
        most = hard
    with suppress(OSError, ValueError):  # a system that does not know this limit
        resource.setrlimit(what, (most, hard))
