"""Tells the story of an archive: finds the incidents, asks for their cause, and puts it in words."""

from dataclasses import replace
from typing import Final

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.rows import Coverage, PolicyRow
from recourse_observe.story import narrate
from recourse_observe.story.asked import Span, asked
from recourse_observe.story.counted import counted
from recourse_observe.story.detectors.circuit_stuck_open import stuck_instances
from recourse_observe.story.detectors.signs import Suspect
from recourse_observe.story.evidence import gather
from recourse_observe.story.facts import Teller, looked_at, measures
from recourse_observe.story.find import Found, find
from recourse_observe.story.findings import Cause, Checked, Incident, Ranked, StoryDocument
from recourse_observe.story.judge import rank, suspects
from recourse_observe.story.look import look
from recourse_observe.story.part import actions, retry_effect
from recourse_observe.story.picture import Picture

__all__ = ["tell"]

_MOST_KEYS: Final = 1_000
_MOST_OF: Final = 0.9


def tell(archive: Archive, found: Found | None = None) -> StoryDocument:
    """The story of an archive; the same archive gives the same story.

    Args:
        archive: What is told.
        found: Its incidents, where they have been looked for already.
    """
    found = found or find(archive)
    applied = archive.policies() if found.spans else ()
    incidents = tuple(
        _incident(archive, span, applied, found.coverage, number)
        for number, span in enumerate(found.spans, 1)
    )
    return StoryDocument(
        archive=archive.name,
        start_unix_ns=found.coverage.first_unix_us * 1_000,
        end_unix_ns=found.coverage.last_unix_us * 1_000,
        incidents=incidents,
        looked_at=looked_at(archive, found.known),
        warnings=archive.warnings,
    )


def _incident(
    archive: Archive,
    span: Span,
    applied: tuple[PolicyRow, ...],
    coverage: Coverage,
    number: int,
) -> Incident:
    answers = asked(archive, span)
    picture = look(archive, span, answers, applied)
    found = suspects(picture)
    causes = rank(found)
    cause = causes[0].cause
    known, scope = answers.facts() | counted(picture, span.start_us), span.scope
    facts = Teller(archive=archive, known=known, picture=picture, scope=scope, cause=cause).facts()
    numbers = measures(facts, picture)
    culprits = _culprits(picture, cause)
    told = Incident(
        id=number,
        onset_unix_ns=span.onset_us * 1_000,
        end_unix_ns=span.end_us * 1_000,
        ongoing=span.ongoing,
        keys=culprits[:_MOST_KEYS],
        affected_keys=tuple(dict.fromkeys((*culprits, *span.affected)))[:_MOST_KEYS],
        instances=_instances(picture, cause),
        causes=causes,
        amplification=round(picture.during.amplification, 4),
        retry_effect=retry_effect(cause, picture),
        actions=actions(cause, picture),
        evidence=gather(answers, picture, cause),
        headline="",
        facts=facts,
        checked=_checked(found, causes),
        cannot_know=_cannot_know(picture, coverage),
        measures=numbers,
    )
    return replace(told, headline=narrate.headline(told))


def _culprits(picture: Picture, cause: Cause) -> tuple[str, ...]:
    """The culprit keys; for many that carry request data, the key that they were made from."""
    if cause is not Cause.KEY_CARDINALITY:
        return picture.keys
    known = {row.key for row in picture.all_calls if row.phase == "before"} - set(picture.new_keys)
    made_from = {key: sum(one.startswith(key) for one in picture.keys) for key in known}
    key = max(sorted(known), key=lambda one: (made_from[one], len(one)), default="")
    most = made_from.get(key, 0) >= _MOST_OF * len(picture.keys)
    return (key,) if most else picture.keys


def _instances(picture: Picture, cause: Cause) -> tuple[str, ...]:
    """The culprit processes, where it is a matter of single ones."""
    if cause is Cause.SINGLE_PROCESS_FAULT:
        return (picture.worst_instance[0],)
    if cause is Cause.CIRCUIT_STUCK_OPEN:
        stuck = stuck_instances(picture)
        return stuck if len(stuck) < len(picture.instances) else ()
    return ()


def _checked(found: tuple[Suspect, ...], causes: tuple[Ranked, ...]) -> tuple[Checked, ...]:
    """What was looked for and ruled out, the nearest first."""
    return tuple(
        Checked(cause=one.cause, ruled_out_by=narrate.sign(one.weakest))
        for one in found
        if one.cause is not causes[0].cause
    )


def _cannot_know(picture: Picture, coverage: Coverage) -> tuple[str, ...]:
    return narrate.cannot_know(
        timeouts=picture.during.of_failed("is_timeout") > 0,
        ongoing=picture.ongoing,
        sampled=coverage.sampled > 0,
        dropped=coverage.dropped_events,
        gaps=len(coverage.gaps),
    )
