"""What is compared: what really happened, by its label, and what was told. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

__all__ = ["LABELS", "Answer", "Label", "LabelError", "Truth"]

LABELS: Final = "recourse.lab-labels/1"


class LabelError(ValueError):
    """A label file does not say what it should.

    Attributes:
        path: Which file.
        wrong: What is wrong with it, as a phrase.
    """

    def __init__(self, path: str, wrong: str) -> None:
        super().__init__(path, wrong)
        self.path = path
        self.wrong = wrong

    def __str__(self) -> str:
        return f"label file {self.path!r} {self.wrong}; make it anew with `recourse lab set`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One incident as it really was.

    Attributes:
        also_right: Causes that a careful person could name as well.
        keys: The culprits.
        affected_keys: Whoever suffered, culprits included.
        retry_effect: What our retries did; empty when nobody measured it.
    """

    cause: str
    also_right: frozenset[str]
    keys: frozenset[str]
    affected_keys: frozenset[str]
    onset_ns: int
    end_ns: int
    retry_effect: str

    @classmethod
    def from_json(cls, made: Mapping[str, Any]) -> Self:
        """From an incident of a label file."""
        return cls(
            cause=made["cause"],
            also_right=frozenset(made.get("also_right") or ()),
            keys=frozenset(made["keys"]),
            affected_keys=frozenset(made["keys"]) | frozenset(made.get("affected_keys") or ()),
            onset_ns=made["onset_ns"],
            end_ns=made["end_ns"],
            retry_effect=made.get("retry_effect") or "",
        )

    def is_right(self, cause: str) -> bool:
        """Whether a cause is the one, or as good."""
        return cause == self.cause or cause in self.also_right


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What happened in one archive.

    Attributes:
        healthy_s: Seconds of it in which nothing was wrong.
    """

    scenario: str
    seed: int
    healthy_s: float
    incidents: tuple[Label, ...]

    @classmethod
    def from_json(cls, made: Mapping[str, Any], path: str) -> Self:
        """From a label file.

        Raises:
            LabelError: It is of another kind, or something is missing.
        """
        if made.get("schema") != LABELS:
            raise LabelError(path, f"is no {LABELS}")
        try:
            return cls(
                scenario=made["scenario"],
                seed=made["seed"],
                healthy_s=made["healthy_s"],
                incidents=tuple(Label.from_json(one) for one in made["incidents"]),
            )
        except KeyError as missing:
            raise LabelError(path, f"does not say {missing.args[0]!r}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One incident as it was told.

    Attributes:
        causes: Ranked, with confidences.
        is_grounded: Whether the rows that it cites exist, on the keys and in the time that it names.
    """

    causes: tuple[tuple[str, float], ...]
    keys: frozenset[str]
    affected_keys: frozenset[str]
    onset_ns: int
    end_ns: int
    retry_effect: str
    is_grounded: bool

    @classmethod
    def from_json(cls, told: Mapping[str, Any], *, is_grounded: bool) -> Self:
        """From an incident of a story document."""
        return cls(
            causes=tuple((one["cause"], one["confidence"]) for one in told["causes"]),
            keys=frozenset(told["keys"]),
            affected_keys=frozenset(told["affected_keys"]),
            onset_ns=told["onset_ns"],
            end_ns=told["end_ns"],
            retry_effect=told["retry_effect"],
            is_grounded=is_grounded,
        )

    @property
    def cause(self) -> str:
        """The most likely one."""
        return self.causes[0][0]

    @property
    def confidence(self) -> float:
        """How sure it is of it."""
        return self.causes[0][1]
