"""The queue is the queue of the textbooks."""

import math

import pytest

from recourse import Policy, RetryPolicy
from recourse_observe.lab import DependencySpec, KeySpec, Poisson, Scenario, run


def mean_wait_s(*, per_s: float, median_s: float, sigma: float) -> float:
    """Pollaczek and Khinchine: the mean wait of a queue with random arrivals and one worker."""
    mean_s = median_s * math.exp(sigma**2 / 2)
    second_moment = median_s**2 * math.exp(2 * sigma**2)
    return per_s * second_moment / (2 * (1 - per_s * mean_s))


@pytest.mark.slow
@pytest.mark.parametrize(("per_s", "sigma"), [(30.0, 0.4), (30.0, 0.0), (35.0, 0.8)])
def test_the_mean_wait_is_that_of_pollaczek_and_khinchine(per_s: float, sigma: float) -> None:
    median_s, told_s = 0.02 / math.exp(sigma**2 / 2), []
    world = Scenario(
        name="one worker",
        seed=5,
        duration_s=200.0,
        dependencies=(
            DependencySpec(
                name="clerk", instances=1, workers=1, queue=100_000, median_s=median_s, sigma=sigma
            ),
        ),
        keys=(
            KeySpec(
                key="clerk.Serve",
                dependency="clerk",
                policy=Policy("clerk.Serve", retry=RetryPolicy(max_attempts=1)),
                traffic=Poisson(per_s=per_s),
            ),
        ),
        drain_s=60.0,
    )

    told_s = [call.ended_s - call.started_s for call in run(world).calls]

    expected_s = 0.02 + mean_wait_s(per_s=per_s, median_s=median_s, sigma=sigma)
    assert sum(told_s) / len(told_s) == pytest.approx(expected_s, rel=0.12)
