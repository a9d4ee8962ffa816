"""Keys that carry request data, and one key too many."""

from typing import Any

import pytest

from recourse import (
    CircuitPolicy,
    EffectivePolicy,
    Executor,
    KeyCardinalityError,
    Outcome,
    OutcomeKind,
    Policy,
    PolicyKey,
    RetryPolicy,
)
from recourse.events import AttemptStart, CallEnd, KeyRejected
from recourse.key import OVERFLOW_KEY, cardinality_problem
from recourse.policy.model import Jitter
from recourse.reasons import Disposition

BAD = [
    "GET users/7",
    "users?id=7",
    "id=7",
    "users:7",
    "get user",
    "users.1234",
    "users.0f8fad5b-d9cb-469f-a165-70867728950e",
    "users.deadbeef01",
    "u" * 129,
]


class Everything:
    """A provider that has a policy with a breaker for every key."""

    immediate = True

    def __init__(self) -> None:
        retry = RetryPolicy(max_attempts=2, jitter=Jitter.NONE)
        self.policy = Policy("any", retry=retry, circuit=CircuitPolicy()).normalize()

    def get(self, key: PolicyKey) -> EffectivePolicy:
        return self.policy


def guarded(side: Any, **options: Any) -> Executor:
    executor: Executor = side.executor(provider=Everything(), **options)
    return executor


@pytest.mark.parametrize("key", BAD)
def test_r02_by_default_such_a_key_runs_and_is_told(both: Any, key: str) -> None:
    told = both(["done"], executor=guarded(both), key=key)

    assert told.value == "done"
    assert [event.why for event in told.of(KeyRejected)] == [cardinality_problem(key)]
    assert told.timeline.key == key


@pytest.mark.parametrize("key", BAD)
def test_r02_mode_raise_refuses_it_before_the_operation(both: Any, key: str) -> None:
    told = both(["never"], executor=guarded(both, key_guard="raise"), key=key)

    assert isinstance(told.error, KeyCardinalityError)
    assert told.error.value == key
    assert told.runs == 0
    assert told.timeline.disposition is Disposition.POLICY_DENIED
    assert told.names == ["CallStart", "KeyRejected", "CallEnd"]
    assert [end.outcome for end in told.of(CallEnd)] == [Outcome(OutcomeKind.ABORT, "no_policy")]
    assert told.timeline.attributes["policy_mode"] == "deny"


def test_mode_off_asks_nothing(both: Any) -> None:
    executor = guarded(both, key_guard="off")

    told = both(["done"], executor=executor, key="users/7")

    assert told.of(KeyRejected) == []
    assert executor.circuits.keys() == ("users/7",)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("users.123", "users.456"),
        ("users/123", "users/456"),
        ("users.deadbeef01", "users.0badcafe99"),
        (
            "users.0f8fad5b-d9cb-469f-a165-70867728950e",
            "users.7c9e6679-7425-40de-944b-e07fc1f90ae7",
        ),
        ("u" * 129, "u" * 128 + "v" * 10_000),  # what is kept of a shape is bounded, too
    ],
)
def test_r02_keys_of_one_shape_are_told_once(both: Any, first: str, second: str) -> None:
    executor = guarded(both)

    for key in (first, second, first):
        both(["done"], executor=executor, key=key)

    assert len([event for event in both.heard.events if isinstance(event, KeyRejected)]) == 1


def test_r02_keys_of_another_shape_are_told_too(both: Any) -> None:
    executor = guarded(both)

    for key in ("users/1", "users?1", "orders/1"):
        both(["done"], executor=executor, key=key)

    assert len([event for event in both.heard.events if isinstance(event, KeyRejected)]) == 3


def test_r02_state_of_rejected_keys_goes_to_one_bucket(both: Any) -> None:
    executor = guarded(both)

    ends = [both([OSError], executor=executor, key=key).of(CallEnd)[0] for key in BAD]

    assert executor.circuits.keys() == (OVERFLOW_KEY,)
    assert {end.call.label for end in ends} == {OVERFLOW_KEY}


def test_r02_keys_beyond_the_limit_share_the_bucket_and_known_keys_keep_theirs(both: Any) -> None:
    executor = guarded(both, max_keys=3)

    for name in "abcdefgh":
        both(["done"], executor=executor, key=f"svc.{name}")
    late = both(["done"], executor=executor, key="svc.z")
    early = both(["done"], executor=executor, key="svc.a")

    assert executor.circuits.keys() == ("svc.a", "svc.b", "svc.c", OVERFLOW_KEY)
    assert late.of(AttemptStart)[0].call.label == OVERFLOW_KEY
    assert early.of(AttemptStart)[0].call.label == "svc.a"
    assert late.value == "done"


def test_r02_one_key_too_many_is_refused_in_mode_raise(both: Any) -> None:
    executor = guarded(both, max_keys=1, key_guard="raise")
    both(["done"], executor=executor, key="svc.a")

    told = both(["never"], executor=executor, key="svc.b")

    assert isinstance(told.error, KeyCardinalityError)
    assert "one more than the 1 that may have state" in str(told.error)


def test_r02_memory_stays_bounded_whatever_keys_come() -> None:
    executor = Executor(provider=Everything(), max_keys=10)

    for number in range(1500):
        letters = f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}{chr(97 + number // 676)}"
        executor.call(f"svc.{letters}", str)
        executor.call(f"letters.{letters} {number}", str)

    resolver = executor._resolver
    assert len(resolver.bounds) == 10
    assert len(executor.circuits) == 11
    assert len(resolver._shapes) <= 1000


def test_r02_a_place_that_is_taken_while_a_policy_is_found_stays_taken(both: Any) -> None:
    class Busy(Everything):
        def get(self, key: PolicyKey) -> EffectivePolicy:
            if key.text == "svc.b":
                executor.call("svc.a", str)
            return self.policy

    executor: Executor = both.executor(provider=Busy(), max_keys=1)

    told = both(["done"], executor=executor, key="svc.b")

    assert told.value == "done"
    assert list(executor._resolver.bounds) == ["svc.a"]


def test_a_default_policy_serves_rejected_keys_without_a_state_of_their_own(both: Any) -> None:
    default = Policy("any", circuit=CircuitPolicy(), retry=RetryPolicy(max_attempts=1))
    executor = both.executor(default_policy=default)

    told = both(["done"], executor=executor, key="users/7")

    assert told.value == "done"
    assert executor.circuits.keys() == (OVERFLOW_KEY,)


def test_r02_breakers_stay_bounded_without_a_guard(both: Any) -> None:
    executor = both.executor(
        default_policy=Policy("any", circuit=CircuitPolicy()), key_guard="off", max_keys=3
    )

    for number in range(20):
        both(["done"], executor=executor, key=f"svc.Op{number}")

    assert len(executor.circuits) == 2 * 3
