"""A run of a scenario whose calls can be looked up, to be compared with the same calls of another."""

from dataclasses import dataclass, field
from typing import Final

from recourse_observe.lab.records import CallRecord
from recourse_observe.lab.spec import Scenario
from recourse_observe.lab.world import Run, run

__all__ = ["Known"]

_GOOD: Final = 200
_SLOWER: Final = 2.5
_SLOWER_S: Final = 0.005


@dataclass(slots=True)
class Known:
    """A run, looked up by the numbers of its calls."""

    run: Run
    calls: dict[int, CallRecord] = field(default_factory=dict)
    hurt: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, scenario: Scenario) -> "Known":
        """Run a scenario and look at every call."""
        result = run(scenario)
        known = cls(result, {call.number: call for call in result.calls})
        answered: set[tuple[int, int]] = set()
        failed: set[tuple[int, int]] = set()
        for a in result.attempts:
            (answered if a.status == _GOOD else failed).add((a.number, a.attempt))
        known.hurt = {number for number, _ in failed - answered}
        known.hurt |= {call.number for call in result.calls if call.error}
        return known

    def is_slow(self, call: CallRecord, other: "Known") -> bool:
        """Whether a call took much longer than in another run."""
        same = other.calls.get(call.number)
        if same is None or call.error or same.error:
            return False
        usual_s = same.ended_s - same.started_s
        return call.ended_s - call.started_s > _SLOWER * usual_s + _SLOWER_S
