"""What a story holds: every number re-derived, the pinned document, deterministic bytes."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from recourse_observe.queries.archive import Archive
from recourse_observe.story import narrate
from recourse_observe.story.actions import Action
from recourse_observe.story.findings import Cause, RetryEffect, StoryDocument
from recourse_observe.story.render import as_json, as_markdown, as_text
from recourse_observe.story.tell import tell

TOLD = [
    "bad_policy_rollout",
    "budget_starvation",
    "caller_cancellation",
    "cascade",
    "circuit_flapping",
    "circuit_stuck_open",
    "hedge_runaway",
    "key_cardinality",
    "retry_storm",
    "sampled",
    "steady",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD)
def test_every_number_of_a_fact_is_a_number_of_its_query(
    name: str, archive_of: Callable[[str], Archive], story_of: Callable[[str], StoryDocument]
) -> None:
    document, archive = story_of(name), archive_of(name)

    for fact in (*document.looked_at, *(f for one in document.incidents for f in one.facts)):
        (row,) = archive.sql(fact.sql).to_pylist()
        assert row == fact.values
        assert narrate.sentence(fact.kind, row) == fact.text


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD)
def test_every_number_of_a_headline_is_a_number_of_a_fact(
    name: str, story_of: Callable[[str], StoryDocument]
) -> None:
    for incident in story_of(name).incidents:
        rows: dict[str, Any] = {fact.kind: fact.values for fact in incident.facts}
        impact, ours = rows["impact"], rows["ours"]
        assert (incident.measures.calls, incident.measures.lost) == (
            impact["calls"],
            impact["lost"],
        )
        assert incident.amplification == pytest.approx(
            ours["attempts"] / max(1, ours["admitted"]), abs=1e-4
        )
        assert f"{incident.measures.lost:,}" in incident.headline or not incident.measures.lost


@pytest.mark.slow
def test_a_sampled_archive_tells_the_same_numbers_as_the_whole_one(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (whole,), (sampled,) = story_of("dependency_outage").incidents, story_of("sampled").incidents

    assert sampled.cause == whole.cause
    assert sampled.keys == whole.keys
    assert abs(sampled.onset_unix_ns - whole.onset_unix_ns) < 2_000_000_000
    assert sampled.measures.lost == whole.measures.lost
    assert sampled.measures.calls == pytest.approx(whole.measures.calls, rel=0.1)
    assert "the exact course of clean calls: they were sampled" in sampled.cannot_know


@pytest.mark.slow
def test_the_breaker_that_closed_after_the_end_is_told_and_refusals_are_counted_once(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (incident,) = story_of("dependency_brownout").incidents
    (breaker,) = (fact for fact in incident.facts if fact.kind == "breaker")

    assert breaker.values["closed_after"]
    assert "after it (first at 10:0" in breaker.text
    assert breaker.values["rejected"] == incident.measures.rejected


@pytest.mark.slow
def test_sample_calls_show_every_frequent_reason(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (incident,) = story_of("load_surge").incidents
    reasons = {row.why for row in incident.evidence if row.table == "attempts"}

    assert len(reasons) > 1


@pytest.mark.slow
def test_a_key_whose_callers_did_not_come_that_far_is_told(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (incident,) = story_of("starved_victim").incidents
    (fewer,) = (fact.text for fact in incident.facts if fact.kind == "fewer")

    assert fewer.startswith("email.Send was called ")
    assert fewer.endswith("its callers did not come that far")
    assert "email.Send" not in incident.affected_keys


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD)
def test_evidence_points_to_rows_that_exist(
    name: str, archive_of: Callable[[str], Archive], story_of: Callable[[str], StoryDocument]
) -> None:
    archive = archive_of(name)
    for incident in story_of(name).incidents:
        assert len({row.call_id for row in incident.evidence if row.call_id}) >= 3
        for row in incident.evidence:
            assert archive.sql(*pointing_at(row.to_json())).num_rows >= 1


def pointing_at(row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    times = {"circuit_transitions": "changed_at", "policies": "applied_at"}
    names = [n for n in ("call_id", "attempt", "hedge_index", "key", "instance") if n in row]
    terms = [f"{name} = ${name}" for name in names]
    values: dict[str, Any] = {name: row[name] for name in names}
    if "at_ns" in row:
        terms.append(f"epoch_us({times[row['table']]}) = $at_us")
        values["at_us"] = row["at_ns"] // 1_000
    sql = f"SELECT 1 FROM {row['table']} WHERE {' AND '.join(terms)}"  # noqa: S608  # names are pinned
    return sql, values


@pytest.mark.slow
def test_the_document_is_the_pinned_one(story_of: Callable[[str], StoryDocument]) -> None:
    document = json.loads(as_json(story_of("retry_storm")))
    (incident,) = document["incidents"]

    assert document["schema"] == "recourse.story/1"
    assert document["archive"] == "retry_storm"
    assert set(document["window"]) == {"start_ns", "end_ns"}
    assert {
        *("id", "onset_ns", "end_ns", "ongoing", "keys", "affected_keys", "instances", "cause"),
        *("causes", "confidence", "amplification", "retry_effect", "actions", "evidence"),
        *("headline", "facts", "checked", "cannot_know"),
    } <= set(incident)
    assert incident["cause"] == incident["causes"][0]["cause"]
    assert incident["confidence"] == incident["causes"][0]["confidence"]
    assert sum(one["confidence"] for one in incident["causes"]) <= 1.0
    assert set(incident["actions"]) <= {str(action) for action in Action}
    assert incident["retry_effect"] in {str(effect) for effect in RetryEffect}
    assert {one["cause"] for one in incident["checked"]} < {str(cause) for cause in Cause}
    assert set(incident["facts"][0]) == {"role", "at_ns", "text", "sql", "values"}
    assert incident["facts"][0]["role"] == "ROOT"
    assert incident["amplification"] == pytest.approx(4.4, abs=0.4)


@pytest.mark.slow
def test_the_headline_names_key_onset_reason_and_attempts_before_and_during(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (incident,) = story_of("dependency_outage").incidents

    assert re.fullmatch(
        r"payments\.Charge lost [\d,]+ of [\d,]+ calls \(\d+\.\d%\) from 10:01:40\.\d until "
        r"10:0[23]:\d\d\.\d UTC, 1m\d\ds: dependency outage \(connection_error\)\. With 1\.00 "
        r"attempts per call before and \d\.\d\d during it, our retries neither helped nor harmed\. "
        r"Confidence 0\.\d\d\.",
        incident.headline,
    )


@pytest.mark.slow
def test_the_same_archive_gives_the_same_bytes(
    archive_of: Callable[[str], Archive], story_of: Callable[[str], StoryDocument]
) -> None:
    again = tell(archive_of("partial_instance_failure"))

    assert as_json(again) == as_json(story_of("partial_instance_failure"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cascade", "single_process_fault", "control_plane_outage"])
def test_text_and_markdown_tell_the_same_facts(
    name: str, story_of: Callable[[str], StoryDocument]
) -> None:
    document = story_of(name)

    text, markdown = as_text(document), as_markdown(document)

    for fact in document.incidents[0].facts:
        assert fact.text.split(" ")[0] in text
        assert f"**{fact.role}**" in markdown
    assert max(len(line) for line in text.splitlines()) <= 110
    assert "ROOT" in text
    for width in (60, 100):
        _, *lines = as_text(document, width).splitlines()
        assert max(map(len, lines)) <= width


@pytest.mark.slow
def test_an_ongoing_incident_says_so(story_of: Callable[[str], StoryDocument]) -> None:
    (incident,) = story_of("circuit_stuck_open").incidents

    assert "and still does" in incident.headline
    assert "how it ended: it reaches the end of the archive" in incident.cannot_know
