import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recourse.errors import PolicyError
from recourse.hedge import LatencyPercentile
from recourse.policy.model import HedgePolicy

HEDGE = HedgePolicy(hedge_delay_s=0.3, min_delay_s=0.001, min_samples=1)


def sampled(percentile: str | float, *durations_s: float) -> LatencyPercentile:
    trigger = LatencyPercentile(percentile)
    for duration_s in durations_s:
        trigger.observe("a.One", duration_s, censored=False)
    return trigger


@pytest.mark.parametrize(
    ("percentile", "delay_s"),
    [("p1", 0.01), ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.5", 1.0)],
)
def test_without_losers_the_percentile_is_that_of_the_runs(percentile: str, delay_s: float) -> None:
    trigger = sampled(percentile, *(number / 100 for number in reversed(range(1, 101))))

    assert trigger.delay_s("a.One", HEDGE) == delay_s


def test_r49_below_the_least_number_of_samples_the_fixed_delay_is_used() -> None:
    hedge = HedgePolicy(hedge_delay_s=0.3)
    trigger = sampled("p50", *[0.1] * 19)
    before = trigger.delay_s("a.One", hedge)

    trigger.observe("a.One", 0.1, censored=False)

    assert (before, trigger.delay_s("a.One", hedge)) == (0.3, 0.1)
    assert trigger.delay_s("a.Other", hedge) == 0.3


def test_r48_two_launches_are_never_closer_than_the_least_delay() -> None:
    trigger = sampled("p95", *[0.002] * 30)

    assert trigger.delay_s("a.One", HedgePolicy(min_delay_s=0.05)) == 0.05


def test_r49_primaries_of_100_ms_with_instant_hedges_keep_the_delay_up() -> None:
    hedge = HedgePolicy(hedge_delay_s=0.05, min_delay_s=0.001)
    trigger = LatencyPercentile("p95")
    delays_s = []
    for _ in range(1000):
        delay_s = trigger.delay_s("a.One", hedge)
        delays_s.append(delay_s)
        if delay_s < 0.1:
            trigger.observe("a.One", 0.0, censored=False)  # the hedge
            trigger.observe("a.One", delay_s, censored=True)  # the primary, at least so long
        else:
            trigger.observe("a.One", 0.1, censored=False)

    assert min(delays_s) >= 0.05


def test_r49_losing_hedges_do_not_pull_the_delay_down() -> None:
    hedge = HedgePolicy(hedge_delay_s=0.05, min_delay_s=0.001)
    trigger = LatencyPercentile("p95")
    for number in range(1000):
        duration_s = 0.2 if number % 10 == 0 else 0.04
        delay_s = trigger.delay_s("a.One", hedge)
        trigger.observe("a.One", duration_s, censored=False)
        if delay_s < duration_s:
            trigger.observe("a.One", 0.001, censored=True)  # a hedge that lost soon after its start

    assert trigger.delay_s("a.One", hedge) == 0.2


def test_r49_a_loser_counts_as_a_run_that_would_have_taken_longer() -> None:
    trigger = LatencyPercentile("p50")
    for duration_s, censored in ((0.1, False), (0.1, True), (0.3, False), (0.4, False)):
        trigger.observe("a.One", duration_s, censored=censored)

    # Three quarters outlast 0.1 s; of those that are known to go on, half end at 0.3 s.
    assert trigger.delay_s("a.One", HEDGE) == 0.3


def test_r49_where_losers_hide_the_percentile_it_is_the_longest_sample() -> None:
    trigger = LatencyPercentile("p95")
    for duration_s, censored in ((0.1, False), (0.2, True), (0.15, True)):
        trigger.observe("a.One", duration_s, censored=censored)

    assert trigger.delay_s("a.One", HEDGE) == 0.2


def test_only_the_last_256_samples_count() -> None:
    trigger = sampled("p50", *[1.0] * 200, *[0.1] * 128)
    before = trigger.delay_s("a.One", HEDGE)

    for _ in range(128):
        trigger.observe("a.One", 0.1, censored=False)

    assert (before, trigger.delay_s("a.One", HEDGE)) == (0.1, 0.1)
    assert sampled("p50", *[1.0] * 200, *[0.1] * 127).delay_s("a.One", HEDGE) == 1.0
    assert sampled("p99.9", *[1.0] * 2, *[0.1] * 255).delay_s("a.One", HEDGE) == 1.0
    assert sampled("p99.9", *[1.0] * 2, *[0.1] * 256).delay_s("a.One", HEDGE) == 0.1


def test_a_full_ring_estimates_anew_with_every_sixteenth_of_it() -> None:
    trigger = sampled("p50", *[0.1] * 256)
    delays_s = [trigger.delay_s("a.One", HEDGE)]
    for _ in range(256):
        trigger.observe("a.One", 0.2, censored=False)
        delays_s.append(trigger.delay_s("a.One", HEDGE))

    # The 129th tips the median; it is noticed with the next multiple of 16.
    assert delays_s == [0.1] * 144 + [0.2] * 113


def test_a_young_ring_estimates_anew_with_every_sample() -> None:
    trigger = sampled("p50", *[0.1] * 4)
    delays_s = [trigger.delay_s("a.One", HEDGE)]
    for _ in range(5):
        trigger.observe("a.One", 0.2, censored=False)
        delays_s.append(trigger.delay_s("a.One", HEDGE))

    assert delays_s == [0.1] * 5 + [0.2]


def test_a_clock_that_went_back_gives_no_negative_sample() -> None:
    assert sampled("p50", -5.0).delay_s("a.One", HEDGE) == 0.001


def test_keys_do_not_share_samples() -> None:
    trigger = sampled("p50", 0.1)
    trigger.observe("a.Two", 0.7, censored=False)

    assert [trigger.delay_s(key, HEDGE) for key in ("a.One", "a.Two")] == [0.1, 0.7]


def test_r02_the_key_that_was_sampled_longest_ago_is_forgotten_first() -> None:
    trigger = LatencyPercentile("p50", max_keys=2)
    for key in ("a.One", "a.Two", "a.One", "a.Three"):
        trigger.observe(key, 0.1, censored=False)

    delays_s = [trigger.delay_s(key, HEDGE) for key in ("a.One", "a.Two", "a.Three")]

    assert delays_s == [0.1, 0.3, 0.1]
    assert repr(trigger) == "LatencyPercentile('p50', keys=2)"


@pytest.mark.parametrize(
    ("trigger", "keys"),
    [(LatencyPercentile("p50", max_keys=1), 1), (LatencyPercentile(), 1000)],
    ids=["one", "default"],
)
def test_r02_no_more_keys_are_kept_than_allowed(trigger: LatencyPercentile, keys: int) -> None:
    for number in range(1002):
        trigger.observe(f"a.{number}", 0.1, censored=False)

    assert repr(trigger).endswith(f"keys={keys})")


def test_nothing_is_kept_for_a_key_that_is_only_asked_about() -> None:
    trigger = LatencyPercentile("p50")

    trigger.delay_s("a.One", HEDGE)

    assert repr(trigger) == "LatencyPercentile('p50', keys=0)"


@pytest.mark.parametrize(
    ("given_percentile", "percentile"), [("p95", 95.0), ("p99.9", 99.9), (50, 50.0), (0.5, 0.5)]
)
def test_a_percentile_is_a_name_or_a_number(
    given_percentile: str | float, percentile: float
) -> None:
    assert LatencyPercentile(given_percentile).percentile == percentile


@pytest.mark.parametrize("percentile", ["p0", "p100", "fast", "", "95p", "p", 0, 100, None])
def test_what_is_no_percentile_is_named(percentile: Any) -> None:
    with pytest.raises(PolicyError) as raised:
        LatencyPercentile(percentile)

    assert str(raised.value) == (
        f"LatencyPercentile.percentile {percentile!r} is not allowed; "
        "use a number between 0 and 100, for example 'p95'"
    )


def test_the_default_percentile_is_the_95th() -> None:
    assert LatencyPercentile().percentile == 95.0


@pytest.mark.parametrize("max_keys", [0, "many"])
def test_a_bound_of_keys_that_cannot_be_is_named(max_keys: Any) -> None:
    with pytest.raises(PolicyError) as raised:
        LatencyPercentile(max_keys=max_keys)

    assert str(raised.value) == (
        f"LatencyPercentile.max_keys {max_keys!r} is not allowed; use a whole number of at least 1"
    )


@given(
    samples=st.lists(st.tuples(st.floats(0.0, 100.0), st.booleans()), min_size=1, max_size=300),
    percentile=st.floats(1.0, 99.0),
)
def test_a_percentile_lies_within_the_samples_and_losers_only_raise_it(
    samples: list[tuple[float, bool]], percentile: float
) -> None:
    trigger, naive = LatencyPercentile(percentile), LatencyPercentile(percentile)
    for duration_s, censored in samples:
        trigger.observe("a.One", duration_s, censored=censored)
        naive.observe("a.One", duration_s, censored=False)

    delay_s = trigger.delay_s("a.One", HEDGE)

    assert naive.delay_s("a.One", HEDGE) <= delay_s
    assert delay_s in {0.001} | {duration_s for duration_s, _ in samples}


@pytest.fixture
def switch_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switch_threads_often")
def test_r76_eight_threads_may_sample_and_ask_at_once() -> None:
    trigger = LatencyPercentile("p50", max_keys=3)

    def work(number: int) -> None:
        for step in range(100):
            trigger.observe(f"a.{(number + step) % 5}", 0.1, censored=step % 7 == 0)
            trigger.delay_s(f"a.{step % 5}", HEDGE)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert repr(trigger) == "LatencyPercentile('p50', keys=3)"
