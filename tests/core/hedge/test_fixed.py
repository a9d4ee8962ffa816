from datetime import timedelta
from typing import Any

import pytest

from recourse.errors import PolicyError
from recourse.hedge import FixedDelay
from recourse.policy.model import HedgePolicy

HEDGE = HedgePolicy(hedge_delay_s=0.3)


@pytest.mark.parametrize(
    ("trigger", "delay_s", "shown"),
    [
        (FixedDelay(), 0.3, "FixedDelay()"),
        (FixedDelay(0.05), 0.05, "FixedDelay(0.05)"),
        (FixedDelay(timedelta(milliseconds=20)), 0.02, "FixedDelay(0.02)"),
        (FixedDelay(0), 0.0, "FixedDelay(0)"),
    ],
    ids=["policy", "seconds", "timedelta", "at_once"],
)
def test_a_fixed_delay_is_its_own_or_the_policys(
    trigger: FixedDelay, delay_s: float, shown: str
) -> None:
    assert (trigger.delay_s("a.One", HEDGE), repr(trigger)) == (delay_s, shown)


@pytest.mark.parametrize(
    ("delay", "message"),
    [
        (-0.1, "FixedDelay.delay_s -0.1 is not allowed; use seconds that are not negative"),
        (
            "20ms",
            "FixedDelay.delay_s '20ms' is not allowed; use a finite number of seconds or a timedelta",
        ),
    ],
)
def test_a_delay_that_cannot_be_is_named(delay: Any, message: str) -> None:
    with pytest.raises(PolicyError) as raised:
        FixedDelay(delay)

    assert str(raised.value) == message
