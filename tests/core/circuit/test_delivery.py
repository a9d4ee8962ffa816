"""Who hears of transitions, in which order, and what they may do meanwhile."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from recourse.circuit import Transition
from recourse.outcome import Health

Drive = Callable[..., Any]
GOOD, BAD = Health.HEALTHY, Health.UNHEALTHY


@pytest.fixture(autouse=True)
def switch_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_r60_transitions_are_told_once_each_in_their_order_under_eight_threads(
    drive: Drive,
) -> None:
    driven = drive(threshold=1, cooldown_s=0.1)

    def work(number: int) -> None:
        for step in range(150):
            driven.attempt(GOOD if (step + number) % 3 else BAD, now_s=float(step))
            if step % 50 == number:
                driven.breaker.isolate()
                driven.breaker.reset()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    told = driven.heard
    assert [transition.generation for transition in told] == list(range(1, len(told) + 1))
    assert all(earlier.to_state is later.from_state for earlier, later in pairwise(told))
    assert driven.breaker.generation == len(told) > 8


def test_r60_a_listener_may_use_the_breaker_and_is_told_afterwards(drive: Drive) -> None:
    driven = drive(threshold=1)
    told: list[str] = []

    def reset(transition: Transition) -> None:
        told.append(f"in {transition.to_state}")
        if transition.to_state == "open":
            driven.breaker.reset()
        told.append(f"out {transition.to_state}")

    driven.breaker.subscribe(reset)
    driven.attempt(BAD)

    assert told == ["in open", "out open", "in closed", "out closed"]
    assert driven.path == ["closed>open", "open>closed"]


def test_r75_nothing_is_locked_while_a_listener_runs(drive: Drive) -> None:
    driven = drive(threshold=1)
    elsewhere: list[Any] = []

    def ask_elsewhere(_: Transition) -> None:
        thread = threading.Thread(
            target=lambda: elsewhere.append(driven.breaker.admit(0.0).reason), daemon=True
        )
        thread.start()
        thread.join(5.0)

    driven.breaker.subscribe(ask_elsewhere)
    driven.attempt(BAD)

    assert elsewhere == ["circuit_open"]


def test_r60_a_thread_that_brings_a_transition_meanwhile_does_not_wait(drive: Drive) -> None:
    driven = drive(threshold=1)
    order: list[str] = []

    def tell(transition: Transition) -> None:
        if transition.to_state == "open":
            thread = threading.Thread(target=driven.breaker.isolate, daemon=True)
            thread.start()
            thread.join(5.0)
            order.append("the other went on")
        order.append(transition.to_state)

    driven.breaker.subscribe(tell)
    driven.attempt(BAD)

    assert order == ["the other went on", "open", "isolated"]


def test_r64_a_listener_that_raises_is_logged_and_the_others_are_told(
    drive: Drive, caplog: pytest.LogCaptureFixture
) -> None:
    driven = drive(threshold=1)
    told: list[Transition] = []

    def fail(_: Transition) -> None:
        raise RuntimeError

    driven.breaker.subscribe(fail)
    driven.breaker.subscribe(told.append)
    driven.attempt(BAD)

    assert told == driven.heard != []
    assert caplog.messages == [f"listener {fail!r} of circuit 'payments.Charge' raised"]


def test_r64_an_interrupt_in_a_listener_goes_through_and_the_rest_is_told_next_time(
    drive: Drive,
) -> None:
    driven = drive(threshold=1)

    def interrupt(transition: Transition) -> None:
        if transition.to_state == "open":
            raise KeyboardInterrupt

    driven.breaker.subscribe(interrupt)
    with pytest.raises(KeyboardInterrupt):
        driven.attempt(BAD)
    driven.breaker.reset()

    assert driven.path == ["closed>open", "open>closed"]


def test_who_has_unsubscribed_is_not_told(drive: Drive) -> None:
    driven = drive()
    driven.breaker.isolate()

    driven.unsubscribe()
    driven.unsubscribe()
    driven.breaker.reset()

    assert driven.path == ["closed>isolated"]


def test_unsubscribing_leaves_the_others(drive: Drive) -> None:
    driven = drive()
    told: list[Transition] = []
    driven.breaker.subscribe(told.append)

    driven.unsubscribe()
    driven.breaker.isolate()

    assert (len(told), driven.heard) == (1, [])


def test_r63_eight_threads_never_hold_more_probes_than_allowed(drive: Drive) -> None:
    driven = drive(max_probes=3, required_successes=100).opened()
    held: list[int] = []
    most: list[int] = []

    def work(_: int) -> int:
        admitted = 0
        for _ in range(100):
            admission = driven.breaker.admit(10.0)
            if admission.allowed:
                admitted += 1
                held.append(admission.probe)
                most.append(len(held))
                held.remove(admission.probe)
                driven.breaker.settle(admission, Health.NEUTRAL, 0.0, 10.0)
        return admitted

    with ThreadPoolExecutor(8) as pool:
        admitted = sum(pool.map(work, range(8)))

    assert admitted > 0
    assert max(most) <= 3


def test_r63_eight_threads_that_ask_at_once_get_no_more_slots_than_there_are(drive: Drive) -> None:
    driven = drive(max_probes=3).opened()
    together = threading.Barrier(8)

    def ask(_: int) -> bool:
        together.wait()
        return bool(driven.breaker.admit(10.0).allowed)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))

    assert sum(answers) == 3


def test_r76_eight_threads_lose_no_failure(drive: Drive) -> None:
    driven = drive(threshold=1000)

    def work(_: int) -> None:
        for _ in range(120):
            driven.attempt(BAD)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert "counters={'failures': 960}" in repr(driven.breaker)
