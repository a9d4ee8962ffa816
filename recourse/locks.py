"""What a forked child must not inherit: locks that are held, threads that it does not have.

A thread may hold a lock in the moment another one forks; the child inherits the lock, but not the
thread that would release it. Locks of our own are renewed there; what a library in C holds cannot
be, so a fork waits until nobody is in the middle of it.
"""

import os
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

__all__ = ["ForkGate", "Mutex", "Renewable", "renew_in_child"]

FORK_WAITS_S = 1.0
"""How long a fork waits for a gate: the disk that its holder waits for may hang for ever."""


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


class ForkGate:
    """No thread forks while it is held: ``with gate:``, and ``with gate.opened():`` now and then in it.

    For work in a library whose locks a child could not renew. A fork does not wait for ever.
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self)
        _GATES.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @contextmanager
    def opened(self) -> Generator[None]:
        """Let those fork who wait for it; held again afterwards."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()

    def renew(self) -> None:
        """Forget who holds it."""
        self._lock = threading.Lock()

    def shut(self) -> bool:
        """Hold it for a fork; whether nobody else does."""
        return self._lock.acquire(timeout=FORK_WAITS_S)

    def let_go(self) -> None:
        """Hold it no more."""
        self._lock.release()


def renew_in_child(thing: Renewable) -> None:
    """Have ``thing`` start anew in every child that this process forks."""
    _RENEWED.add(thing)


def _shut_gates() -> None:
    _SHUT[threading.get_ident()] = [gate for gate in tuple(_GATES) if gate.shut()]


def _let_gates_go() -> None:
    for gate in _SHUT.pop(threading.get_ident(), ()):
        gate.let_go()


def _born() -> None:
    _SHUT.clear()
    for thing in tuple(_RENEWED):  # one that starts anew may make others
        with suppress(Exception):  # what cannot start anew must not keep the others from it
            thing.renew()


# Module state, because a fork hook cannot be taken back: one hook, which keeps nothing alive.
_RENEWED: Final[weakref.WeakSet[Renewable]] = weakref.WeakSet()
_GATES: Final[weakref.WeakSet[ForkGate]] = weakref.WeakSet()
_SHUT: Final[dict[int, list[ForkGate]]] = {}  # by the threads that fork just now
if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows does not fork
    os.register_at_fork(before=_shut_gates, after_in_parent=_let_gates_go, after_in_child=_born)
