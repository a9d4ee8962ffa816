"""Questions to whole archives: what is answered, what is refused, and how it is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recourse import Policy, RetryPolicy
from recourse.policy.load import loads
from recourse.policy.problems import PolicyFileError
from recourse_observe.archive.build import write_archive
from recourse_observe.cli import main
from recourse_observe.queries.archive import open_archive
from recourse_observe.whatif import Answer, Kind, NoIncidentError, NoKeyError, ask
from recourse_observe.whatif.answer import Row, Unit
from recourse_observe.whatif.asking import within
from recourse_observe.whatif.question import prepared, scene_of
from recourse_observe.whatif.render import as_json, as_markdown, as_text, label, value
from recourse_observe.whatif.runs import Task, runner
from recourse_observe.whatif.seen import look
from recourse_observe.whatif.suggest import edit_lists, pareto

# A question is some hundred simulated runs: seconds of a core that may be busy with other things.
pytestmark = pytest.mark.timeout(180)
KEY = "shipping.Resolve"
T0 = 1_795_255_200_000_000


def asked(path: Path, *edits: str, **given: Any) -> Answer:
    with open_archive(path) as archive:
        return ask(archive, KEY, edits=edits, **given)


@pytest.fixture(scope="module")
def fewer(storm: Path) -> Answer:
    return asked(storm, "retry.max_attempts=1", sweep="retry.max_attempts=1,2")


@pytest.mark.slow
def test_a_storm_is_reproduced_and_might_have_ended_without_retries(fewer: Answer) -> None:
    failed, bound = fewer.row("failed_calls", Kind.MODEL), fewer.row("failed_calls", Kind.BOUND)
    recovery = fewer.row("time_to_recovery")

    assert fewer.refusal is None
    assert fewer.check is not None
    assert fewer.check.passed
    assert fewer.incident == 1
    assert failed is not None
    assert failed.recorded is not None
    assert failed.candidate is not None
    assert (failed.low or 0.0) < 0.8 * failed.recorded
    assert (failed.low or 0.0) <= failed.candidate <= (failed.high or 0.0)
    assert bound is not None
    assert failed.candidate <= 1.01 * (bound.high or 0.0)
    assert recovery is not None
    assert (recovery.low or 0.0) < (recovery.recorded or 0.0)
    assert [edit.path for edit in fewer.edits] == ["retry.max_attempts"]
    assert len(fewer.load) == 60
    assert sum(point.candidate or 0.0 for point in fewer.load) < sum(
        point.recorded for point in fewer.load
    )


@pytest.mark.slow
def test_a_sweep_answers_for_each_value(fewer: Answer) -> None:
    assert fewer.sweep_field == "retry.max_attempts"
    assert [point.value for point in fewer.sweep] == ["1", "2"]
    assert fewer.sweep[0].rows == tuple(row for row in fewer.rows if row.kind is Kind.MODEL)


@pytest.mark.slow
def test_an_answer_reads_as_text_markdown_and_json(fewer: Answer) -> None:
    text, markdown, document = as_text(fewer), as_markdown(fewer), json.loads(as_json(fewer))

    assert text.startswith(f"{KEY}  incident #1 of storm, 2026-11-21 10:00:00 to ")
    assert "  retry.max_attempts: 4 → 1\n" in text
    assert "CHECK  the fitted dependency reproduces the record" in text
    assert "RETRY.MAX_ATTEMPTS  " in text
    assert (
        text.index("EXACT\n")
        < text.index("BOUND\n")
        < text.index("MODEL\n")
        < text.index("REPLAY\n")
    )
    assert markdown.startswith(f"# {KEY}  incident \\#1 of storm")
    assert "## Check on the recorded policy" in markdown
    assert document["schema"] == "recourse.whatif/1"
    assert {row["kind"] for row in document["rows"]} == {"EXACT", "BOUND", "MODEL", "REPLAY"}


@pytest.mark.slow
def test_runs_are_the_same_in_worker_processes(storm: Path) -> None:
    with open_archive(storm) as archive:
        question = prepared(archive, KEY, None)
    scene, rules = scene_of(question), question.rules()
    tasks = [Task(look(question.record).base, rules, 1, thin, 500) for thin in (1, 2)]
    told: list[int] = []

    with runner(scene, 1) as here, runner(scene, 2, told.append) as beside:
        pairs = list(zip(here(tasks), beside(tasks), strict=True))

    assert [one.measured for one, _ in pairs] == [other.measured for _, other in pairs]
    assert [one.load for one, _ in pairs] == [other.load for _, other in pairs]

    assert told == [1, 1]


@pytest.mark.slow
def test_an_outage_from_outside_is_not_blamed_on_the_load(outage: Path) -> None:
    answer = asked(outage, "retry.max_attempts=1")

    assert answer.refusal is None
    assert answer.check is not None
    assert "http_503 comes from outside" in answer.check.mechanisms
    failed = answer.row("failed_calls", Kind.MODEL)
    assert failed is not None
    assert (failed.candidate or 0.0) > (failed.recorded or 0.0)
    assert answer.row("failed_calls", Kind.BOUND) is None


@pytest.mark.slow
def test_suggestions_are_better_than_now_and_say_what_they_risk(
    outage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "better.toml"

    code = main(["whatif", str(outage), "-k", KEY, "--jobs", "1", "--export", str(path)])

    assert code == 0
    captured = capsys.readouterr()
    assert "SUGGESTION 1" in captured.out
    assert "  risk: in quiet " in captured.out
    assert "recourse: 10 runs\n" in captured.err
    assert "look at its comments before it is used" in captured.err
    written = path.read_text()
    assert written.startswith("# Suggested by recourse whatif; nothing is applied by itself.\n")
    assert "# failed_calls: " in written
    file = loads(written, str(path))
    assert file.policy(KEY) is not None
    answer = asked(outage, policy_file=str(path))
    assert answer.refusal is None
    assert answer.edits


# ---------------------------------------------------------------- refusals


def test_too_few_calls_support_no_model_but_are_counted(
    tmp_path: Path, by_hand: Callable[..., Path]
) -> None:
    path = by_hand(tmp_path, 50, fails=lambda call, attempt: attempt < call % 3, most=3)

    answer = asked(path, "retry.max_attempts=2")

    assert answer.refusal == "only 50 calls were recorded from the onset on; 200 are needed"
    assert answer.incident is None
    assert answer.row("recorded_attempts_kept") is not None
    assert f"no model: {answer.refusal}" in as_text(answer)
    assert "**No model:** only 50 calls" in as_markdown(answer)
    assert "not asked" in as_text(answer)


def test_a_budget_in_the_recorded_order_is_counted(
    tmp_path: Path, by_hand: Callable[..., Path]
) -> None:
    path = by_hand(tmp_path, 50, fails=lambda call, attempt: attempt < call % 3, most=3)
    learns = asked(path, "retry.budget=b", "budgets.b.kind=grpc_throttle")
    unknown = asked(path, "retry.budget=b")

    bucket = asked(
        path,
        "retry.budget=b",
        "budgets.b.kind=token_bucket",
        "budgets.b.capacity=5",
        "budgets.b.refill_per_s=0",
    )

    kept = bucket.row("recorded_attempts_kept")
    assert kept is not None
    assert kept.candidate == 55
    assert bucket.row("failed_calls", Kind.BOUND) is None
    assert learns.row("recorded_attempts_kept") is None
    assert unknown.row("recorded_attempts_kept") is None


def test_a_sampled_archive_supports_no_model(tmp_path: Path, by_hand: Callable[..., Path]) -> None:
    path = by_hand(tmp_path, 300, fails=lambda *_: False)
    extra = {"call_id": "x", "key": KEY, "started_at": T0, "duration_us": 5, "sample_weight": 10}
    write_archive(path, {"calls": [extra]}, instance="other")

    answer = asked(path, "retry.max_attempts=1")

    assert "the archive is sampled" in (answer.refusal or "")
    assert answer.row("recorded_attempts_kept") is None


def test_an_archive_without_policies_supports_nothing(tmp_path: Path) -> None:
    calls = [
        {"call_id": f"{i:04d}", "key": KEY, "started_at": T0 + i * 100_000, "duration_us": 5}
        for i in range(300)
    ]
    path = write_archive(tmp_path / "a", {"calls": calls})

    answer = asked(path, "retry.max_attempts=1", sweep="retry.max_attempts=1,2")

    assert answer.refusal == "the archive does not say which policy the calls followed"
    assert answer.sweep_field == "retry.max_attempts"
    assert answer.rows[-1].candidate is None


def test_an_archive_with_gaps_supports_no_model(
    tmp_path: Path, by_hand: Callable[..., Path]
) -> None:
    path = by_hand(tmp_path, 300, fails=lambda *_: False)
    late = [
        {"call_id": f"z{i}", "key": KEY, "started_at": T0 + 200_000_000 + i, "duration_us": 5}
        for i in range(5)
    ]
    write_archive(path, {"calls": late}, instance="other")

    assert "nothing was recorded for " in (asked(path).refusal or "")


def test_a_budget_that_cannot_be_read_off_is_named(
    tmp_path: Path, by_hand: Callable[..., Path]
) -> None:
    path = by_hand(tmp_path, 300, fails=lambda *_: False)
    policy = {"applied_at": T0 + 1, "key": KEY, "policy_version": "v1", "budget_name": "own"}
    decision = {
        "decided_at": T0 + 5,
        "call_id": "000001",
        "key": KEY,
        "attempt": 1,
        "budget_name": "own",
        "allowed": False,
        "reason": "budget_denied",
    }
    write_archive(path, {"policies": [policy], "budget_decisions": [decision]}, instance="i")

    assert "does not show how budget 'own' was built" in (asked(path).refusal or "")


@pytest.mark.slow
def test_a_record_that_the_model_does_not_make_again_is_refused(
    tmp_path: Path, by_hand: Callable[..., Path]
) -> None:
    """Every tenth call is lost although its only attempt succeeds: no dependency does that."""
    path = by_hand(tmp_path, 600, fails=lambda *_: False, most=1)
    with open_archive(path) as archive:
        rows = archive.sql("FROM calls").to_pylist()
        attempts = archive.sql("FROM attempts").to_pylist()
        policies = archive.sql("FROM policies").to_pylist()
    lost = {"success": False, "disposition": "cancelled", "final_outcome": "cancelled"}
    calls = [{**row, **(lost if i % 3 == 0 else {})} for i, row in enumerate(rows)]
    other = write_archive(
        tmp_path / "other", {"calls": calls, "attempts": attempts, "policies": policies}
    )

    answer = asked(other, "retry.max_attempts=2")

    assert "does not reproduce the record in any run: failed_calls 0, recorded" in (
        answer.refusal or ""
    )
    assert answer.check is not None
    assert not answer.check.passed
    assert "missed" in as_text(answer)


def test_an_incident_or_a_key_that_is_not_there_is_told(storm: Path) -> None:
    with open_archive(storm) as archive:
        with pytest.raises(NoIncidentError, match="incident 7 is not among the 1 of this archive"):
            ask(archive, KEY, incident=7)
        with pytest.raises(NoKeyError, match=r"key 'no\.Such' has no calls there; the archive has"):
            ask(archive, "no.Such")
        with pytest.raises(PolicyFileError, match="did you mean 'max_attempts'"):
            ask(archive, KEY, edits=["retry.max_attempt=1"], incident=1)


# ---------------------------------------------------------------- parts


def test_what_nothing_beats_is_chosen_and_what_is_no_better_than_now_is_not() -> None:
    points = [(10.0, 50.0), (5.0, 80.0), (12.0, 60.0), (5.0, 80.0), (99.0, 98.0), (0.0, 300.0)]

    assert pareto(points, (100.0, 100.0)) == [5, 1, 0]
    assert pareto([(100.0, 50.0)], (100.0, 100.0)) == [0]
    assert pareto([(103.0, 50.0), (100.0, 99.0)], (100.0, 100.0)) == []


def test_what_is_tried_depends_on_what_the_policy_has() -> None:
    from recourse import CircuitPolicy, HedgePolicy

    plain = Policy(KEY, retry=RetryPolicy(max_attempts=2)).normalize()
    full = Policy(
        KEY,
        retry=RetryPolicy(max_attempts=2, jitter="none", budget="b", timeout_per_attempt_s=1.0),
        hedge=HedgePolicy(),
        circuit=CircuitPolicy(),
    ).normalize()

    tried = {edits[0] for edits in edit_lists(plain)}
    more = {edits[0] for edits in edit_lists(full)}

    assert {"retry.budget=suggested", "circuit.kind=failure_rate"} <= tried
    assert "retry.max_attempts=2" not in tried
    assert {"retry.jitter=full", "hedge.enabled=false", "retry.timeout_per_attempt_s=2"} <= more
    assert "circuit.kind=failure_rate" not in more


def test_no_modelled_number_exceeds_a_bound() -> None:
    def row(kind: Kind, high: float | None, **given: Any) -> Row:
        plain: dict[str, Any] = {"candidate": None, "low": None, "unit": Unit.CALLS}
        return Row(name="failed_calls", recorded=9, kind=kind, high=high, **{**plain, **given})

    modelled = row(Kind.MODEL, 30, candidate=20, low=5)

    cut = within(modelled, [row(Kind.REPLAY, None), row(Kind.BOUND, 12)])

    assert (cut.low, cut.candidate, cut.high) == (5, 12, 12)
    assert within(modelled, []) is modelled
    assert within(row(Kind.MODEL, None), [row(Kind.BOUND, 12)]).high is None


def test_numbers_carry_their_unit_and_names_their_words() -> None:
    assert [value(n, u) for n, u in ((None, Unit.CALLS), (1234.4, Unit.CALLS))] == ["", "1,234"]
    assert [value(1.5, u) for u in (Unit.SECONDS, Unit.PER_CALL, Unit.PER_SECOND)] == [
        "1.50 s",
        "1.50",
        "1.5/s",
    ]
    assert value(2574.4, Unit.PER_SECOND) == "2,574/s"
    assert [label("failed_calls"), label("other")] == ["failed calls", "other"]


# ---------------------------------------------------------------- the command


def test_the_command_tells_a_users_mistakes(
    tmp_path: Path, by_hand: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = by_hand(tmp_path / "a", 50, fails=lambda *_: False)
    policy = tmp_path / "p.toml"
    policy.write_text("[default]\n")

    def told(*argv: str) -> tuple[int, str]:
        code = main(["whatif", str(path), "-k", KEY, *argv])
        return code, capsys.readouterr().err

    assert told("--set", "retry.max_attempts=1", "--policy", str(policy))[0] == 2
    assert told("-i", "3")[0] == 2
    code, err = told("--set", "retry.max_atempts=1")
    assert code == 1
    assert "did you mean 'max_attempts'?" in err
    code, err = told("--export", str(tmp_path / "x.toml"))
    assert code == 1
    assert "no policy that was tried is better" in err


def test_the_command_answers_in_json_even_when_it_refuses(
    tmp_path: Path, by_hand: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = by_hand(tmp_path, 50, fails=lambda *_: False)

    code = main(["whatif", str(path), "-k", KEY, "--set", "retry.max_attempts=1", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["refusal"].startswith("only 50 calls")
