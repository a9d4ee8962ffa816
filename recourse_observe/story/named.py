"""Which incident is meant: by its number in the story, or by its key and onset, which other archives do not change."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from recourse_observe.scope import ScopeError, instant, parse_instant

if TYPE_CHECKING:
    from recourse_observe.story.findings import Incident, StoryDocument

__all__ = ["Reference", "UnknownIncidentError", "incident_named", "name_of"]

_NUMBER: Final = re.compile(r"#?([1-9]\d{0,8})", re.ASCII)
_NEAR_US: Final = 30_000_000
"""Incidents of one key are at least a minute apart: half of it cannot mean another one."""
_LISTED: Final = 5
_CULPRIT, _VICTIM, _STRANGER = range(3)


class UnknownIncidentError(ScopeError):
    """The archive has no such incident; the text says which it has, the nearest first."""

    def __str__(self) -> str:
        return f"incident {self.value!r} is not in this archive; {self.allowed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An incident as somebody named it.

    Attributes:
        text: The words.
        number: From 1, in the order of the story; 0 when it is named by key and onset.
        key: One of the keys that suffered.
        moment: When it began, as :func:`~recourse_observe.scope.parse_instant` reads it.
    """

    text: str
    number: int = 0
    key: str = ""
    moment: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """What the words mean.

        Raises:
            ScopeError: They name no incident.

        >>> Reference.read("#2").number, Reference.read("payments.Charge@10:02").key
        (2, 'payments.Charge')
        """
        if found := _NUMBER.fullmatch(text):
            return cls(text=text, number=int(found[1]))
        key, at, moment = text.rpartition("@")
        if not at or not moment:
            allowed = (
                "its number, as in 1 or #1, or KEY@ONSET, as in "
                "payments.Charge@2026-11-21T10:02:00Z"
            )
            raise ScopeError(text, "incident", allowed)
        parse_instant(moment)
        return cls(text=text, key=key, moment=moment)


def name_of(incident: "Incident") -> str:
    """The name of an incident: its first key and its onset."""
    return f"{incident.keys[0]}@{instant(incident.onset_unix_ns // 1_000)}"


def incident_named(reference: Reference, story: "StoryDocument") -> "Incident":
    """The incident that is meant: of that number, or of that key and with the nearest onset.

    Raises:
        UnknownIncidentError: There is none, or none of the key that began within half a minute.
    """
    ranked = sorted((_distance(reference, one, story), one.id, one) for one in story.incidents)
    for (kinship, far), _, incident in ranked:
        if far <= (0 if reference.number else _NEAR_US) and kinship < _STRANGER:
            return incident
    known = [f"#{one.id} {name_of(one)}" for *_, one in ranked]
    raise UnknownIncidentError(reference.text, "incident", _what_there_is(known))


def _distance(reference: Reference, one: "Incident", story: "StoryDocument") -> tuple[int, int]:
    """How far from what was said: culprits before victims before strangers, then by time or number."""
    if reference.number:
        return _CULPRIT, abs(one.id - reference.number)
    at_us = parse_instant(reference.moment, day_unix_us=story.start_unix_ns // 1_000)
    kinships = {**dict.fromkeys(one.affected_keys, _VICTIM), **dict.fromkeys(one.keys, _CULPRIT)}
    return kinships.get(reference.key, _STRANGER), abs(one.onset_unix_ns // 1_000 - at_us)


def _what_there_is(known: list[str]) -> str:
    if not known:
        return "it has none; look with recourse triage"
    rest = known[1:_LISTED]
    others = f"; the others: {', '.join(rest)}" if rest else ""
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"the nearest is {known[0]}{others}{more}"
