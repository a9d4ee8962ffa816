"""An incident keeps its name where its number changes, whatever its key is called."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from recourse_observe.scope import ScopeError
from recourse_observe.story.findings import (
    Cause,
    Incident,
    Measures,
    Ranked,
    RetryEffect,
    StoryDocument,
)
from recourse_observe.story.named import Reference, UnknownIncidentError, incident_named, name_of

T0 = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
MINUTE = 60_000_000
KEYS = st.text(st.characters(codec="utf-8"), max_size=12)


def incident(number: int, key: str, onset_us: int, *victims: str) -> Incident:
    measures = Measures(
        calls=10, lost=1, attempts=10, retries=0, rescued=0, wasted=0, hedges=0, denied=0,
        rejected=0, amplification_before=1.0, reason="", reason_share=0.0,
        reason_share_before=0.0, p99_us=None, p99_before_us=None,
    )  # fmt: skip
    return Incident(
        id=number, onset_unix_ns=onset_us * 1_000 + 999, end_unix_ns=(onset_us + MINUTE) * 1_000,
        ongoing=False, keys=(key,), affected_keys=(key, *victims), instances=(),
        causes=(Ranked(cause=Cause.UNKNOWN, confidence=1.0),), amplification=1.0,
        retry_effect=RetryEffect.NEUTRAL, actions=(), evidence=(), headline="", facts=(),
        checked=(), cannot_know=(), measures=measures,
    )  # fmt: skip


def story(*incidents: Incident) -> StoryDocument:
    numbered = tuple(replace(one, id=number) for number, one in enumerate(incidents, 1))
    return StoryDocument(
        archive="a", start_unix_ns=T0 * 1_000, end_unix_ns=(T0 + 600 * MINUTE) * 1_000,
        incidents=numbered,
    )  # fmt: skip


PAY = incident(1, "pay", T0, "mail")
MAIL = incident(2, "mail", T0 + 40 * MINUTE)


@given(KEYS, st.integers(0, 253_402_300_799_999_999), st.integers(0, 1))
def test_a_name_is_read_back_in_whatever_order_incidents_are(
    key: str, onset_us: int, place: int
) -> None:
    one = incident(1, key, onset_us)
    others = (incident(1, f"{key}!", onset_us),)
    told = story(*others, one) if place else story(one, *others)

    found = incident_named(Reference.read(name_of(one)), told)

    assert (found.keys, found.onset_unix_ns) == (one.keys, one.onset_unix_ns)
    assert found.id == 1 + place


@pytest.mark.parametrize("words", ["2", "#2", "mail@10:40", "mail@2026-11-21T10:40:20Z"])
def test_a_number_a_time_of_day_and_a_moment_half_a_minute_off_name_it(words: str) -> None:
    assert incident_named(Reference.read(words), story(PAY, MAIL)).id == 2


def test_a_victim_names_its_incident_unless_it_is_a_culprit_itself() -> None:
    own = incident(2, "mail", T0 + 20_000_000)

    assert incident_named(Reference.read("mail@10:00"), story(PAY, MAIL)).id == 1
    assert incident_named(Reference.read("mail@10:00"), story(PAY, own)).id == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("mail@10:30", "the nearest is #2 mail@2026-11-21T10:40:00Z; the others: #1 pay@"),
        ("search@10:00", "the nearest is #1 pay@2026-11-21T10:00:00Z; the others: #2 mail@"),
        ("9", "the nearest is #2 mail@"),
    ],
)
def test_no_such_incident_is_told_with_those_that_there_are(words: str, told: str) -> None:
    with pytest.raises(UnknownIncidentError) as raised:
        incident_named(Reference.read(words), story(PAY, MAIL))

    assert str(raised.value).startswith(f"incident {words!r} is not in this archive; {told}")


def test_of_many_incidents_five_are_told() -> None:
    many = story(*(incident(0, f"k{n}", T0 + n * MINUTE) for n in range(8)))

    with pytest.raises(UnknownIncidentError, match=r"#4 k3@2026-11-21T10:03:00Z and 3 more$"):
        incident_named(Reference.read("9"), many)


def test_an_archive_without_incidents_says_so() -> None:
    with pytest.raises(UnknownIncidentError, match="it has none; look with recourse triage"):
        incident_named(Reference.read("1"), story())


@pytest.mark.parametrize("words", ["", "x", "#", "0", "one", "pay@", "pay@soon", "1.5", "-1", "²"])
def test_words_that_name_no_incident_are_a_mistake(words: str) -> None:
    with pytest.raises(ScopeError, match="cannot be read; use "):
        Reference.read(words)
