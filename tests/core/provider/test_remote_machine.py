"""The remote cache against a reference that reads the source's history."""

from typing import Any, NamedTuple

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from recourse.errors import PolicyNotFoundError
from recourse.key import PolicyKey
from recourse.policy import Policy
from recourse.provider import RemoteProvider

KEY = PolicyKey("a.B")
TTL_S, NEGATIVE_S, ERROR_S, LKG_S = 60.0, 10.0, 5.0, 600.0


class Fetch(NamedTuple):
    at_s: float
    kind: str
    version: int


class Always:
    def random(self) -> float:
        return 0.5


class RemoteCache(RuleBasedStateMachine):
    """Asks at any time, while the source works, has nothing, or fails."""

    clock_type: Any

    @initialize()
    def begin(self) -> None:
        self.clock = self.clock_type()
        self.mood, self.version = "good", 0
        self.history: list[Fetch] = []
        self.provider = RemoteProvider(
            self,
            TTL_S,
            NEGATIVE_S,
            ERROR_S,
            LKG_S,
            clock=self.clock,
            random=Always(),  # type: ignore[arg-type]  # enough of one
        )

    def get(self, key: PolicyKey) -> Policy:
        self.history.append(Fetch(self.clock.now_s, self.mood, self.version))
        match self.mood:
            case "good":
                return Policy(key, id=f"v{self.version}")
            case "missing":
                raise PolicyNotFoundError(key.text)
            case _:
                raise OSError(self.mood)

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.0, 5.0, 10.0, 50.0, 60.0, 66.0, 300.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now_s += seconds

    @rule(mood=st.sampled_from(["good", "missing", "failing"]))
    def the_source_changes(self, mood: str) -> None:
        self.mood = mood
        self.version += 1

    @rule(how=st.sampled_from(["get", "cached"]))
    def somebody_asks(self, how: str) -> None:
        fetches_before = len(self.history)
        try:
            found = getattr(self.provider, how)(KEY)
        except PolicyNotFoundError:
            seen = "missing"
        except OSError:
            seen = "failing"
        else:
            seen = "ask" if found is None else f"{found.id} {found.source}"

        fetched = len(self.history) - fetches_before
        assert fetched <= 1
        if fetched:
            assert self.may_fetch(self.history[:-1])
        assert seen in self.allowed(
            how, self.history if how == "get" else self.history[:fetches_before]
        )

    def may_fetch(self, history: list[Fetch]) -> bool:
        """A source that failed, or had nothing, is left in peace; a policy is fetched when it is due."""
        if not history:
            return True
        age_s: float = self.clock.now_s - history[-1].at_s
        return age_s >= {"good": TTL_S, "missing": NEGATIVE_S, "failing": ERROR_S}[history[-1].kind]

    def allowed(self, how: str, history: list[Fetch]) -> set[str]:
        """What may be answered, given everything the source has said so far."""
        good = next((f for f in reversed(history) if f.kind != "failing"), None)
        answers: set[str] = set()
        if good is not None and good.kind == "good":
            age_s = self.clock.now_s - good.at_s
            if age_s < 1.1 * TTL_S:
                # A refresh while it is fresh may have been answered before it was fetched anew.
                earlier = [f for f in history if f.kind == "good"][-2:]
                return {f"v{f.version} remote" for f in earlier}
            if age_s < LKG_S:
                answers = {f"v{good.version} lkg"}
        last = history[-1] if history else None
        if last is not None and last.kind == "missing":
            answers = {"missing"}
        elif last is not None and last.kind == "failing" and not answers:
            answers = {"failing"}
        return answers | {"ask"} if how == "cached" else answers


@pytest.mark.slow
def test_r09_the_cache_says_what_the_history_of_its_source_allows(fake_clock: Any) -> None:
    machine = type("Machine", (RemoteCache,), {"clock_type": fake_clock})

    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=40))
