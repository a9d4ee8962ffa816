import contextlib
import logging
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from recourse import Event, Executor, Policy, current_attempt
from recourse.observer import ScopedObserver
from recourse_observe.sinks.background import BackgroundObserver, Counts
from recourse_observe.sinks.otel import OTelObserver
from recourse_observe.sinks.stdlib_logs import LoggingObserver

KEY = "payments.Charge"


class Gated:
    """An observer that takes no event before it is let."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.entered = threading.Event()
        self.gate = threading.Event()

    def on_event(self, event: Event) -> None:
        self.entered.set()
        self.gate.wait()
        self.heard.append(event)


@pytest.fixture
def told() -> list[Event]:
    heard: list[Event] = []

    class Told:
        def on_event(self, event: Event) -> None:
            heard.append(event)

    Executor(policies=[Policy(KEY)], observers=[Told()]).call(KEY, lambda: 1)
    return heard


@pytest.fixture
def gated() -> Iterator[Gated]:
    observer = Gated()
    yield observer
    observer.gate.set()


def test_events_arrive_in_order_in_another_thread(told: list[Event]) -> None:
    heard: list[tuple[Event, int]] = []

    class Observer:
        def on_event(self, event: Event) -> None:
            heard.append((event, threading.get_ident()))

    with BackgroundObserver(Observer()) as background:
        for event in told:
            background.on_event(event)
        assert background.flush()

    assert [event for event, _ in heard] == told
    assert threading.get_ident() not in {thread for _, thread in heard}
    assert background.counts == Counts(
        told=len(told), delivered=len(told), failed=0, queued=0, dropped={"close_timeout": 0}
    )


def test_a_call_does_not_wait_for_an_observer_that_hangs(gated: Gated) -> None:
    background = BackgroundObserver(gated)
    executor = Executor(policies=[Policy(KEY)], observers=[background])

    assert executor.call(KEY, lambda: 1) == 1
    assert gated.entered.wait(10)

    counts = background.counts
    assert (counts.told, counts.delivered, counts.queued) == (5, 0, 5)


@pytest.mark.parametrize(("drop", "kept"), [("newest", [0, 1, 2]), ("oldest", [0, 3, 4])])
def test_a_full_queue_drops_and_counts(
    gated: Gated, told: list[Event], drop: str, kept: list[int]
) -> None:
    background = BackgroundObserver(gated, queue_size=2, drop=drop)
    background.on_event(told[0])
    assert gated.entered.wait(10)

    for event in told[1:]:
        background.on_event(event)

    assert background.dropped() == {"queue_full": 2}
    assert background.counts.queued == 3
    gated.gate.set()
    assert background.close()
    assert gated.heard == [told[index] for index in kept]
    assert background.counts.told == len(told)
    assert background.counts.delivered == 3


def test_what_is_not_passed_on_in_time_is_dropped_and_counted(
    gated: Gated, told: list[Event]
) -> None:
    background = BackgroundObserver(gated)
    for event in told:
        background.on_event(event)
    assert gated.entered.wait(10)

    assert not background.flush(timeout_s=0.0)
    assert not background.close(timeout_s=0.0)
    background.on_event(told[0])

    counts = background.counts
    assert counts.queued == 1
    assert dict(counts.dropped) == {"close_timeout": len(told) - 1, "after_close": 1}
    assert counts.told == counts.delivered + counts.failed + counts.queued + sum(
        counts.dropped.values()
    )
    gated.gate.set()
    assert background.flush()
    assert background.counts.delivered == 1


def test_closing_twice_is_closing_once(told: list[Event]) -> None:
    background = BackgroundObserver(Gated())

    assert background.close()
    assert background.close()
    background.on_event(told[0])

    assert background.counts.dropped["after_close"] == 1


def test_what_the_observer_raises_is_counted_and_logged_now_and_then(
    told: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def on_event(self, event: Event) -> None:
            raise (SystemExit if event.seq else ValueError)

    with caplog.at_level(logging.WARNING), BackgroundObserver(Broken()) as background:
        for event in told:
            background.on_event(event)
        assert background.flush()
        assert background.close()

    assert (background.counts.failed, background.counts.delivered) == (len(told), 0)
    assert [record.getMessage() for record in caplog.records] == [
        f"observer {Broken.__qualname__} raised ValueError; 1 so far"
    ]


def test_a_thread_that_cannot_be_had_is_asked_for_again(told: list[Event]) -> None:
    from recourse.clock import SystemClock

    class Reluctant(SystemClock):
        refusals = iter([True, False])

        def spawn(self, target: Any, name: str) -> threading.Thread:
            if next(self.refusals):
                message = "can't start new thread"
                raise RuntimeError(message)
            return super().spawn(target, name)

    heard: list[Event] = []

    class Observer:
        def on_event(self, event: Event) -> None:
            heard.append(event)

    background = BackgroundObserver(Observer(), clock=Reluctant())
    background.on_event(told[0])
    assert background.counts.queued == 1
    background.on_event(told[1])

    assert background.close()
    assert heard == told[:2]


def test_scopes_stay_in_the_caller_s_thread() -> None:
    seen: list[Any] = []

    class Scoped:
        def on_event(self, event: Event) -> None:
            """Not needed here."""

        @contextlib.contextmanager
        def attempt_scope(self, event: Event) -> Iterator[None]:
            seen.append((threading.get_ident(), current_attempt()))
            yield

    with BackgroundObserver(Scoped()) as background:
        Executor(policies=[Policy(KEY)], observers=[background]).call(KEY, lambda: 1)

    [(thread, attempt)] = seen
    assert thread == threading.get_ident()
    assert attempt.key == KEY
    assert isinstance(background, ScopedObserver)
    assert not isinstance(BackgroundObserver(LoggingObserver()), ScopedObserver)


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^observer OTelObserver must hear events in the caller's"
    ):
        BackgroundObserver(OTelObserver())
    with pytest.raises(ValueError, match=r"^queue_size 0 lets no event wait; use 1 or more"):
        BackgroundObserver(Gated(), queue_size=0)
    with pytest.raises(ValueError, match="drop 'latest' is not known"):
        BackgroundObserver(Gated(), drop="latest")


def test_its_repr_names_the_observer(gated: Gated) -> None:
    assert repr(BackgroundObserver(gated)) == f"BackgroundObserver({gated!r}, queue_size=8192)"


PROGRAM = """
    import multiprocessing.util, os, sys
    from recourse import Executor, Policy
    from recourse_observe.sinks.background import BackgroundObserver

    class Printer:
        def on_event(self, event):
            os.write(1, f"{who} {type(event).__name__}\\n".encode())

    who = "parent"
    background = BackgroundObserver(Printer())
    executor = Executor(policies=[Policy("a.B")], observers=[background])
    executor.call("a.B", lambda: 1)
