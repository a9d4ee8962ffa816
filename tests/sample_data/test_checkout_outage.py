"""The recorded outage of a payment service: the archive is sound, and its story is true."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recourse_observe import open_archive
from recourse_observe.queries.archive import Archive
from recourse_observe.scope import Scope
from recourse_observe.story.actions import Action
from recourse_observe.story.findings import Cause, Incident, RetryEffect, StoryDocument
from recourse_observe.story.render import as_markdown
from recourse_observe.story.tell import tell

SAMPLES = Path(__file__).parents[2] / "sample-data"
FOLDER = SAMPLES / "checkout-outage"
GOLDEN = FOLDER / "story.md"
FIVE_MB = 5 * 1024 * 1024
S_NS = 1_000_000_000


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with open_archive(FOLDER) as opened:
        yield opened


@pytest.fixture(scope="module")
def story(archive: Archive) -> StoryDocument:
    return tell(archive)


@pytest.fixture(scope="module")
def incident(story: StoryDocument) -> Incident:
    assert len(story.incidents) == 1
    return story.incidents[0]


@pytest.fixture(scope="module")
def faults() -> dict[str, Any]:
    """What the shop itself says of its outage."""
    told: dict[str, Any] = json.loads((SAMPLES / "checkout-outage.faults.json").read_text())
    return told


@pytest.fixture(scope="module")
def switched_ns(faults: dict[str, Any]) -> dict[str, int]:
    """When the shop really entered each phase, by its own clock."""
    return {phase["phase"]: phase["started_unix_ns"] for phase in faults["phases"]}


def test_the_archive_opens_without_a_warning_and_lost_no_event(archive: Archive) -> None:
    coverage = archive.coverage()

    assert archive.warnings == ()
    assert coverage.dropped_events == 0
    assert coverage.gaps == ()
    assert coverage.unfinished == 0


def test_the_archive_is_small_and_holds_nothing_but_parquet_marker_and_story() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    others = {path.name for path in files if path.suffix != ".parquet"}

    assert sum(path.stat().st_size for path in files) <= FIVE_MB
    assert others <= {"_recourse.json", "recourse.sql", "story.md"}


def test_it_covers_three_minutes_or_more_with_a_minute_of_good_times_on_either_side(
    archive: Archive, switched_ns: dict[str, int]
) -> None:
    coverage = archive.coverage()

    assert coverage.last_unix_us - coverage.first_unix_us >= 180_000_000
    assert switched_ns["outage"] // 1_000 - coverage.first_unix_us >= 60_000_000
    assert coverage.last_unix_us - switched_ns["recovered"] // 1_000 >= 60_000_000


def test_calls_before_the_outage_practically_never_failed(
    archive: Archive, switched_ns: dict[str, int]
) -> None:
    keys = archive.keys(Scope(start_unix_us=0, end_unix_us=switched_ns["outage"] // 1_000))

    assert len(keys) == 6
    assert sum(key.lost for key in keys) <= 0.002 * sum(key.calls for key in keys)


def test_every_attempt_in_the_archive_is_an_answer_that_the_shop_gave(
    archive: Archive, faults: dict[str, Any]
) -> None:
    recorded = archive.sql(
        "SELECT split_part(key, '.', 1) AS service, reason, count(*) AS attempts "
        "FROM attempts WHERE ran GROUP BY ALL"
    ).to_pylist()
    count = {(row["service"], row["reason"]): row["attempts"] for row in recorded}

    payments = faults["served"]["payments"]
    assert count["payments", "http_503"] == payments["unavailable"] + payments["retry_after"]
    assert count["payments", "http_transport_error"] == payments["reset"]
    assert count["payments", "attempt_timeout"] == payments["slow"]
    assert count["payments", "success"] == payments["ok"]
    assert count["inventory", "success"] == faults["served"]["inventory"]["ok"]
    assert count["user-service", "success"] == faults["served"]["users"]["ok"]
    assert count["email", "success"] == faults["served"]["email"]["ok"]
    assert count["search", "http_503"] == faults["served"]["search"]["unavailable"]


@pytest.mark.slow
def test_the_story_sees_the_outage_within_five_seconds_of_the_real_switch(
    incident: Incident, switched_ns: dict[str, int]
) -> None:
    assert abs(incident.onset_unix_ns - switched_ns["outage"]) <= 5 * S_NS
    assert not incident.ongoing


@pytest.mark.slow
def test_the_story_sees_the_end_while_the_shop_recovered_or_soon_after(
    incident: Incident, switched_ns: dict[str, int]
) -> None:
    low, high = switched_ns["recovering"], switched_ns["recovered"]

    assert low - 5 * S_NS <= incident.end_unix_ns <= high + 10 * S_NS


@pytest.mark.slow
def test_the_story_blames_the_payment_service_and_names_no_innocent_key(
    incident: Incident,
) -> None:
    assert set(incident.keys) == {"payments.Charge", "payments.Refund"}
    assert set(incident.affected_keys) == {"payments.Charge", "payments.Refund"}
    assert incident.cause is Cause.DEPENDENCY_OUTAGE
    assert incident.measures.reason == "http_503"


@pytest.mark.slow
def test_the_story_judges_our_part_and_advises_nothing_that_would_not_help(
    incident: Incident,
) -> None:
    assert incident.measures.amplification_before < 1.01
    assert incident.amplification > 1.3
    assert incident.retry_effect is not RetryEffect.HARMED
    assert incident.actions == (Action.NONE_CLIENT_SIDE,)


@pytest.mark.slow
def test_the_archive_holds_what_limited_the_damage(
    archive: Archive, incident: Incident, switched_ns: dict[str, int]
) -> None:
    changes = [(row.from_state, row.to_state) for row in archive.transitions()]

    assert incident.measures.denied > 100
    assert incident.measures.rejected > 50
    assert changes[0] == ("closed", "open")
    assert ("open", "half_open") in changes
    assert changes[-1] == ("half_open", "closed")
    assert all(
        row.changed_unix_us >= switched_ns["outage"] // 1_000 for row in archive.transitions()
    )


@pytest.mark.slow
def test_the_story_is_the_one_beside_the_archive(story: StoryDocument) -> None:
    told = as_markdown(story)
    if os.environ.get("RECOURSE_UPDATE_GOLDENS") == "1":
        GOLDEN.write_text(told, encoding="utf-8")

    assert told == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_script_that_recorded_it_still_records(tmp_path: Path) -> None:
    out = tmp_path / "again"
    script = [sys.executable, str(SAMPLES / "record_checkout_outage.py")]

    done = subprocess.run(
        [*script, f"--out={out}", "--minutes=0.03"], check=False, capture_output=True, text=True
    )

    assert done.returncode in {0, 3}, done.stderr  # 3: so short on a busy machine, not fit to keep
    phases = json.loads((tmp_path / "again.faults.json").read_text())["phases"]
    assert [p["phase"] for p in phases] == ["healthy", "outage", "recovering", "recovered", "over"]
    with open_archive(out) as again:
        glance = again.keys()
        assert again.warnings == ()
        assert {row.key for row in glance} >= {"payments.Charge", "user-service.GetUser"}


@pytest.mark.slow
def test_the_script_refuses_to_record_over_something(tmp_path: Path) -> None:
    script = [sys.executable, str(SAMPLES / "record_checkout_outage.py")]

    done = subprocess.run(
        [*script, f"--out={tmp_path}"], check=False, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "is there already; remove it, or give another --out" in done.stdout
