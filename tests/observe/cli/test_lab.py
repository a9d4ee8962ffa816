"""`recourse lab`: scenarios from the command line, with errors that help."""

import json
from pathlib import Path

import pytest

from recourse_observe.cli.root import run
from recourse_observe.lab.scenarios import make
from recourse_observe.lab.scenarios.measure import NotShownError

KIND = "poison_requests"
POLICY = """
[default.retry]
max_attempts = 2
budget = "few"

[budgets.few]
kind = "token_bucket"
capacity = 1
refill_per_s = 0.01
"""
STRANGE = '[policies."no.Such.Key".retry]\nmax_attempts = 2\n'


def test_the_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["SCENARIO", "WHAT", "HAPPENS"]
    assert any(line.startswith("retry_storm  ") for line in lines)


def test_the_kinds_are_listed_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "list", "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "recourse.lab-list/1"
    assert {"healthy", KIND} <= {row["scenario"] for row in said["scenarios"]}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_scenario_is_run_and_run_again_under_another_policy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)

    assert run(["lab", "run", KIND, "--seed", "5", "--out", str(tmp_path / "a")]) == 0
    first = capsys.readouterr()
    other = ["--policy", str(policy), "--out", str(tmp_path / "b")]
    assert run(["lab", "run", KIND, "--seed", "5", *other]) == 0
    second = capsys.readouterr()
    policy.write_text(STRANGE)
    other[-1] = str(tmp_path / "c")
    assert run(["lab", "run", KIND, "--seed", "5", *other]) == 0

    assert "1 incident; labels.json says what really happened" in first.out
    assert first.err == f"drawing '{KIND}' until it shows what it is about\n"
    assert (tmp_path / "a" / "labels.json").exists()
    assert not (tmp_path / "b" / "labels.json").exists()
    assert second.out.splitlines()[1].split()[:4] == ["KEY", "LOST", "WITH", "FILE"]
    assert second.err == first.err
    assert "has a policy for none of this scenario's keys" in capsys.readouterr().err
    other[-1] = str(tmp_path / "d")
    assert run(["lab", "run", KIND, "--seed", "5", *other, "--json"]) == 0
    with_file = json.loads(capsys.readouterr().out)
    assert run(["lab", "run", KIND, "--seed", "5", "--out", str(tmp_path / "e"), "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert with_file["schema"] == alone["schema"] == "recourse.lab-run/1"
    assert alone["incidents"] == 1
    keys = with_file["keys"]
    assert [(one["lost"], one["attempts"]) for one in keys] == [
        (one["lost_with_file"], one["attempts_with_file"]) for one in keys
    ]
    assert alone["lost"] == sum(one["lost"] for one in keys)


def test_a_misspelled_kind_is_answered_with_the_near_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["lab", "run", "retry_strom", "--out", str(tmp_path / "a")]) == 2
    assert "did you mean 'retry_storm'" in capsys.readouterr().err

    assert run(["lab", "run", "xyz", "--out", str(tmp_path / "a")]) == 2
    assert "'xyz' is not known; see recourse lab list" in capsys.readouterr().err


def test_a_seed_that_shows_nothing_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_vain(name: str, seed: int) -> None:
        message = f"{name} {seed}: it is a blip"
        raise NotShownError(message)

    monkeypatch.setattr(make, "made", in_vain)

    assert run(["lab", "run", KIND, "--seed", "5", "--out", str(tmp_path / "a")]) == 1

    assert "with seed 5 never shows (poison_requests 5: it is a blip)" in capsys.readouterr().err


def test_a_directory_with_something_in_it_is_left_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine")

    assert run(["lab", "run", KIND, "--out", str(tmp_path)]) == 2
    assert run(["lab", "set", "--out", str(tmp_path)]) == 2

    assert capsys.readouterr().err.count("is not empty; give a new one") == 2


@pytest.mark.slow
def test_a_set_is_one_archive_each_with_labels(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "set_of", lambda *_: [(KIND, 5)])

    assert run(["lab", "set", "--count", "1", "--jobs", "1", "--out", str(tmp_path / "set")]) == 0

    heard = capsys.readouterr()
    assert heard.err == f"1/1 0000-{KIND}-5\n"
    assert heard.out == f"{tmp_path / 'set'}: 1 archive of split development\n"
    assert (tmp_path / "set" / f"0000-{KIND}-5" / "labels.json").exists()


def test_a_scenario_that_never_shows_is_told_and_the_others_are_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_vain(name: str, seed: int, path: Path) -> None:
        message = f"{name} {seed} {path.name}: in vain"
        raise NotShownError(message)

    monkeypatch.setattr(make, "write", in_vain)

    assert (
        run(["lab", "set", "--count", "1", "--jobs", "1", "--out", str(tmp_path / "set"), "--json"])
        == 1
    )

    heard = capsys.readouterr()
    assert "in vain" in heard.err
    told = json.loads(heard.out)
    assert told["archives"] == []
    assert [Path(one).parent for one in told["failed"]] == [tmp_path / "set"]
