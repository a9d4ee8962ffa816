"""Labels against stories: every measure on cases made by hand, and the command on archives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from recourse_observe.archive.build import write_archive
from recourse_observe.cli.score import score
from recourse_observe.story.score.cases import LABELS, Answer, LabelError, Truth
from recourse_observe.story.score.match import Case, matched
from recourse_observe.story.score.measures import MISSED, NOTHING, confusion, measured, mistakes
from recourse_observe.story.score.report import as_document, as_lines
from recourse_observe.story.score.run import labelled, scored

S_NS = 1_000_000_000
MINUTE_NS = 60 * S_NS


def truth(*incidents: dict[str, Any], healthy_s: float = 3600.0) -> Truth:
    made = {
        "schema": LABELS,
        "scenario": "made-up",
        "seed": 7,
        "split": "development",
        "healthy_s": healthy_s,
        "incidents": list(incidents),
    }
    return Truth.from_json(made, "labels.json")


def label(cause: str = "dependency_outage", **other: Any) -> dict[str, Any]:
    return {
        "cause": cause,
        "also_right": [],
        "keys": ["a.Get"],
        "affected_keys": ["a.Get", "b.Get"],
        "instances": [],
        "onset_ns": 10 * MINUTE_NS,
        "end_ns": 12 * MINUTE_NS,
        "retry_effect": "neutral",
        "actions": [],
    } | other


def answer(
    cause: str = "dependency_outage",
    *,
    confidence: float = 0.9,
    grounded: bool = True,
    **other: Any,
) -> Answer:
    told = {
        "causes": [
            {"cause": cause, "confidence": confidence},
            {"cause": "retry_storm", "confidence": 0.04},
            {"cause": "rate_limited", "confidence": 0.03},
            {"cause": "load_surge", "confidence": 0.02},
        ],
        "keys": ["a.Get"],
        "affected_keys": ["a.Get", "b.Get"],
        "onset_ns": 10 * MINUTE_NS,
        "end_ns": 12 * MINUTE_NS,
        "retry_effect": "neutral",
    } | other
    return Answer.from_json(told, is_grounded=grounded)


def value(name: str, *cases: Case) -> float | None:
    return next(one.value for one in measured(cases) if one.name == name)


def test_a_scenario_is_solved_when_cause_keys_and_onset_are_right_and_nothing_else_is_told() -> (
    None
):
    real = truth(label())

    assert matched(real, [answer()]).is_solved
    assert matched(real, [answer(onset_ns=10 * MINUTE_NS + 15 * S_NS)]).is_solved
    assert not matched(real, [answer(onset_ns=10 * MINUTE_NS + 16 * S_NS)]).is_solved
    assert not matched(real, [answer("retry_storm")]).is_solved
    assert not matched(real, [answer(keys=["a.Get", "b.Get"])]).is_solved
    assert not matched(real, [answer(), answer(keys=["b.Get"])]).is_solved
    assert not matched(real, []).is_solved
    assert matched(truth(), []).is_solved
    assert not matched(truth(), [answer()]).is_solved
    assert value("scenario solved", matched(real, [answer()]), matched(real, [])) == 0.5


def test_a_cause_that_is_as_good_is_right() -> None:
    case = matched(truth(label(also_right=["retry_storm"])), [answer("retry_storm")])

    assert case.is_solved
    assert confusion([case]) == {"dependency_outage": {"dependency_outage": 1}}


def test_each_answer_is_laid_on_the_incident_that_it_fits_best() -> None:
    first, second = label(), label("rate_limited", keys=["b.Get"])
    both = matched(truth(first, second), [answer("rate_limited", keys=["b.Get"]), answer()])

    assert [(p.label.cause, p.answer.cause) for p in both.pairs] == [
        ("dependency_outage", "dependency_outage"),
        ("rate_limited", "rate_limited"),
    ]
    assert both.is_solved


def test_the_first_and_the_first_three_causes_are_counted_apart_and_missed_ones_count() -> None:
    cases = [
        matched(truth(label()), [answer()]),
        matched(truth(label("rate_limited")), [answer()]),
        matched(truth(label("load_surge")), [answer()]),
        matched(truth(label()), []),
    ]

    assert value("cause top-1", *cases) == 0.25
    assert value("cause top-3", *cases) == 0.5
    assert confusion(cases) == {
        "dependency_outage": {MISSED: 1, "dependency_outage": 1},
        "load_surge": {"dependency_outage": 1},
        "rate_limited": {"dependency_outage": 1},
    }


def test_culprit_keys_have_to_be_exact() -> None:
    cases = [
        matched(truth(label()), [answer()]),
        matched(truth(label()), [answer(keys=["a.Get", "b.Get"])]),
        matched(truth(label()), []),
    ]

    assert value("culprit keys exact", *cases) == pytest.approx(1 / 3)


def test_onset_errors_count_either_way() -> None:
    offsets = (-3, 1, 0, 2, 9)
    cases = [matched(truth(label()), [answer(onset_ns=10 * MINUTE_NS + s * S_NS)]) for s in offsets]

    assert value("onset error, median (s)", *cases) == 2.0
    assert value("onset error, p95 (s)", *cases) == 9.0


def test_our_part_counts_where_it_was_measured() -> None:
    cases = [
        matched(truth(label()), [answer()]),
        matched(truth(label(retry_effect="harmed")), [answer()]),
        matched(truth(label(retry_effect="")), [answer()]),
        matched(truth(label()), []),
    ]

    assert value("our part", *cases) == pytest.approx(1 / 3)


def test_a_right_cause_without_rows_is_not_grounded() -> None:
    cases = [
        matched(truth(label()), [answer()]),
        matched(truth(label()), [answer(grounded=False)]),
    ]

    assert value("right and grounded", *cases) == 0.5


def test_false_alarms_are_what_is_told_while_nothing_was_wrong() -> None:
    early = answer(onset_ns=0, end_ns=MINUTE_NS)
    apart = answer(keys=["b.Get"])
    case = matched(truth(label(), healthy_s=1800.0), [answer(), early, apart])

    assert case.false_alarms == (early,)
    assert case.fragments == (apart,)
    assert value("false alarms per healthy hour", case) == 2.0
    assert confusion([case])[NOTHING] == {"dependency_outage": 2}


def test_the_brier_score_counts_false_alarms_as_wrong() -> None:
    case = matched(truth(label()), [answer(confidence=0.9)])
    alarm = matched(truth(), [answer(confidence=0.6)])

    assert value("Brier score", case) == pytest.approx(0.01)
    assert value("Brier score", case, alarm) == pytest.approx((0.01 + 0.36) / 2)


def test_unknown_is_right_only_where_the_cause_is_not_listed() -> None:
    cases = [
        matched(truth(label("unknown")), [answer("unknown")]),
        matched(truth(label("unknown")), [answer()]),
        matched(truth(label()), [answer("unknown")]),
        matched(truth(label()), [answer()]),
    ]

    assert value("unlisted cause answered unknown", *cases) == 0.5
    assert value("listed cause answered unknown", *cases) == 0.5
    assert value("cause top-1", *cases) == 0.5


def test_nothing_measured_is_no_value_and_nothing_missed() -> None:
    of_nothing = measured([])

    assert {one.value for one in of_nothing} == {None}
    assert all(one.is_met for one in of_nothing)


def test_the_surest_mistake_comes_first() -> None:
    cases = [
        matched(truth(label()), [answer("rate_limited", confidence=0.7)]),
        matched(truth(label()), []),
        matched(truth(), [answer(confidence=0.8)]),
        matched(truth(label(retry_effect="harmed")), [answer(onset_ns=11 * MINUTE_NS)]),
        matched(truth(label()), [answer(keys=["a.Get", "b.Get", "c.Get", "d.Get"])]),
    ]

    assert [sentence.partition(": ")[2] for _, sentence in mistakes(cases)] == [
        "missed dependency_outage on a.Get",
        "false alarm: dependency_outage 0.80 on a.Get",
        "said rate_limited 0.70, was dependency_outage",
        "blamed a.Get, b.Get, c.Get and 1 more, was a.Get",
        "onset of dependency_outage off by 60.0 s",
        "said our part neutral, was harmed (dependency_outage)",
    ]


def test_the_report_says_the_same_as_its_document() -> None:
    cases = [matched(truth(label()), [answer("rate_limited")])]

    text = "\n".join(as_lines(cases, worst=3))
    document = as_document(cases, worst=3)

    assert "1 scenarios, 1 incidents" in text
    assert "✗  scenario solved" in text
    assert "said rate_limited 0.90, was dependency_outage" in text
    assert document["measures"][0] == {
        "name": "scenario solved",
        "value": 0.0,
        "bound": 0.85,
        "at_most": False,
        "of": 1,
        "met": False,
    }
    assert document["confusion"] == {"dependency_outage": {"rate_limited": 1}}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [({"schema": "x/1"}, f"is no {LABELS}"), ({"incidents": [{}]}, "does not say 'cause'")],
)
def test_a_label_file_of_another_kind_is_refused(changed: dict[str, Any], wrong: str) -> None:
    made = {"schema": LABELS, "scenario": "x", "seed": 1, "healthy_s": 0, "incidents": []}

    with pytest.raises(LabelError, match=wrong):
        Truth.from_json(made | changed, "labels.json")


@pytest.fixture(scope="module")
def labelled_set(
    tmp_path_factory: pytest.TempPathFactory,
    tables_of: Callable[[str], dict[str, list[dict[str, Any]]]],
) -> Path:
    """Two archives with labels: an outage and a quiet one."""
    home = tmp_path_factory.mktemp("set")
    for name, folder in (("dependency_outage", "one/archive"), ("steady", "two")):
        tables = tables_of(name)
        write_archive(home / folder, tables, service="shop")
        start_ns = min(row["started_at"] for row in tables["calls"]) * 1_000
        incidents = [
            label(
                keys=["payments.Charge"],
                affected_keys=["payments.Charge"],
                onset_ns=start_ns + 100 * S_NS,
                end_ns=start_ns + 180 * S_NS,
            )
        ]
        made = {
            "schema": LABELS,
            "scenario": name,
            "seed": 7,
            "split": "development",
            "healthy_s": 120.0,
            "incidents": incidents if name == "dependency_outage" else [],
        }
        beside = home / folder.partition("/")[0] / "labels.json"
        beside.write_text(json.dumps(made), encoding="utf-8")
    return home


@pytest.mark.slow
def test_labelled_archives_are_told_and_scored(labelled_set: Path) -> None:
    cases = scored([labelled_set], jobs=1)

    assert [case.truth.scenario for case in cases] == ["dependency_outage", "steady"]
    assert all(case.is_solved for case in cases)
    assert value("right and grounded", *cases) == 1.0


@pytest.mark.slow
def test_the_command_prints_the_measures_and_can_fail_a_build(labelled_set: Path) -> None:
    runner = CliRunner()

    text = runner.invoke(score, [str(labelled_set / "two"), "--jobs", "1"])
    as_json = runner.invoke(
        score, [str(labelled_set), "--format", "json", "--exit-code"], standalone_mode=False
    )

    assert "✓  scenario solved" in text.output
    assert json.loads(as_json.output)["schema"] == "recourse.lab-score/1"
    assert as_json.return_value == 0


def test_folders_without_labels_or_without_an_archive_are_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="is in none of its folders"):
        labelled([tmp_path])

    (tmp_path / "labels.json").write_text("{}")
    with pytest.raises(LabelError, match="lies beside no archive"):
        labelled([tmp_path])
