"""What the doctor says."""

from dataclasses import dataclass

__all__ = ["Complaint", "Needs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that makes an outage worse, and what to do about it.

    Attributes:
        rule: What kind of thing, as a code.
        thing: What was looked at, as the user calls it.
        wrong: What is wrong with it, as a phrase.
        advice: What to do, as a phrase.
    """

    rule: str
    thing: str
    wrong: str
    advice: str

    def __str__(self) -> str:
        """``thing what is wrong; what to do``."""
        return f"{self.thing} {self.wrong}; {self.advice}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the policies of a service ask of its clients.

    Attributes:
        attempts: Most attempts that a policy allows.
        runs: Most runs of one call at the same time: 2 with one hedge.
    """

    attempts: int = 3
    runs: int = 1
