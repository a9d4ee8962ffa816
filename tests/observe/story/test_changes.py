"""What changed around an incident, and in which order incidents are listed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.queries.archive import open_archive
from recourse_observe.story.changes import Change, by_loss, changes
from recourse_observe.story.findings import Fact, Incident, Role
from recourse_observe.story.tell import tell

S = 1_000_000
T0 = 1_795_255_200 * S  # 2026-11-21T10:00:00Z
SAMPLE = Path(__file__).parents[3] / "sample-data" / "checkout-outage"


@pytest.fixture(scope="module")
def incident() -> Incident:
    with open_archive(SAMPLE, trusted=True) as archive:
        (one,) = tell(archive).incidents
    return one


def fact(kind: str, role: Role, at_us: int | None) -> Fact:
    at_ns = None if at_us is None else at_us * 1_000
    return Fact(role=role, kind=kind, at_unix_ns=at_ns, text=kind, sql="", values={})


def around(at_us: int, one: Incident) -> Incident:
    """An incident of ten seconds, with facts of every use."""
    facts = (
        fact("reason", Role.ROOT, at_us),
        fact("policy", Role.ROOT, at_us),
        fact("ours", Role.ROOT, None),
        fact("impact", Role.IMPACT, at_us),
        fact("end", Role.END, at_us + 10 * S),
    )
    return replace(
        one, onset_unix_ns=at_us * 1_000, end_unix_ns=(at_us + 10 * S) * 1_000, facts=facts
    )


def refusal(seconds: int, name: str | None) -> dict[str, Any]:
    return {
        "decided_at": T0 + seconds * S, "call_id": "a", "key": "k", "attempt": 1, "kind": "retry",
        "budget_name": name, "allowed": False, "reason": "empty",
    }  # fmt: skip


def test_what_changed_is_told_once_with_how_often_it_was(
    incident: Incident, tmp_path: Path
) -> None:
    versions = [(0, "a", "v1"), (0, "b", "v1"), (31, "a", "v2"), (33, "b", "v2"), (34, "a", "v1")]
    breaker = [(32, "closed", "open"), (35, "open", "half_open"), (36, "half_open", "open"), (99, "open", "closed")]  # fmt: skip
    hedge = {"call_id": "a", "key": "k", "attempt": 0, "hedge_index": 1, "is_hedge": True}
    place = write_archive(
        tmp_path / "archive",
        {
            "policies": [
                {"applied_at": T0 + at * S, "key": key, "policy_version": version}
                for at, key, version in versions
            ],
            "circuit_transitions": [
                {
                    "changed_at": T0 + at * S,
                    "key": "a",
                    "from_state": was,
                    "to_state": now,
                    "cause": "x",
                }
                for at, was, now in breaker
            ],
            "budget_decisions": [refusal(30, None), refusal(31, "shop"), refusal(37, "shop")],
            "attempts": [hedge | {"started_at": T0 + at * S} for at in (38, 39)],
        },
    )

    with open_archive(place, trusted=True) as archive:
        found = changes(archive, around(T0 + 30 * S, incident))

    assert [((one.at_us - T0) // S, one.text) for one in found] == [
        (30, "a budget without a name denies: empty"),
        (30, "reason"),
        (31, "budget 'shop' denies: empty, 2 times until 10:00:37"),
        (31, "policy of a and 1 other key: v1 → v2"),
        (32, "breaker of a open, 2 times until 10:00:36"),
        (34, "policy of a: v2 → v1"),
        (38, "first hedge of k, of 2"),
        (40, "end"),
    ]
    assert found[0] == Change(at_us=T0 + 30 * S, text="a budget without a name denies: empty")


def test_hedges_that_were_usual_are_no_change(incident: Incident, tmp_path: Path) -> None:
    hedge = {"call_id": "a", "key": "k", "attempt": 0, "hedge_index": 1, "is_hedge": True}
    rows = [hedge | {"started_at": T0 + at * S} for at in (25, 39)]
    place = write_archive(tmp_path / "archive", {"attempts": rows})

    with open_archive(place, trusted=True) as archive:
        found = changes(archive, around(T0 + 30 * S, incident))

    assert [one.text for one in found] == ["reason", "end"]


def test_the_incident_that_lost_most_comes_first_and_of_equals_the_earlier(
    incident: Incident,
) -> None:
    def losing(lost: int, number: int) -> Incident:
        measures = replace(incident.measures, lost=lost)
        return replace(incident, id=number, onset_unix_ns=number, measures=measures)

    listed: Callable[..., list[int]] = lambda *some: [one.id for one in by_loss(some)]  # noqa: E731  # read in one line

    assert listed(losing(1, 1), losing(3, 2), losing(3, 3)) == [2, 3, 1]
