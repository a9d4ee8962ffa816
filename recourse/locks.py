"""What a forked child must not inherit: locks that are held, threads that it does not have.

A thread may hold a lock in the moment another one forks; the child inherits the lock, but not the
thread that would release it.
"""

import os
import threading
import weakref
from typing import Final, Protocol

__all__ = ["Mutex", "Renewable", "renew_all", "renew_in_child"]


class Renewable(Protocol):
    """Something with a state that only the process that made it can use."""

    def renew(self) -> None:
        """Start anew, in a forked child."""
        ...


class Mutex:
    """Holds a lock: ``with mutex.lock:``. A forked child gets a new one, which nobody holds.

    It guards state only: no code of somebody else's runs while it is held.

    Attributes:
        lock: The lock of this process.
    """

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Forget the old lock and whoever holds it."""
        self.lock: threading.Lock = threading.Lock()


def renew_in_child(thing: Renewable) -> None:
    """Have ``thing`` start anew in every child that this process forks."""
    _RENEWED.add(thing)


def renew_all() -> None:
    """Renew everything of the process that asked for it; a forked child starts with it."""
    for thing in _RENEWED:
        thing.renew()


# Module state, because a fork hook cannot be taken back: one hook, which keeps nothing alive.
_RENEWED: Final[weakref.WeakSet[Renewable]] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows does not fork
    os.register_at_fork(after_in_child=renew_all)
