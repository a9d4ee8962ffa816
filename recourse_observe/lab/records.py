"""What a run leaves: who ran, and how each call and each attempt went."""

from typing import Final, NamedTuple

__all__ = ["CUT_OFF", "AttemptRecord", "CallRecord", "Incarnation"]

CUT_OFF: Final = -2
"""The status of an attempt that its client cut off."""


class Incarnation(NamedTuple):
    """One process from its start to its end."""

    service: str
    process: int
    name: str
    started_s: float
    skew_s: float


class CallRecord(NamedTuple):
    """How a call went, as its caller saw it; times in seconds since the run began.

    Attributes:
        error: The name of the exception's class; empty for a success.
    """

    number: int
    key: str
    service: str
    process: int
    started_s: float
    ended_s: float
    error: str

    @property
    def succeeded(self) -> bool:
        """Whether the caller got a value."""
        return not self.error


class AttemptRecord(NamedTuple):
    """How one run of an operation went; times in seconds since the run began.

    Attributes:
        status: What the dependency answered; 0 refused, -1 reset, -2 cut off by the client.
    """

    number: int
    key: str
    attempt: int
    hedge: int
    process: int
    instance: int
    started_s: float
    ended_s: float
    status: int
