import asyncio
import threading

import pytest

from recourse.clock import SystemClock, wake_up


def test_the_monotonic_clock_never_goes_back_and_wall_time_is_after_2020() -> None:
    clock = SystemClock()

    first, second = clock.monotonic_s(), clock.monotonic_s()

    assert second >= first
    assert clock.time_unix_ns() > 1_577_836_800 * 10**9


def test_a_mailbox_gives_what_was_posted_oldest_first() -> None:
    mailbox = SystemClock().mailbox()

    mailbox.post("first")
    mailbox.post("second")

    assert [mailbox.take(None), mailbox.take(0.0)] == ["first", "second"]


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, 0.001])
def test_an_empty_mailbox_gives_nothing_after_its_timeout(timeout_s: float) -> None:
    assert SystemClock().mailbox().take(timeout_s) is None


def test_r43_the_shortest_of_waits_ends() -> None:
    clock = SystemClock()

    taken = [clock.mailbox().take(5e-7) for _ in range(2000)]

    assert taken == [None] * 2000


def test_a_mailbox_that_was_emptied_without_a_wait_is_waited_for_all_the_same() -> None:
    clock = SystemClock()
    mailbox = clock.mailbox()
    for item in ("first", "second"):
        mailbox.post(item)
    taken = [mailbox.take(0.0), mailbox.take(None)]
    before_s = clock.monotonic_s()

    nothing = mailbox.take(0.002)

    assert (taken, nothing) == (["first", "second"], None)
    assert clock.monotonic_s() - before_s >= 0.002


def test_what_many_threads_post_is_taken_once_each() -> None:
    mailbox = SystemClock().mailbox()

    def posting(n: int) -> None:
        for m in range(200):
            mailbox.post((n, m))

    threads = [threading.Thread(target=posting, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    taken = [mailbox.take(10.0) for _ in range(1600)]
    for thread in threads:
        thread.join()

    assert sorted(taken) == [(n, m) for n in range(8) for m in range(200)]
    assert mailbox.take(0.0) is None


def test_a_spawned_thread_is_a_named_daemon_and_may_post() -> None:
    clock = SystemClock()
    mailbox = clock.mailbox()

    thread = clock.spawn(lambda: mailbox.post(threading.current_thread().name), "recourse-test")

    assert mailbox.take(10.0) == "recourse-test"
    assert thread.daemon
    thread.join()


def test_a_thread_may_wait_for_a_time_or_for_its_mailbox() -> None:
    clock = SystemClock()
    mailbox = clock.mailbox()
    before_s = clock.monotonic_s()

    nothing = clock.sleep(0.002, mailbox)
    waited_s = clock.monotonic_s() - before_s
    mailbox.post("wake")

    assert (nothing, clock.sleep(10.0, mailbox)) == (None, "wake")
    assert waited_s >= 0.002


@pytest.mark.anyio
async def test_a_coroutine_waits_until_the_time_has_come_or_it_is_woken() -> None:
    clock, loop = SystemClock(), asyncio.get_running_loop()
    before_s = clock.monotonic_s()
    woken: asyncio.Future[None] = loop.create_future()
    clock.call_later(loop, 0.001, lambda: wake_up(woken))

    await clock.asleep(0.002, loop.create_future())
    waited_s = clock.monotonic_s() - before_s
    await clock.asleep(10.0, woken)

    assert waited_s >= 0.002
    wake_up(woken)
    assert woken.done()


def test_a_clock_is_shown_by_its_name() -> None:
    assert repr(SystemClock()) == "SystemClock()"
