"""The breaker against a model of it that is too simple to be wrong."""

import random
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from recourse.circuit import Admission, CircuitBreaker, Transition
from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import BreakerState, CircuitCause

POLICY = CircuitPolicy(
    threshold=3, cooldown_s=5.0, max_probes=2, required_successes=2, probe_ttl_s=4.0
)
CAUSES = {
    ("closed", "open"): CircuitCause.FAILURE_THRESHOLD,
    ("open", "half_open"): CircuitCause.COOLDOWN_ELAPSED,
    ("half_open", "open"): CircuitCause.PROBE_FAILED,
    ("half_open", "closed"): CircuitCause.PROBE_SUCCEEDED,
}


class BreakerMachine(RuleBasedStateMachine):
    """Admits, settles in any order, waits and interferes; the model says what must come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.breaker = CircuitBreaker(
            "k",
            POLICY,
            attempt_timeout_s=None,
            now_s=0.0,
            rng=random.Random(1),  # noqa: S311  # no secret
            clock=self,  # type: ignore[arg-type]  # only its monotonic_s is read
        )
        self.heard: list[Transition] = []
        self.breaker.subscribe(self.heard.append)
        self.leases: list[tuple[Admission, float]] = []
        self.state = "closed"
        self.since_s = 0.0
        self.failures = self.successes = 0

    def monotonic_s(self) -> float:
        return self.now_s

    def enter(self, state: str) -> None:
        self.state, self.since_s = state, self.now_s
        self.failures = self.successes = 0

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.9, 4.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def admit(self) -> None:
        if self.state == "open" and self.now_s >= self.since_s + 5.0:
            self.enter("half_open")
        probing = [
            lease
            for lease, taken_s in self.leases
            if lease.generation == self.breaker.generation
            and lease.probe is not None
            and self.now_s < taken_s + 4.0
        ]
        free = self.state != "half_open" or len(probing) < 2

        admission = self.breaker.admit(self.now_s)

        assert admission.allowed == (self.state in {"closed", "half_open", "disabled"} and free)
        assert admission.state == self.state
        assert (admission.probe is not None) == (admission.allowed and self.state == "half_open")
        if admission.allowed:
            self.leases.append((admission, self.now_s))

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), health=st.sampled_from(Health))
    def settle(self, data: st.DataObject, health: Health) -> None:
        index = data.draw(st.integers(0, len(self.leases) - 1))
        admission, _ = self.leases.pop(index)
        if admission.generation == self.breaker.generation:
            self.model_settle(health)

        for _ in range(2 if admission.probe else 1):
            self.breaker.settle(admission, health, 0.1, self.now_s)

    def model_settle(self, health: Health) -> None:
        if self.state == "closed" and health is not Health.NEUTRAL:
            self.failures = self.failures + 1 if health is Health.UNHEALTHY else 0
            if self.failures == 3:
                self.enter("open")
        elif self.state == "half_open" and health is Health.UNHEALTHY:
            self.enter("open")
        elif self.state == "half_open" and health is Health.HEALTHY:
            self.successes += 1
            if self.successes == 2:
                self.enter("closed")

    @rule(action=st.sampled_from(["isolate", "disable", "reset"]))
    def interfere(self, action: str) -> None:
        getattr(self.breaker, action)()
        state = {"isolate": "isolated", "disable": "disabled", "reset": "closed"}[action]
        if state == self.state:
            self.failures = 0
        else:
            self.enter(state)

    @invariant()
    def the_breaker_stands_where_the_model_does(self) -> None:
        assert self.breaker.state == self.state
        assert self.breaker.since_s == self.since_s
        assert (self.breaker.calm is not None) == (self.state == "closed" and self.failures == 0)
        passes = self.state in {BreakerState.CLOSED, BreakerState.DISABLED}
        assert (self.breaker.free_pass is not None) == passes

    @invariant()
    def every_transition_was_told_in_order_with_its_cause(self) -> None:
        assert [t.generation for t in self.heard] == list(range(1, self.breaker.generation + 1))
        assert all(earlier.to_state is later.from_state for earlier, later in pairwise(self.heard))
        for told in self.heard:
            own = CAUSES.get((str(told.from_state), str(told.to_state)))
            assert told.cause in {own, CircuitCause.MANUAL}


TestBreakerMachine = pytest.mark.slow(BreakerMachine.TestCase)
