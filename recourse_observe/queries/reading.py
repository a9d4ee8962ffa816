"""What a comparison says, in sentences: by rules alone, and each with the queries that its numbers come from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from recourse_observe.queries import sentences
from recourse_observe.queries.compare import Comparison
from recourse_observe.queries.measured import Measured
from recourse_observe.queries.placement import LIMIT, Placement
from recourse_observe.queries.sentences import Said, Source
from recourse_observe.queries.statements import literal
from recourse_observe.scope import Scope

__all__ = ["Evidence", "Reading", "Sentence", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A query that gives numbers of a sentence; it runs as it stands.

    Attributes:
        name: By which sentences call it: ``E1``.
        about: What it asks, and of which side.
    """

    name: str
    about: str
    sql: str

    def to_json(self) -> dict[str, str]:
        """For programs."""
        return {"name": self.name, "about": self.about, "sql": self.sql}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One thing that a comparison says, and the names of its evidence."""

    text: str
    evidence: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """The sentence with its evidence."""
        return " ".join((self.text, *(f"[{name}]" for name in self.evidence)))

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"text": self.text, "evidence": list(self.evidence), "values": dict(self.values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a comparison says; nothing when one side has no call."""

    sentences: tuple[Sentence, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    def behind(self, sentence: Sentence) -> tuple[Evidence, ...]:
        """The queries of one sentence."""
        return tuple(one for one in self.evidence if one.name in sentence.evidence)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "sentences": [one.to_json() for one in self.sentences],
            "evidence": [one.to_json() for one in self.evidence],
        }


NOTHING: Final = Reading()


def read(
    found: Comparison,
    sides: tuple[Measured, Measured],
    places: Mapping[str, Placement],
    *,
    names: tuple[str, str] = ("A", "B"),
) -> Reading:
    """What differs, what does not, and what is not known.

    Args:
        found: The comparison.
        sides: What was measured of A and of B.
        places: How the attempts of B fail, by the dimensions of place.
        names: What the sides are called; swapped when they stand the other way round.
    """
    if not found.is_whole:
        return NOTHING
    said = tuple(_said(found, sides, places, names))
    sources = dict.fromkeys(source for one in said for source in one.sources)
    numbered = {source: f"E{number}" for number, source in enumerate(sources, 1)}
    return Reading(
        sentences=tuple(
            Sentence(
                text=one.text,
                evidence=tuple(numbered[source] for source in one.sources),
                values=one.values,
            )
            for one in said
        ),
        evidence=tuple(
            Evidence(name=name, about=_about(source, names), sql=_sql(found, source))
            for source, name in numbered.items()
        ),
    )


def _said(
    found: Comparison,
    sides: tuple[Measured, Measured],
    places: Mapping[str, Placement],
    names: tuple[str, str],
) -> Iterator[Said]:
    yield sentences.losses(found, names)
    yield from sentences.reasons(found, names)
    yield from sentences.placement(places, names[1])
    yield from sentences.policy(found, names)
    yield from sentences.load(found, names)
    yield from sentences.guards(found, names)
    yield from sentences.slowness(sides, names)


_WORDS: Final = {
    "keys": "measures of {}",
    "dimensions": "attempts of {} by every dimension",
    "everything": "attempts of every key during {}",
    "policies": "policies applied up to the end of {}",
    "placement": "failed attempts of {} by place",
}


def _about(source: Source, names: tuple[str, str]) -> str:
    return _WORDS[source.question].format(names[source.is_b])


def _sql(found: Comparison, source: Source) -> str:
    scope = found.b if source.is_b else found.a
    match source.question:
        case "everything":
            return literal("dimensions", scope.of(None).matching(""), limit=LIMIT)
        case "policies":
            return literal("policies", _until(scope))
        case "keys":
            return literal("keys", scope)
        case question:
            return literal(question, scope, limit=LIMIT)


def _until(scope: Scope) -> Scope:
    return scope.matching("").during(0, scope.end_unix_us)
