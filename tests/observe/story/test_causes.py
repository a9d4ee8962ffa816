"""Every cause is found in an archive of a fleet in which it happened, and nothing where nothing did."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recourse_observe import open_archive
from recourse_observe.archive import write_archive
from recourse_observe.story.findings import StoryDocument
from recourse_observe.story.tell import tell

ON_S, OFF_S = 100, 180
CAUSES = [
    "bad_policy_rollout",
    "budget_missing",
    "budget_starvation",
    "caller_cancellation",
    "circuit_flapping",
    "circuit_stuck_open",
    "classifier_misclassification",
    "control_plane_outage",
    "dependency_brownout",
    "dependency_outage",
    "duplicate_side_effects",
    "hedge_runaway",
    "load_surge",
    "partial_instance_failure",
    "poison_requests",
    "rate_limited",
    "retry_storm",
    "single_process_fault",
    "synchronized_retries",
    "timeout_too_tight",
]


@pytest.mark.slow
@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_of_an_incident_is_found_with_its_key_and_its_onset(
    cause: str, story_of: Callable[[str], StoryDocument]
) -> None:
    document = story_of(cause)

    (incident,) = document.incidents

    assert incident.cause == cause
    assert "payments.Charge" in incident.keys
    onset_s = (incident.onset_unix_ns - document.start_unix_ns) / 1e9
    assert onset_s == pytest.approx(ON_S, abs=5)


@pytest.mark.slow
@pytest.mark.parametrize("quiet", ["steady", "blip", "chronic", "diurnal"])
def test_a_quiet_archive_has_no_incident_and_says_what_was_looked_at(
    quiet: str, story_of: Callable[[str], StoryDocument]
) -> None:
    document = story_of(quiet)

    assert document.incidents == ()
    assert document.looked_at[0].text.startswith("looked at ")


def test_what_was_dropped_is_told_as_the_archive_counts_it(tmp_path: Path) -> None:
    at = 1_795_255_200_000_000
    call = {"call_id": "c", "key": "k", "started_at": at, "duration_us": 9, "success": True}
    told = [{"recorded_at": at + n, "event": "heartbeat", "dropped_events": n} for n in (5, 7)]
    write_archive(tmp_path / "a", {"calls": [call], "attempts": [], "recorder": told})

    with open_archive(tmp_path / "a", trusted=True) as archive:
        text = tell(archive).looked_at[-1].text
        dropped = archive.coverage().dropped_events

    assert text == "recorders: 2 heartbeats, 7 events dropped"
    assert dropped == 7


@pytest.mark.slow
@pytest.mark.parametrize("cascade", ["cascade", "cascade_of_services", "cascade_untold"])
def test_a_key_that_only_suffers_is_a_victim(
    cascade: str, story_of: Callable[[str], StoryDocument]
) -> None:
    (incident,) = story_of(cascade).incidents

    assert incident.keys == ("ledger.Append",)
    assert incident.affected_keys == ("ledger.Append", "payments.Charge")


@pytest.mark.slow
def test_an_innocent_rollout_before_an_outage_is_a_suspect_and_not_the_cause(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (incident,) = story_of("innocent_rollout").incidents

    assert incident.cause == "dependency_outage"
    assert [fact.kind for fact in incident.facts if fact.role == "ROOT?"] == ["policy"]


@pytest.mark.slow
def test_keys_that_carry_request_data_are_judged_together(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (incident,) = story_of("key_cardinality").incidents

    assert incident.cause == "key_cardinality"
    assert incident.keys == ("payments.Charge",)
    assert len(incident.affected_keys) > 250
    assert incident.headline.startswith("payments.Charge (as 2")
    assert incident.actions == ("fix_key",)


@pytest.mark.slow
def test_the_process_is_named_when_it_is_the_matter_of_one(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (incident,) = story_of("single_process_fault").incidents

    assert incident.instances == ("pod-2",)
    assert len(incident.keys) == 4


@pytest.mark.slow
def test_stuck_breakers_are_named_by_their_processes(
    story_of: Callable[[str], StoryDocument],
) -> None:
    (incident,) = story_of("circuit_stuck_open").incidents

    assert incident.instances == ("pod-1", "pod-2")
    assert incident.ongoing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cause", "effect"),
    [
        ("retry_storm", "harmed"),
        ("hedge_runaway", "harmed"),
        ("partial_instance_failure", "helped"),
        ("dependency_outage", "neutral"),
    ],
)
def test_our_part_is_judged(
    cause: str, effect: str, story_of: Callable[[str], StoryDocument]
) -> None:
    (incident,) = story_of(cause).incidents

    assert incident.retry_effect == effect
