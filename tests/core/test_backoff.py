import random

import pytest
from hypothesis import given, strategies as st

from recourse.backoff import backoff_s, retry_after_wait_s
from recourse.policy.model import Jitter, RetryPolicy


class Draws(random.Random):
    """Draws one value, always."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def random(self) -> float:
        return self.value


class NeverDraws(random.Random):
    def random(self) -> float:
        raise AssertionError


def policy(jitter: str, **fields: float) -> RetryPolicy:
    base = {"initial_backoff_s": 0.1, "max_backoff_s": 1.0, "backoff_multiplier": 2.0}
    return RetryPolicy(jitter=Jitter(jitter), **(base | fields))  # type: ignore[arg-type]  # numbers only


def test_r27_without_jitter_the_delay_doubles_up_to_its_cap_and_nothing_is_drawn() -> None:
    delays = [backoff_s(policy("none"), attempt, NeverDraws(), 0.1) for attempt in range(6)]

    assert delays == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, 0.0), (0.25, 0.1), (0.5, 0.2)])
def test_r27_full_jitter_draws_from_nothing_to_the_grown_delay(
    drawn: float, expected: float
) -> None:
    assert backoff_s(policy("full"), 2, Draws(drawn), 0.1) == expected


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, 0.2), (0.5, 0.3)])
def test_r27_equal_jitter_keeps_half_and_draws_the_other(drawn: float, expected: float) -> None:
    assert backoff_s(policy("equal"), 2, Draws(drawn), 0.1) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("previous_s", "drawn", "expected"),
    [
        (0.1, 0.0, 0.1),
        (0.1, 0.5, 0.2),
        (0.2, 0.5, 0.35),
        (0.0, 0.5, 0.2),  # below the base counts as the base
        (0.9, 0.9, 1.0),  # 2.44 s, capped
    ],
)
def test_r27_decorrelated_jitter_draws_from_the_base_to_three_times_the_previous_delay(
    previous_s: float, drawn: float, expected: float
) -> None:
    delay_s = backoff_s(policy("decorrelated"), 7, Draws(drawn), previous_s)

    assert delay_s == pytest.approx(expected)


@given(
    retry=st.builds(
        RetryPolicy,
        initial_backoff_s=st.floats(0.001, 30.0),
        max_backoff_s=st.floats(0.001, 30.0),
        backoff_multiplier=st.floats(1.0, 10.0),
        jitter=st.sampled_from(Jitter),
    ),
    attempt=st.integers(0, 10),
    previous_s=st.floats(0.0, 1e6),
    rng=st.randoms(use_true_random=False),
)
def test_r27_a_delay_is_never_negative_nor_above_the_cap(
    retry: RetryPolicy, attempt: int, previous_s: float, rng: random.Random
) -> None:
    assert 0.0 <= backoff_s(retry, attempt, rng, previous_s) <= retry.max_backoff_s


@pytest.mark.parametrize(("jitter", "expected"), [("none", 1.0), ("full", 0.5), ("equal", 0.75)])
def test_r27_growth_beyond_any_float_is_the_cap(jitter: str, expected: float) -> None:
    retry = policy(jitter, backoff_multiplier=10.0)

    assert backoff_s(retry, 5_000, Draws(0.5), 0.1) == expected


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, 30.0), (0.5, 31.5)])
def test_r30_a_server_that_asks_for_a_wait_gets_it_and_up_to_a_tenth_more(
    drawn: float, expected: float
) -> None:
    assert retry_after_wait_s(30.0, Draws(drawn)) == pytest.approx(expected)


@given(asked_s=st.floats(1e-6, 3600.0), rng=st.randoms(use_true_random=False))
def test_r30_the_wait_is_never_shorter_than_asked(asked_s: float, rng: random.Random) -> None:
    assert asked_s <= retry_after_wait_s(asked_s, rng) <= 1.1 * asked_s
