"""What an answer is made of: numbers that say of what kind they are, a check of the model, and reasons."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

__all__ = [
    "SCHEMA",
    "Answer",
    "Check",
    "CheckRow",
    "Direction",
    "Edit",
    "Kind",
    "LoadPoint",
    "Row",
    "Sense",
    "Suggestion",
    "SweepPoint",
    "Unit",
]

SCHEMA: Final = "recourse.whatif/1"


class Kind(StrEnum):
    """How far a number may be believed."""

    EXACT = "EXACT"
    BOUND = "BOUND"
    MODEL = "MODEL"
    REPLAY = "REPLAY"


class Unit(StrEnum):
    """What a number counts."""

    CALLS = "calls"
    ATTEMPTS = "attempts"
    PER_CALL = "attempts per call"
    PER_SECOND = "attempts per second"
    SECONDS = "seconds"


class Sense(StrEnum):
    """What becomes of a count."""

    FEWER = "fewer"
    MORE = "more"
    AS_MANY = "as many"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """Whether it would have been fewer or more, as far as worlds agree; see :class:`Row`.

    Attributes:
        sense: Not known when too many worlds contradict the middle.
        worlds: How many dependencies, each with its luck, come near the record.
        fewer: How many of them say so; ``more`` and ``as_many`` likewise.
    """

    sense: Sense
    worlds: int
    fewer: int
    more: int
    as_many: int

    @property
    def known(self) -> bool:
        """Whether the direction is answered."""
        return self.sense is not Sense.NOT_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measure, as recorded and as it would have been.

    Attributes:
        name: A stable name, for example ``failed_calls``.
        recorded: What the archive says; ``None`` when it says nothing.
        candidate: The most likely value; ``None`` when only a bound is known, or nothing.
        low: Least value that is likely (``MODEL``) or possible (``BOUND``); ``None`` is no limit.
        high: Greatest such value.
        kind: How far it may be believed.
        note: What it counts, or what it rests on; may be empty.
        direction: Of modelled failed calls, whether there are fewer or more; ``None`` of all else.
    """

    name: str
    recorded: float | None
    candidate: float | None
    low: float | None = None
    high: float | None = None
    kind: Kind
    unit: Unit
    note: str = ""
    direction: Direction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One value of the policy that the candidate changes."""

    path: str
    before: Any  # whatever the field holds
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPoint:
    """Attempts per second on the dependency in one stretch of time."""

    at_unix_us: int
    recorded: float
    candidate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One measure of the recorded policy: as recorded, and as the model makes it."""

    name: str
    recorded: float
    low: float
    modelled: float
    high: float
    unit: Unit
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether the model reproduces the record under the policy that was in force.

    Attributes:
        passed: Whether it does, well enough to ask it for more.
        rows: Measure by measure.
        mechanisms: What the fitted dependency does, one sentence each.
    """

    passed: bool
    rows: tuple[CheckRow, ...]
    mechanisms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """The answer for one value of the field that is swept."""

    value: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A policy that loses fewer calls, or loads the dependency less, than every cheaper one.

    Attributes:
        edits: What it changes.
        rows: What it would have made of the incident.
        quiet_rows: What it would have made of the quiet part of the same archive: its risk.
        risk: The risk in one sentence.
        toml: The policy as a file, with the evidence as comments.
    """

    edits: tuple[Edit, ...]
    rows: tuple[Row, ...]
    quiet_rows: tuple[Row, ...]
    risk: str
    toml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How an incident would have gone under another policy.

    Attributes:
        archive: The last part of the archive's path.
        key: The policy key whose calls are looked at.
        incident: Its number in the story; ``None`` when the whole archive is looked at.
        start_unix_us: Start of the stretch that is looked at; ``end_unix_us`` is not included.
        edits: What the candidate changes; empty when nothing.
        rows: The measures.
        load: Load on the dependency over time.
        assumes: What the numbers rest on, one sentence each.
        check: Whether the model reproduces the record; ``None`` when it was not asked.
        refusal: Why there are no ``MODEL`` numbers; ``None`` when there are.
        runs: How many simulated runs stand behind the intervals.
        sweep_field: The field that was swept; empty when none.
    """

    archive: str
    key: str
    incident: int | None
    start_unix_us: int
    end_unix_us: int
    edits: tuple[Edit, ...]
    rows: tuple[Row, ...]
    load: tuple[LoadPoint, ...] = ()
    assumes: tuple[str, ...] = ()
    check: Check | None = None
    refusal: str | None = None
    runs: int = 0
    sweep_field: str = ""
    sweep: tuple[SweepPoint, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()

    def row(self, name: str, kind: Kind | None = None) -> Row | None:
        """The measure of this name, of any kind or of one."""
        found = (row for row in self.rows if row.name == name and kind in {None, row.kind})
        return next(found, None)

    def to_json(self) -> dict[str, Any]:
        """The document ``recourse.whatif/1``."""
        return {"schema": SCHEMA, **_plain(self)}


def _plain(value: Any) -> Any:
    """A value that JSON has a word for."""
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6)
    return str(value) if isinstance(value, StrEnum) else value
