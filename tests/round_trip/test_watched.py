"""What a watcher tells is archived and explained like the calls of an executor."""

from pathlib import Path
from typing import Any

import pytest

from recourse.integrations.watch import Watch
from recourse.outcome import Outcome, OutcomeKind
from recourse.testing import VirtualClock
from recourse_observe import open_archive
from recourse_observe.archive import ArchiveObserver
from recourse_observe.cli import main

FAILED = Outcome(OutcomeKind.RETRYABLE, "http_503", {"family": "5xx"})


def call(watch: Watch, clock: VirtualClock, failures: int) -> None:
    """A call of somebody else's client that fails so many times, up to three."""
    told = watch.call("shop.Pay", 3)
    for attempt in range(3):
        told.attempt_started()
        clock.advance(0.05)
        if attempt >= failures:
            break
        told.attempt_ended(FAILED, ConnectionError())
        if attempt < 2:
            told.waits(0.1)
            clock.advance(0.1)
    told.ended(ConnectionError() if failures >= 3 else None)


@pytest.mark.slow
def test_an_outage_of_a_watched_client_has_a_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = VirtualClock(start_unix_ns=1_790_000_000_000_000_000)
    recorder: Any = ArchiveObserver(str(tmp_path / "archive"), service="shop")
    watch = Watch("urllib3", [recorder], clock)
    for number in range(900):
        call(watch, clock, 3 if 600 <= number < 750 else 0)
        clock.advance(1.0)
    recorder.close()

    with open_archive(str(tmp_path / "archive")) as archive:
        facts = (
            "SELECT count(*) AS n, count(*) FILTER (reason = 'http_503') AS failed FROM attempts"
        )
        assert archive.sql(facts).to_pylist() == [{"n": 1200, "failed": 450}]
    assert main(["story", str(tmp_path / "archive")]) == 0

    story = capsys.readouterr().out
    assert "shop.Pay" in story
    assert "150 of 150 calls lost" in story
