"""The pure parts, one by one."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recourse_observe.story import narrate, whole
from recourse_observe.story.actions import Action
from recourse_observe.story.baseline import slow_limit_us, usual_latency, usual_share
from recourse_observe.story.bins import Bin
from recourse_observe.story.calibration import calibrated
from recourse_observe.story.cusum import edge_after_low, edge_at_peak, raised, spells
from recourse_observe.story.detectors.signs import Sign, ramp, weigh
from recourse_observe.story.findings import Cause, Evidence, Ranked, RetryEffect, StoryDocument
from recourse_observe.story.incidents import Complaint, Group, blamed, group
from recourse_observe.story.judge import rank
from recourse_observe.story.render import as_json, as_markdown, as_text
from recourse_observe.story.spells import KeySpell, key_spells

S = 1_000_000


@given(st.floats(0.001, 0.9))
def test_the_share_worth_an_alarm_is_above_the_usual_one(p0: float) -> None:
    assert p0 < raised(p0) < 1


@given(st.integers(5, 60), st.integers(5, 40), st.integers(20, 60))
def test_a_spell_is_found_where_it_is(before: int, length: int, after: int) -> None:
    counts = [(10, 0)] * before + [(10, 8)] * length + [(10, 0)] * after

    (found,) = spells(counts, 0.005)

    assert (found.first, found.last) == (before, before + length - 1)


def test_a_spell_at_the_end_is_open() -> None:
    (found,) = spells([(10, 0)] * 9 + [(10, 9)] * 9, 0.005)

    assert found.last == 17


def test_two_spells_apart_are_two() -> None:
    counts = [(10, 0)] * 9 + [(10, 9)] * 9 + [(10, 0)] * 40 + [(10, 9)] * 9 + [(10, 0)] * 40

    assert [(s.first, s.last) for s in spells(counts, 0.005)] == [(9, 17), (58, 66)]


@given(st.integers(0, 40), st.integers(1, 40))
def test_edges_are_the_first_and_the_last_bad_call(good: int, bad: int) -> None:
    flags = [False] * good + [True] * bad

    assert edge_after_low(flags, 0.01, 0.5) == good
    assert edge_at_peak(flags[::-1], 0.01, 0.5) == bad - 1


def test_a_key_without_calls_has_a_floor_for_its_usual_share() -> None:
    assert usual_share([]) == 0.001
    assert usual_share([(3, 0)]) == pytest.approx(0.0625)


def test_nothing_is_slow_without_a_baseline() -> None:
    assert usual_latency([]) is None
    assert slow_limit_us(None) > 10**15


def bins(counts: list[tuple[int, int]], key: str = "a.B") -> list[Bin]:
    return [
        Bin(key=key, bin=i, calls=n, lost=bad, hurt=bad, slow=0, hedged=0)
        for i, (n, bad) in enumerate(counts)
    ]


def test_a_blip_of_twelve_seconds_is_no_incident() -> None:
    counts = [(20, 0)] * 100 + [(20, 20)] * 12 + [(20, 0)] * 100

    assert key_spells(bins(counts), S) == []


def test_blips_that_come_back_are_one_incident() -> None:
    wave = [(20, 20)] * 6 + [(20, 0)] * 15
    counts = [(20, 0)] * 100 + wave * 5 + [(20, 0)] * 100

    (found,) = key_spells(bins(counts), S)

    assert (found.start_us, found.end_us) == (100 * S, 190 * S)


def test_a_faint_blip_before_an_incident_is_not_its_beginning() -> None:
    counts = [(20, 0)] * 100 + [(20, 8)] + [(20, 0)] * 20 + [(20, 20)] * 60 + [(20, 0)] * 50

    (found,) = key_spells(bins(counts), S)

    assert found.start_us == 121 * S


def test_gaps_between_the_rows_of_a_sample_are_no_incident() -> None:
    # A key that always fails in one of five calls; of its good calls one in 25 is kept.
    dice = random.Random(5)  # noqa: S311  # calls, no secrets
    drawn = [(25 * (dice.random() < 0.1), int(dice.random() < 0.6)) for _ in range(600)]
    counts = [(good + bad, bad) for good, bad in drawn]

    assert key_spells([one._replace(heaviest=25) for one in bins(counts) if one.calls], S) == []
    assert key_spells([one for one in bins(counts) if one.calls], S) != []


def test_an_outage_is_seen_in_a_sample() -> None:
    counts = [(25, 0)] * 60 + [(4, 4)] * 40 + [(25, 0)] * 60

    (found,) = key_spells([one._replace(heaviest=25) for one in bins(counts)], S)

    assert (found.start_us, found.end_us) == (60 * S, 100 * S)


def test_what_was_so_from_the_first_moment_to_the_last_is_no_incident() -> None:
    assert key_spells(bins([(20, 20)] * 200), S) == []


def spell(key: str, start_s: int, end_s: int, bad: float = 100.0) -> KeySpell:
    return KeySpell(
        key=key,
        channel="lost",
        start_us=start_s * S,
        end_us=end_s * S,
        calls=200,
        share=0.5,
        usual=0.001,
        bad=bad,
        lost=100,
    )


def test_keys_of_one_dependency_are_one_incident() -> None:
    (one,) = group([spell("a.B", 10, 60), spell("a.C", 30, 90)], {}, 999 * S)

    assert [s.key for s in one.spells] == ["a.B", "a.C"]
    assert (one.start_us, one.end_us) == (10 * S, 90 * S)


def test_dependencies_that_fail_at_different_times_are_two_incidents() -> None:
    assert len(group([spell("a.B", 10, 60), spell("c.D", 40, 90)], {}, 999 * S)) == 2
    assert len(group([spell("a.B", 10, 60), spell("c.D", 70, 90)], {}, 999 * S)) == 2
    assert len(group([spell("a.B", 10, 60), spell("a.C", 200, 290)], {}, 999 * S)) == 2


def test_keys_that_call_each_other_are_one_incident_with_a_victim() -> None:
    (one,) = group(
        [spell("front.Page", 10, 95), spell("c.D", 30, 90)], {("front.Page", "c.D"): 90}, 999 * S
    )

    assert [s.key for s in one.culprits] == ["c.D"]
    assert [s.key for s in one.victims] == ["front.Page"]


def test_keys_that_blame_each_other_are_all_culprits() -> None:
    links = {("a.B", "c.D"): 90, ("c.D", "a.B"): 90}

    (one,) = group([spell("a.B", 10, 95), spell("c.D", 30, 90)], links, 999 * S)

    assert len(one.culprits) == 2


def complaint(key: str, said: str, instance: str = "pod-1", part: float = 0.3) -> Complaint:
    return Complaint(key=key, complaint=said, instance=instance, instance_share=part)


def culprits(*complaints: Complaint, later: int = 0) -> list[str]:
    spells_of = [spell(c.key, 10 + i * later, 60 + i * later) for i, c in enumerate(complaints)]
    (one,) = group(spells_of, {}, 999 * S)
    return [s.key for s in blamed(one, {c.key: c for c in complaints}).culprits]


def test_whoever_is_nearer_to_the_root_is_the_culprit() -> None:
    front = complaint("front.Page", "exhausted http_502")
    down = complaint("ledger.Append", "exhausted http_transport_error")

    assert culprits(front, down) == ["ledger.Append"]


def test_whoever_broke_first_is_the_culprit() -> None:
    first = complaint("front.Page", "exhausted http_502")
    later = complaint("ledger.Append", "exhausted http_transport_error")

    assert culprits(first, later, later=5) == ["front.Page"]


def test_one_complaint_or_one_process_is_a_common_cause() -> None:
    keys = ["a.B", "c.D"]

    assert culprits(*(complaint(key, "policy_denied no_policy") for key in keys)) == keys
    assert culprits(*(complaint(key, key, part=0.9) for key in keys)) == keys


def test_spells_of_one_key_in_an_incident_are_one() -> None:
    (one,) = group(
        [spell("a.B", 10, 60), spell("a.C", 40, 130), spell("a.B", 110, 160, bad=7.0)], {}, 999 * S
    )

    assert [(s.key, s.end_us // S) for s in one.culprits] == [("a.B", 160), ("a.C", 130)]


def test_every_sign_is_wanted_and_none_rules_out_alone() -> None:
    suspect = weigh(
        Cause.RATE_LIMITED,
        Sign(kind="limited", degree=0.0, values={"limited_share": 0.0}),
        Sign(kind="attempts_failed", degree=1.0, values={"failed_share": 1.0}),
    )

    assert suspect.score == pytest.approx(0.02)
    assert narrate.sign(suspect.weakest) == (
        "0.0% of failures said that there were too many requests"
    )


def test_no_fitting_cause_is_an_answer() -> None:
    nothing = weigh(Cause.RATE_LIMITED, Sign(kind="limited", degree=ramp(0, 0, 1)))

    assert rank((nothing,))[0].cause is Cause.UNKNOWN


def test_every_action_and_every_cause_has_words() -> None:
    assert all(narrate.action(action) for action in Action)
    assert narrate.cause_name(Cause.RETRY_STORM) == "retry storm"


def test_what_cannot_be_known_depends_on_the_archive() -> None:
    least = narrate.cannot_know(timeouts=False, ongoing=False, sampled=False, dropped=0, gaps=0)
    most = narrate.cannot_know(timeouts=True, ongoing=True, sampled=True, dropped=1, gaps=2)

    assert (len(least), len(most)) == (2, 7)
    assert "what 1 dropped event would have told" in most


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        ("others", {"other_keys": 0}, "no other key was called meanwhile"),
        ("end", {"calls": 0}, "the archive ends with it"),
        (
            "load",
            {"calls": 20, "seconds": 10.0, "calls_before": 0, "seconds_before": 0.0},
            "2.0 calls/s from the first moment of the archive on",
        ),
        (
            "budget",
            {"asked": 9, "denied": 4, "missing": 4, "budget_name": "b\x1b"}
            | {"budgets": 1, "hedges_asked": 0, "hedges_denied": 0},
            "budget 'b·' denied 4 of 9 retries, 4 because nobody had registered it",
        ),
        (
            "budget",
            {"asked": 1, "denied": 1, "missing": 0, "budget_name": "b"}
            | {"budgets": 2, "hedges_asked": 3, "hedges_denied": 2},
            "2 budgets, 'b' among them, denied 1 of 1 retry and 2 of 3 hedges",
        ),
        (
            "breaker",
            {"opened": 1, "closed": 0, "closed_after": 1, "closed_after_us": 5_000_000}
            | {"rejected": 3, "refused": 2},
            (
                "breakers opened 1 time and closed 0 times during it, 1 after it (first at "
                "00:00:05.0); they ended 3 calls, 2 of them before any attempt"
            ),
        ),
        (
            "worst_key",
            {"policy_key": "a.B", "calls": 0, "lost": 0},
            "the key with the greatest part lost is a.B: 0 of 0 (—), as usual for it throughout",
        ),
        (
            "ours",
            dict.fromkeys(
                ("attempts_before", "admitted_before", "attempts", "admitted", "retries"), 0
            )
            | {"rescued": 0, "wasted": 0},
            "attempts per call — → —; 0 retries, 0 rescued a call, 0 did not",
        ),
    ],
)
def test_sentences_for_what_is_rare(kind: str, values: dict[str, Any], text: str) -> None:
    assert narrate.sentence(kind, values) == text


def test_slow_calls_that_ended_before_the_failures_began_are_another_matter() -> None:
    quiet, slow, failing = [(20, 0, 0)], [(20, 0, 15)], [(20, 18, 0)]
    rows = [
        Bin(key="a.B", bin=i, calls=n, lost=bad, hurt=bad, slow=late, hedged=0)
        for i, (n, bad, late) in enumerate(quiet * 60 + slow * 20 + quiet * 20 + failing * 30)
    ] + [Bin(key="a.B", bin=130 + i, calls=20, lost=0, hurt=0, slow=0, hedged=0) for i in range(60)]

    first, second = key_spells(rows, S)

    assert (first.channel, first.start_us, first.end_us) == ("slow", 60 * S, 80 * S)
    assert (second.channel, second.start_us, second.end_us) == ("hurt+lost", 100 * S, 130 * S)


def test_slow_calls_that_lead_into_failures_are_one_matter() -> None:
    rows = [
        Bin(key="a.B", bin=i, calls=20, lost=bad, hurt=bad, slow=late, hedged=0)
        for i, (bad, late) in enumerate(
            [(0, 0)] * 60 + [(0, 15)] * 20 + [(18, 2)] * 30 + [(0, 0)] * 60
        )
    ]

    (found,) = key_spells(rows, S)

    assert (found.channel, found.start_us, found.end_us) == ("hurt+lost+slow", 60 * S, 110 * S)
    assert found.is_failing


def test_a_call_that_stands_for_many_weighs_as_many() -> None:
    flags = [True, False, True, True]

    assert edge_after_low(flags, 0.01, 0.5) == 0
    assert edge_after_low(flags, 0.01, 0.5, [1, 20, 1, 1]) == 2
    assert edge_at_peak(flags[::-1], 0.01, 0.5, [1, 1, 20, 1]) == 1


def test_a_document_without_incidents_and_facts_is_still_one() -> None:
    document = StoryDocument(archive="x\x1b", start_unix_ns=0, end_unix_ns=10**9, incidents=())

    assert as_text(document).startswith("x·  1970-01-01 00:00:00 to 00:00:01 UTC, 0 incidents")
    assert "No incident." in as_markdown(document)
    assert json.loads(as_json(document))["incidents"] == []


def test_findings_are_told_without_what_is_not_known() -> None:
    row = Evidence(table="policies", why="so", at_unix_ns=5, key="a.B")

    assert row.to_json() == {"table": "policies", "at_ns": 5, "key": "a.B", "why": "so"}
    assert Ranked(cause=Cause.UNKNOWN, confidence=0.5).to_json() == {
        "cause": "unknown",
        "confidence": 0.5,
    }
    assert [str(effect) for effect in RetryEffect] == ["helped", "neutral", "harmed"]


@given(st.floats(0, 1), st.floats(0, 1))
def test_confidence_grows_with_weight_and_stays_below_certainty(one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert 0 <= calibrated(low) <= calibrated(high) < 1


def test_whoever_is_asked_by_the_attempts_of_others_is_the_deeper_one() -> None:
    upper = [spell("front.Get", 100, 200, bad=400), spell("front.Put", 100, 200, bad=300)]
    lower = spell("deep.Load", 100, 200, bad=2000)
    told = {
        "front.Get": told_by("front.Get", service="web", calls=400, attempts=1200, us=50_000),
        "front.Put": told_by("front.Put", service="web", calls=300, attempts=900, us=50_000),
        "deep.Load": told_by("deep.Load", service="back", calls=2050, attempts=4000, us=20_000),
    }

    found = blamed(Group(culprits=(*upper, lower)), told)

    assert [one.key for one in found.culprits] == ["deep.Load"]
    assert {one.key for one in found.victims} == {"front.Get", "front.Put"}


def test_two_services_that_ask_for_different_amounts_are_not_one_above_the_other() -> None:
    one, other = spell("a.Get", 100, 200, bad=400), spell("b.Get", 100, 200, bad=300)
    told = {
        "a.Get": told_by("a.Get", service="web", calls=400, attempts=400, us=50_000),
        "b.Get": told_by("b.Get", service="back", calls=4000, attempts=4000, us=50_000),
    }

    assert blamed(Group(culprits=(one, other)), told).victims == ()


def test_a_key_that_was_in_trouble_for_a_moment_beside_a_lasting_one_is_a_victim() -> None:
    (found,) = group(
        [spell("a.Get", 100, 500, bad=900), spell("a.Put", 100, 110, bad=20)], {}, 10**12
    )

    assert [one.key for one in found.culprits] == ["a.Get"]
    assert [one.key for one in found.victims] == ["a.Put"]


def told_by(key: str, *, service: str, calls: int, attempts: int, us: int) -> Complaint:
    return Complaint(
        key=key,
        complaint="exhausted http_503",
        instance="pod-0",
        instance_share=0.3,
        service=service,
        calls=calls,
        attempts=attempts,
        call_us=us,
        attempt_us=us,
    )


def test_what_was_looked_at_is_counted_from_bins_with_the_weights_of_samples() -> None:
    good = Bin(
        key="a.B", bin=1, calls=40, lost=1, hurt=1, slow=0, hedged=0, lost_calls=4, rescued=2
    )
    bad = Bin(key="c.D", bin=1, calls=10, lost=3, hurt=3, slow=0, hedged=0, lost_calls=3)
    calm = Bin(key="e.F", bin=1, calls=10, lost=0, hurt=0, slow=0, hedged=0)

    assert whole.looked([[good, good], [bad]], processes=2) == {
        "calls": 90,
        "lost": 11,
        "rescued": 4,
        "distinct_keys": 2,
        "processes": 2,
    }
    assert whole.worst_key([[good], [bad], [calm]]) == {"policy_key": "c.D", "calls": 10, "lost": 3}
    assert whole.worst_key([[calm]]) is None
