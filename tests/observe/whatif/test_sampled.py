"""Sampled records: what was left out is as much as the exact counts say."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from recourse_observe.lab import Outage, Scenario
from recourse_observe.lab.recording import record
from recourse_observe.queries.archive import open_archive
from recourse_observe.whatif import Kind, ask
from recourse_observe.whatif.question import prepared
from recourse_observe.whatif.record import Record, Tried
from recourse_observe.whatif.sampled import Counted, made_whole

KEY = "shipping.Resolve"
Maker = Callable[..., Tried]
Recorder = Callable[..., Record]


def thinned(tried: Maker, recorded: Recorder) -> Record:
    """A minute with a call every second, of which those of even seconds stand for two."""
    plain = recorded([tried(i, float(i)) for i in range(60)])
    calls = tuple(c._replace(weight=2 - i % 2) for i, c in enumerate(plain.calls))
    return dataclasses.replace(plain, calls=calls)


def test_what_was_left_out_is_made_after_the_calls_that_stand_for_it(
    tried: Maker, recorded: Recorder
) -> None:
    sparse = thinned(tried, recorded)

    whole = made_whole(sparse, [Counted(10.0 * i, 15) for i in range(6)])

    assert sparse.sampled
    assert not whole.sampled
    assert (len(whole.calls), whole.filled_in) == (90, 30)
    assert all(sum(10 * i <= c.at_s < 10 * i + 10 for c in whole.calls) == 15 for i in range(6))
    assert [call.at_s for call in whole.calls] == sorted(call.at_s for call in whole.calls)
    for one in whole.attempts:
        assert one.at_s == pytest.approx(whole.calls[one.call].at_s)


def test_a_stretch_that_was_not_kept_is_made_after_the_nearest_call(
    tried: Maker, recorded: Recorder
) -> None:
    sparse = thinned(tried, recorded)

    late = made_whole(sparse, [Counted(40.0, 12), Counted(55.0, 20)])

    # Of the last ten seconds the half is looked at, and in it five calls of the ten are known.
    assert late.filled_in == (12 - 10) + (20 // 2 - 5)
    gone = dataclasses.replace(sparse, calls=sparse.calls[:30], attempts=sparse.attempts[:30])
    assert made_whole(gone, [Counted(40.0, 4)]).calls[-1].call_id.startswith("28/")


def test_without_counts_or_without_calls_that_stand_for_others_nothing_is_made(
    tried: Maker, recorded: Recorder
) -> None:
    sparse, plain = thinned(tried, recorded), recorded([tried(0, 1.0)])

    assert made_whole(sparse, []) is sparse
    assert made_whole(plain, [Counted(0.0, 10)]) is plain


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory, small: Callable[..., Scenario]) -> Path:
    path = tmp_path_factory.mktemp("sampled") / "outage"
    fault = Outage(start_s=25.0, end_s=45.0, dependency="shipping", share=0.66)
    record(dataclasses.replace(small("outage", fault), sample=5), path)
    return path


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_sampled_archive_with_counts_is_answered(sampled: Path) -> None:
    with open_archive(sampled) as archive:
        question = prepared(archive, KEY, None)
        answer = ask(archive, KEY, edits=["retry.max_attempts=1"])

    assert question.record.filled_in > 200
    assert answer.refusal is None
    assert answer.row("recorded_attempts_kept", Kind.EXACT) is None
    assert any("the archive is sampled" in one for one in answer.assumes)
