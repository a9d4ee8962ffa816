"""Locks that are free again in a forked child.

A thread may hold a lock in the moment another one forks; the child inherits the lock, but not the
thread that would release it.
"""

import os
import threading
import weakref
from typing import Final

__all__ = ["Mutex", "renew_all"]


class Mutex:
    """Holds a lock: ``with mutex.lock:``. A forked child gets a new one, which nobody holds.

    It guards state only: no code of somebody else's runs while it is held.

    Attributes:
        lock: The lock of this process.
    """

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.renew()
        _MUTEXES.add(self)

    def renew(self) -> None:
        """Forget the old lock and whoever holds it."""
        self.lock = threading.Lock()


def renew_all() -> None:
    """Give every mutex of the process a lock that nobody holds; a forked child starts with it."""
    for mutex in _MUTEXES:
        mutex.renew()


# Module state, because a fork hook cannot be taken back: one hook, which keeps no mutex alive.
_MUTEXES: Final[weakref.WeakSet[Mutex]] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows does not fork
    os.register_at_fork(after_in_child=renew_all)
