import random
from collections.abc import Callable
from typing import Any

import pytest

from recourse.circuit import Admission, CircuitBreaker, Transition
from recourse.clock import SystemClock
from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy


class HandClock(SystemClock):
    """Stands at 500 s, until a test says otherwise."""

    def __init__(self) -> None:
        self.now_s = 500.0

    def monotonic_s(self) -> float:
        return self.now_s


class Draws(random.Random):
    """Draws one value, always."""

    value = 0.5

    def random(self) -> float:
        return self.value


class Driven:
    """A breaker, what it told, and short words for what a test does with it."""

    def __init__(self, *, attempt_timeout_s: float | None = None, **fields: Any) -> None:
        self.draws = Draws()
        self.clock = HandClock()
        self.breaker = CircuitBreaker(
            "payments.Charge",
            CircuitPolicy(**fields),
            attempt_timeout_s=attempt_timeout_s,
            now_s=0.0,
            rng=self.draws,
            clock=self.clock,
        )
        self.heard: list[Transition] = []
        self.unsubscribe = self.breaker.subscribe(self.heard.append)

    @property
    def state(self) -> str:
        return str(self.breaker.state)

    @property
    def path(self) -> list[str]:
        """Every transition heard, as text."""
        return [f"{t.from_state}>{t.to_state}" for t in self.heard]

    def attempt(self, health: Health, now_s: float = 0.0, duration_s: float = 0.1) -> Admission:
        """Admit and settle at once."""
        admission = self.breaker.admit(now_s)
        if admission.allowed:
            self.breaker.settle(admission, health, duration_s, now_s)
        return admission

    def opened(self, now_s: float = 0.0) -> "Driven":
        """Fail until it opens."""
        while self.state != "open":
            self.attempt(Health.UNHEALTHY, now_s)
        return self


@pytest.fixture
def drive() -> Callable[..., Driven]:
    return Driven
