"""A small world that tests break in their own ways."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from recourse import Policy, RetryPolicy
from recourse_observe.lab import DependencySpec, KeySpec, Poisson, Scenario, ServiceSpec

QUIET = Scenario(
    name="shop",
    seed=11,
    duration_s=60.0,
    services=(ServiceSpec(name="web", processes=3),),
    dependencies=(DependencySpec(name="stock"), DependencySpec(name="mail")),
    keys=tuple(
        KeySpec(
            key=key,
            dependency=key.partition(".")[0],
            policy=Policy(key, retry=RetryPolicy(timeout_per_attempt_s=1.0)),
            traffic=Poisson(per_s=8.0),
        )
        for key in ("stock.Reserve", "mail.Send")
    ),
)


@pytest.fixture
def world() -> Callable[..., Scenario]:
    """Makes the world with some of its parts replaced; `stock` and `key` change the first of each."""

    def make(
        stock: dict[str, Any] | None = None, key: dict[str, Any] | None = None, **parts: Any
    ) -> Scenario:
        first, *others = QUIET.dependencies
        first_key, *other_keys = QUIET.keys
        given = {
            "dependencies": (replace(first, **(stock or {})), *others),
            "keys": (replace(first_key, **(key or {})), *other_keys),
        }
        return replace(QUIET, **(given | parts))

    return make
