"""Virtual time: nothing waits, and what is due first happens first."""

import asyncio

import pytest

from recourse_observe.lab.loop import LabClock, LabLoop


def test_timers_ring_in_the_order_of_their_moments_then_of_their_making() -> None:
    loop, heard = LabLoop(), []
    loop.at(2.0, lambda: heard.append(("late", loop.now_s)))
    loop.at(1.0, lambda: heard.append(("first", loop.now_s)))
    loop.at(1.0, lambda: heard.append(("second", loop.now_s)))
    loop.at(1.5, lambda: heard.append(("never", loop.now_s))).cancel()

    loop.run_for(10.0)

    assert heard == [("first", 1.0), ("second", 1.0), ("late", 2.0)]
    assert loop.time() == 10.0


def test_what_is_due_after_the_end_does_not_happen() -> None:
    loop, heard = LabLoop(), []
    loop.at(3.0, lambda: heard.append("too late"))

    loop.run_for(2.0)

    assert heard == []


def test_a_moment_that_has_passed_is_now() -> None:
    loop, heard = LabLoop(), []
    loop.at(2.0, lambda: loop.at(1.0, lambda: heard.append(loop.now_s)))

    loop.run_for(5.0)

    assert heard == [2.0]


def test_coroutines_sleep_on_the_clock_and_a_wake_up_cuts_it_short() -> None:
    loop = LabLoop()
    clock, told = LabClock(loop, start_unix_ns=1_000, skew_s=0.5), []

    async def sleeper() -> None:
        await clock.asleep(4.0, loop.create_future())
        told.append((clock.monotonic_s(), clock.time_unix_ns()))
        wake = loop.create_future()
        clock.call_later(asyncio.get_running_loop(), 1.0, lambda: wake.set_result(None))
        await clock.asleep(60.0, wake)
        told.append((clock.monotonic_s(), clock.time_unix_ns()))

    loop.create_task(sleeper())
    loop.call_soon_threadsafe(told.append, "first")
    loop.run_for(100.0)

    assert told == ["first", (4.0, 4_500_001_000), (5.0, 5_500_001_000)]
    assert (loop.get_debug(), loop.is_running(), loop.is_closed()) == (False, True, False)


def test_a_task_that_nobody_awaits_and_that_fails_is_kept_as_a_problem() -> None:
    loop = LabLoop()

    async def fails() -> None:
        raise KeyError

    loop.create_task(fails())
    loop.run_for(1.0)

    assert isinstance(loop.problems[0]["exception"], KeyError)


def test_threads_and_waits_of_threads_are_refused() -> None:
    clock = LabClock(LabLoop(), start_unix_ns=0)

    with pytest.raises(RuntimeError, match="thread 'worker' cannot run in the laboratory"):
        clock.spawn(lambda: None, "worker")
    with pytest.raises(RuntimeError, match="would stop the laboratory"):
        clock.sleep(1.0, clock.mailbox())


def test_it_does_not_run_inside_another_event_loop() -> None:
    async def inside() -> None:
        LabLoop().run_for(1.0)

    with pytest.raises(RuntimeError, match="an event loop runs in this thread already"):
        asyncio.run(inside())