"""


def lines_of(program: str) -> list[str]:
    code = textwrap.dedent(PROGRAM) + textwrap.dedent(program)
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=25, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout.split("\n")[:-1]


@pytest.mark.slow
def test_everything_is_passed_on_before_the_process_ends() -> None:
    assert len(lines_of("")) == 5


@pytest.mark.slow
def test_a_process_with_an_observer_that_hangs_ends() -> None:
    program = """
        import threading
        background.flush()
        hanging = BackgroundObserver(type("Hanging", (), {"on_event": lambda *_: threading.Event().wait()})())
        Executor(policies=[Policy("a.B")], observers=[hanging]).call("a.B", lambda: 1)
        assert not hanging.close(timeout_s=0.01)
    """

    assert len(lines_of(program)) == 5


@pytest.mark.slow
def test_a_forked_child_has_a_queue_of_its_own() -> None:
    program = """
        background.flush()
        gone = BackgroundObserver(Printer())
        del gone  # its hook stays, and must not mind
        child = os.fork()
        if child == 0:
            who = "child"
            assert background.counts.told == 0
            executor.call("a.B", lambda: 1)
            background.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """

    lines = lines_of(program)

    assert [line.split()[0] for line in lines] == ["parent"] * 5 + ["child"] * 5


def test_a_background_observer_hears_what_the_observer_in_it_hears() -> None:
    everything = BackgroundObserver(Gated()).hears
    logging_observer = LoggingObserver()

    assert BackgroundObserver(logging_observer).hears == logging_observer.hears
    assert everything is not None
    assert logging_observer.hears < everything
    assert OTelObserver(mode="span-events").hears < OTelObserver(mode="log-events").hears


@pytest.mark.parametrize("size", [0, -1, 1.5, "10", True])
def test_a_queue_that_holds_nothing_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match="lets no event wait; use 1 or more"):
        BackgroundObserver(LoggingObserver(), queue_size=size)


@pytest.mark.parametrize("drop", ["latest", None])
def test_another_word_for_what_is_lost_is_refused(drop: Any) -> None:
    with pytest.raises(ValueError, match="is not known; use one of newest, oldest"):
        BackgroundObserver(LoggingObserver(), drop=drop)


def test_patience_may_be_a_timedelta(told: list[Event]) -> None:
    slow = BackgroundObserver(LoggingObserver())
    for event in told:
        slow.on_event(event)

    assert slow.flush(timedelta(seconds=20))
    assert slow.close(timedelta(seconds=20))


def test_an_observer_that_waits_for_itself_is_not_waited_for(told: list[Event]) -> None:
    answers: list[bool] = []

    class Impatient:
        def on_event(self, event: Event) -> None:
            answers.extend([slow.flush(3600.0), slow.close(3600.0)])

    slow = BackgroundObserver(Impatient())
    slow.on_event(told[0])
    slow.flush(20.0)

    assert answers == [False, False]
    assert slow.counts == Counts(
        told=1, delivered=1, failed=0, queued=0, dropped={"close_timeout": 0}
    )
