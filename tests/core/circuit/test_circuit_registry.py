import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from recourse.circuit import CircuitBreaker, Circuits, Transition
from recourse.clock import SystemClock
from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy

POLICY = CircuitPolicy(threshold=2)


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.settle(breaker.admit(0.0), Health.UNHEALTHY, 0.1, 0.0)


def test_a_key_has_one_breaker() -> None:
    circuits = Circuits()
    first = circuits.get("a.One", POLICY, None, 3.0)

    assert circuits.get("a.One", POLICY, None, 4.0) is first
    assert circuits.get("a.Two", POLICY, None, 4.0) is not first
    assert (first.key, first.since_s) == ("a.One", 3.0)


def test_r62_getting_a_breaker_applies_a_changed_policy() -> None:
    circuits = Circuits()
    fail(circuits.get("a.One", CircuitPolicy(threshold=5), None, 0.0), 2)

    breaker = circuits.get("a.One", CircuitPolicy(threshold=3), None, 0.0)
    fail(breaker, 1)

    assert breaker.state == "open"


def test_the_attempt_timeout_reaches_the_probes() -> None:
    circuits = Circuits()
    breaker = circuits.get("a.One", CircuitPolicy(threshold=1, cooldown_s=1.0), 30.0, 0.0)
    fail(breaker, 1)
    breaker.admit(1.0)

    assert [breaker.admit(now_s).allowed for now_s in (30.9, 31.0)] == [False, True]


def test_it_reads_like_a_mapping() -> None:
    circuits = Circuits()
    one = circuits.get("a.One", POLICY, None, 0.0)
    circuits.get("a.Two", POLICY, None, 0.0).isolate()

    assert circuits["a.One"] is one
    assert ("a.One" in circuits, "a.Three" in circuits) == (True, False)
    assert (circuits.keys(), list(circuits), len(circuits)) == (
        ("a.One", "a.Two"),
        ["a.One", "a.Two"],
        2,
    )
    assert repr(circuits) == "Circuits({'a.One': 'closed', 'a.Two': 'isolated'})"


def test_a_key_without_a_breaker_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"a\.Three"):
        Circuits()["a.Three"]


def test_a_subscriber_hears_of_every_breaker_present_and_future() -> None:
    circuits = Circuits()
    present = circuits.get("a.One", POLICY, None, 0.0)
    told: list[Transition] = []
    stop = circuits.subscribe(told.append)
    future = circuits.get("a.Two", POLICY, None, 0.0)

    fail(present, 2)
    fail(future, 2)
    stop()
    present.reset()

    assert [(t.key, t.to_state) for t in told] == [("a.One", "open"), ("a.Two", "open")]


def test_what_is_done_by_hand_is_dated_by_the_clock() -> None:
    class Noon(SystemClock):
        def monotonic_s(self) -> float:
            return 12.0

    breaker = Circuits(clock=Noon()).get("a.One", POLICY, None, 0.0)

    breaker.isolate()

    assert breaker.since_s == 12.0


def test_the_jitter_is_drawn_from_the_given_source() -> None:
    class Half(random.Random):
        def random(self) -> float:
            return 0.5

    policy = CircuitPolicy(threshold=1, cooldown_s=10.0, cooldown_jitter=0.5)
    breaker = Circuits(Half()).get("a.One", policy, None, 0.0)
    fail(breaker, 1)

    assert breaker.admit(0.0).retry_after_s == 7.5


def test_r76_eight_threads_that_ask_for_a_new_key_get_one_breaker() -> None:
    circuits = Circuits()
    together = threading.Barrier(8)

    def ask(_: int) -> list[CircuitBreaker]:
        together.wait()
        return [circuits.get(f"a.{number}", POLICY, None, 0.0) for number in range(50)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))

    assert all(answer == answers[0] for answer in answers)
    assert len(circuits) == 50


def test_r76_a_breaker_made_meanwhile_by_another_thread_is_taken() -> None:
    circuits = Circuits()

    class Elsewhere(dict[str, Any]):
        """Misses once, as a thread does that looks a moment too early."""

        missed = False

        def get(self, key: str, default: Any = None) -> Any:
            if not self.missed:
                self.missed = True
                return None
            return super().get(key, default)

    made = circuits.get("a.One", POLICY, None, 0.0)
    circuits._breakers = Elsewhere(circuits._breakers)

    assert circuits.get("a.One", POLICY, None, 0.0) is made


def test_breakers_of_keys_that_come_and_go_are_bounded_and_open_ones_stay() -> None:
    circuits = Circuits(max_passing=2)
    policy = CircuitPolicy(threshold=1)

    def passing(key: str) -> CircuitBreaker:
        return circuits.get(key, policy, None, 0.0, kept=False)

    kept = circuits.get("kept", policy, None, 0.0)
    passing("held").force_closed()
    opened = passing("opened")
    opened.settle(opened.admit(0.0), Health.UNHEALTHY, 0.0, 0.0)
    for key in ("first", "second", "first", "third"):
        passing(key)

    assert circuits.keys() == ("kept", "held", "opened", "third")
    assert (circuits["kept"], circuits["opened"]) == (kept, opened)


def test_a_breaker_is_forgotten_in_the_order_of_its_last_use() -> None:
    circuits = Circuits(max_passing=2)

    for key in ("first", "second", "first", "third"):
        circuits.get(key, CircuitPolicy(), None, 0.0, kept=False)

    assert circuits.keys() == ("first", "third")


def test_a_breaker_that_somebody_holds_on_to_is_not_forgotten() -> None:
    circuits = Circuits(max_passing=1)
    circuits.get("first", CircuitPolicy(), None, 0.0, kept=False)
    first = circuits.get("first", CircuitPolicy(), None, 0.0)

    for key in ("second", "third", "first"):
        circuits.get(key, CircuitPolicy(), None, 0.0, kept=False)

    assert circuits.keys() == ("first", "third")
    assert circuits["first"] is first
