"""Observers: who is told. One method, or named callbacks through :class:`BaseObserver`."""

from collections.abc import Callable, Iterable, Mapping, Set as AbstractSet
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias, assert_never, get_args, runtime_checkable

from recourse import events
from recourse.events import Event

__all__ = ["Audience", "BaseObserver", "Observer", "ScopedObserver", "heard_by"]

Kind: TypeAlias = type[Any]

_EVERYTHING: Final[frozenset[Kind]] = frozenset(get_args(Event))


class Observer(Protocol):
    """Anything with ``on_event``. Called in the caller's thread, never under a lock.

    An observer may have an attribute ``hears``, a set of event classes: then it is told of no
    others, and those that nobody hears are not even built. It is read once, when an executor
    is made. Without it an observer hears everything.
    """

    def on_event(self, event: Event) -> None:
        """Take one event; an Exception raised here is counted, logged and kept from the call."""
        ...


@runtime_checkable
class ScopedObserver(Protocol):
    """An observer that wants to be around the operation, in the operation's own context."""

    def attempt_scope(self, event: events.AttemptStart) -> AbstractContextManager[object]:
        """A context manager that is entered before the operation and left after it."""
        ...


class BaseObserver:
    """Dispatches to named callbacks; override those you want, and you hear of nothing else."""

    @property
    def hears(self) -> frozenset[type[Event]]:
        """The events whose callbacks are overridden; all of them, where that cannot be known."""
        kind = type(self)
        if (
            kind.on_event is not BaseObserver.on_event
            or kind.__getattribute__ is not object.__getattribute__
        ):
            return _EVERYTHING
        return frozenset(
            heard
            for name, heard in _CALLBACKS.items()
            if name in vars(self) or getattr(kind, name) is not getattr(BaseObserver, name)
        )

    def on_event(self, event: Event) -> None:  # noqa: C901, PLR0912  # one arm per event is the table itself
        """Call the callback that the event is named after."""
        match event:
            case events.CallStart():
                self.on_start(event)
            case events.AttemptStart():
                self.on_attempt_start(event)
            case events.AttemptEnd():
                self.on_attempt(event)
            case events.HedgeSpawn():
                self.on_hedge_spawn(event)
            case events.HedgeCancel():
                self.on_hedge_cancel(event)
            case events.BudgetDecision():
                self.on_budget_decision(event)
            case events.CircuitState():
                self.on_circuit_transition(event)
            case events.RetryScheduled():
                self.on_retry_scheduled(event)
            case events.CallEnd():
                if event.success:
                    self.on_success(event)
                else:
                    self.on_failure(event)
            case (
                events.KeyRejected()
                | events.PolicyResolved()
                | events.CircuitDecision()
                | events.HedgingDisabled()
                | events.BudgetRelease()
                | events.AttemptLate()
            ):
                pass
            case _:
                assert_never(event)

    def on_start(self, event: events.CallStart) -> None:
        """A call was made."""

    def on_attempt_start(self, event: events.AttemptStart) -> None:
        """An attempt begins."""

    def on_attempt(self, event: events.AttemptEnd) -> None:
        """An attempt ended, or was denied."""

    def on_hedge_spawn(self, event: events.HedgeSpawn) -> None:
        """A hedge starts."""

    def on_hedge_cancel(self, event: events.HedgeCancel) -> None:
        """A run of a hedged group was cancelled."""

    def on_budget_decision(self, event: events.BudgetDecision) -> None:
        """A retry or hedge asked its budget."""

    def on_circuit_transition(self, event: events.CircuitState) -> None:
        """A breaker changed its state."""

    def on_retry_scheduled(self, event: events.RetryScheduled) -> None:
        """The call will wait and try again."""

    def on_success(self, event: events.CallEnd) -> None:
        """The call gave a value."""

    def on_failure(self, event: events.CallEnd) -> None:
        """The call raised."""


_CALLBACKS: Final[Mapping[str, type[Event]]] = {
    "on_start": events.CallStart,
    "on_attempt_start": events.AttemptStart,
    "on_attempt": events.AttemptEnd,
    "on_hedge_spawn": events.HedgeSpawn,
    "on_hedge_cancel": events.HedgeCancel,
    "on_budget_decision": events.BudgetDecision,
    "on_circuit_transition": events.CircuitState,
    "on_retry_scheduled": events.RetryScheduled,
    "on_success": events.CallEnd,
    "on_failure": events.CallEnd,
}


def heard_by(observer: object) -> frozenset[Kind] | None:
    """The classes of events that an observer wants to hear: those that it declares, or all.

    ``None`` when what it declares is something else.
    """
    declared: Any = getattr(observer, "hears", None)
    if declared is None:
        return _EVERYTHING
    if not isinstance(declared, AbstractSet) or not declared <= _EVERYTHING:
        return None
    return _EVERYTHING & declared


_BEGINNINGS: Final = (events.CallStart, events.PolicyResolved, events.AttemptStart)
_ENDS: Final = (events.AttemptEnd, events.CallEnd)


class Audience:
    """Everybody who listens, by what they hear.

    Attributes:
        observers: All of them, in the order in which they are told.
        scoped: Those of them who want to be around attempts.
        of: By the class of an event, who hears it.
        begins: Whether somebody hears or is around how a call and its first attempt begin.
        ends: Whether somebody hears how an attempt or a call ends.
        failed: Told of an observer that has raised, and what.
    """

    __slots__ = ("_everybody", "_only", "begins", "ends", "failed", "observers", "of", "scoped")

    def __init__(
        self, observers: tuple[Observer, ...], failed: Callable[[object, Exception], None]
    ) -> None:
        self.observers: tuple[Observer, ...] = observers
        self.scoped: tuple[ScopedObserver, ...] = tuple(
            each for each in observers if isinstance(each, ScopedObserver)
        )
        hears = [(each, heard_by(each) or frozenset()) for each in observers]
        self.of: Mapping[Kind, tuple[Observer, ...]] = {
            kind: tuple(each for each, heard in hears if kind in heard) for kind in _EVERYTHING
        }
        self.begins: bool = bool(self.scoped) or any(self.of[kind] for kind in _BEGINNINGS)
        self.ends: bool = any(self.of[kind] for kind in _ENDS)
        # Where everybody hears everything, nothing needs looking up.
        selective = any(heard != _EVERYTHING for _, heard in hears)
        self._everybody = () if selective else observers
        self._only = observers[0] if len(self._everybody) == 1 else None
        self.failed: Callable[[object, Exception], None] = failed

    def tell(self, told: Iterable[Event]) -> None:
        """Tell events to those who hear such, one after the other."""
        everybody, only = self._everybody, self._only
        if only is not None:
            for event in told:
                try:
                    only.on_event(event)
                except Exception as error:  # an observer must not change a call
                    self.failed(only, error)
            return
        for event in told:
            for observer in everybody or self.of[type(event)]:
                try:
                    observer.on_event(event)
                except Exception as error:  # likewise
                    self.failed(observer, error)
