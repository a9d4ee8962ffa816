import random
import typing
from typing import Any

import pytest

from recourse import BaseObserver, Executor, Policy, PolicyError, events
from recourse.events import CallIds, CallInfo, Event
from recourse.observer import ScopedObserver, heard_by
from recourse.outcome import SUCCESS
from recourse.reasons import Disposition
from recourse.testing import VirtualClock

CALLBACKS = {
    "CallStart": "on_start",
    "AttemptStart": "on_attempt_start",
    "AttemptEnd": "on_attempt",
    "HedgeSpawn": "on_hedge_spawn",
    "HedgeCancel": "on_hedge_cancel",
    "BudgetDecision": "on_budget_decision",
    "CircuitState": "on_circuit_transition",
    "RetryScheduled": "on_retry_scheduled",
    "CallEnd": "on_failure",
}


class Named(BaseObserver):
    """Remembers which callback got which event."""

    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        given = super().__getattribute__(name)
        if not name.startswith("on_") or name == "on_event":
            return given

        def noting(event: Event) -> Any:
            self.called.append((name, event))
            return given(event)

        return noting


def call() -> CallInfo:
    clock = VirtualClock()
    return CallInfo(CallIds(clock, random.Random(1)), "svc.Op", 0.0, 0)  # noqa: S311  # no secret


@pytest.mark.parametrize("kind", typing.get_args(Event), ids=lambda kind: kind.__name__)
def test_a_base_observer_calls_the_callback_that_an_event_is_named_after(kind: Any) -> None:
    event = kind(call(), *range(1, len(kind._fields)))
    named = Named()

    named.on_event(event)

    expected = CALLBACKS.get(kind.__name__)
    assert named.called == ([] if expected is None else [(expected, event)])


def test_a_base_observer_tells_success_from_failure() -> None:
    named = Named()

    named.on_event(events.CallEnd(call(), 0, 0.0, Disposition.SUCCESS, SUCCESS, None, 1, 0, None))

    assert [name for name, _ in named.called] == ["on_success"]


def test_an_observer_may_be_told_from_a_scoped_one() -> None:
    class Scoped(BaseObserver):
        def attempt_scope(self, event: events.AttemptStart) -> Any:
            return None

    assert isinstance(Scoped(), ScopedObserver)
    assert not isinstance(BaseObserver(), ScopedObserver)


@pytest.mark.parametrize(
    "wrong", [print, object(), "observer"], ids=lambda wrong: type(wrong).__name__
)
def test_an_executor_takes_objects_with_on_event_only(wrong: Any) -> None:
    with pytest.raises(PolicyError, match="use objects with on_event"):
        Executor([Policy("svc.Op")], observers=[wrong])


class Selective:
    """Hears what it declares."""

    def __init__(self, hears: Any) -> None:
        self.hears = hears
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


@pytest.mark.parametrize("wrong", [{int}, "CallEnd", [events.CallEnd], events.CallEnd], ids=str)
def test_an_observer_hears_classes_of_events_only(wrong: Any) -> None:
    with pytest.raises(PolicyError, match=r"hears .* use a set of classes of events"):
        Executor([Policy("svc.Op")], observers=[Selective(wrong)])


def test_an_observer_that_declares_nothing_hears_everything() -> None:
    assert heard_by(Selective(None)) == heard_by(object()) == frozenset(typing.get_args(Event))


def test_a_base_observer_hears_what_its_callbacks_are_for() -> None:
    class Ends(BaseObserver):
        def on_failure(self, event: events.CallEnd) -> None:
            pass

        def on_attempt(self, event: events.AttemptEnd) -> None:
            pass

    late = BaseObserver()
    late.on_start = lambda event: None  # type: ignore[method-assign]

    kinds: list[frozenset[Any]] = [Ends().hears, late.hears, BaseObserver().hears]
    assert kinds == [{events.CallEnd, events.AttemptEnd}, {events.CallStart}, set()]


def test_a_base_observer_with_a_dispatch_of_its_own_hears_everything() -> None:
    class Own(BaseObserver):
        def on_event(self, event: Event) -> None:
            pass

    assert Own().hears == Named().hears == frozenset(typing.get_args(Event))
