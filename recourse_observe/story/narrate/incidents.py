"""Incidents in words: their headline, what a row proves, and what nobody can know of them."""

from collections.abc import Sequence
from typing import Final

from recourse_observe.story.findings import Cause, Incident, Measures, RetryEffect
from recourse_observe.text import clock, count, percent, plural, printable, span, zone_name

__all__ = ["cannot_know", "cause_name", "headline", "our_part", "why"]


def cause_name(cause: Cause) -> str:
    """A cause as a person says it."""
    return str(cause).replace("_", " ")


def our_part(effect: RetryEffect, measures: Measures) -> str:
    """What our retries and hedges did, as a clause."""
    match effect:
        case RetryEffect.HELPED:
            return f"our retries saved {plural(measures.rescued, 'call')}"
        case RetryEffect.HARMED:
            return "our own attempts made it worse"
        case RetryEffect.NEUTRAL:
            return "our retries neither helped nor harmed"


def headline(incident: Incident) -> str:
    """The incident in two sentences."""
    m = incident.measures
    start, end = incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
    until = (
        "and still does" if incident.ongoing else f"until {clock(end, decimals=1)} {zone_name(end)}"
    )
    reason = f" ({printable(m.reason)})" if m.reason else ""
    lost = f"{count(m.lost)} of {count(m.calls)} calls ({percent(m.lost_share)})"
    none = f"none of {plural(m.calls, 'call')}"
    return (
        f"{_who(incident)} lost {lost if m.lost else none} "
        f"from {clock(start, decimals=1)} {until}, {span(end - start)}: "
        f"{cause_name(incident.cause)}{reason}. With {m.amplification_before:.2f} attempts per call "
        f"before and {incident.amplification:.2f} during it, "
        f"{our_part(incident.retry_effect, m)}. Confidence {incident.confidence:.2f}."
    )


def _who(incident: Incident) -> str:
    """The culprit keys; one that was taken apart says into how many."""
    if incident.cause is Cause.KEY_CARDINALITY and len(incident.keys) == 1:
        made = len(incident.affected_keys) - 1
        return f"{_keys(incident.keys)} (as {plural(made, 'key')})"
    return _keys(incident.keys)


def _keys(keys: Sequence[str]) -> str:
    shown = ", ".join(printable(key) for key in keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more keys"  # noqa: PLR2004  # more are a list


_WHY: Final = {
    "changed": "the breaker went to {0}",
    "denied": "a retry was denied: {0}",
    "failed": "an attempt failed: {0}",
    "lost": "a call was lost: {0}",
    "policy": "the process applied policy version {0}",
    "rescued": "a retry succeeded: {0}",
    "resolve_failed": "no policy could be resolved: {0}",
    "slow": "an answer came far later than usual: {0}",
    "spawned": "a hedge was spawned, and {0}",
}


def why(what: str, detail: str) -> str:
    """Why a row is evidence."""
    return _WHY[what].format(printable(detail))


def cannot_know(
    *, timeouts: bool, ongoing: bool, sampled: bool, dropped: int, gaps: int
) -> tuple[str, ...]:
    """What the archive of a client cannot tell about an incident."""
    known = [
        "what went on inside the dependency, and what its other clients asked of it",
        "how far the clocks of the processes differ",
    ]
    if timeouts:
        known.append("whether attempts that were cut off took effect")
    if ongoing:
        known.append("how it ended: it reaches the end of the archive")
    if sampled:
        known.append("the exact course of clean calls: they were sampled")
    if dropped:
        known.append(f"what {plural(dropped, 'dropped event')} would have told")
    if gaps:
        known.append("whether minutes without a record had no traffic or no recorder")
    return tuple(known)
