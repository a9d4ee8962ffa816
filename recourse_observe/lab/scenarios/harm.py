"""What an incident did to calls, as a family may ask about it."""

from dataclasses import dataclass

from recourse_observe.lab.records import CallRecord
from recourse_observe.lab.world import Run

__all__ = ["Harm"]


@dataclass(frozen=True, slots=True)
class Harm:
    """What an incident did to the calls of its culprits; times in seconds since the run began.

    Attributes:
        run: The run with everything in it.
        onset_s: The start of the first of many harmed calls.
        end_s: The start of the last of them.
        calls: The culprits' calls from onset to end.
        harmed: The numbers of those that fared worse than without the fault.
        last_fault_s: When the last fault of the claim ended.
    """

    run: Run
    onset_s: float
    end_s: float
    calls: tuple[CallRecord, ...]
    harmed: frozenset[int]
    last_fault_s: float

    @property
    def outlasts_s(self) -> float:
        """How long it went on after its faults were over."""
        return self.end_s - self.last_fault_s

    def lost_to(self, error: str) -> float:
        """The part of the lost calls that ended with an exception of this class."""
        lost = [call.error for call in self.calls if call.error and call.number in self.harmed]
        return lost.count(error) / max(1, len(lost))

    def hedges_per_call(self) -> float:
        """Hedges that were launched for each call of the culprits."""
        numbers = {call.number for call in self.calls}
        hedges = sum(1 for a in self.run.attempts if a.hedge and a.number in numbers)
        return hedges / max(1, len(self.calls))
