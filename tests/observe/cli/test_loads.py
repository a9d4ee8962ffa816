"""What a candidate makes of the load, beside a replay."""

import json
from pathlib import Path

import pytest

from recourse_observe.cli import main
from recourse_observe.cli.loads import load_at, load_lines
from recourse_observe.whatif import LoadPoint

S = 1_000_000
POINTS = tuple(
    LoadPoint(at_unix_us=n * S, recorded=2.0 * n, candidate=None if n == 1 else 1.0 * n)
    for n in range(1, 5)
)


def test_both_loads_are_drawn_on_one_scale() -> None:
    assert list(load_lines(POINTS)) == [
        "load recorded  ▂▄▆█  peak 8/s",
        "candidate       ▂▃▄  peak 4/s MODEL",
        "",
    ]
    assert list(load_lines(())) == []


def test_both_loads_are_told_of_a_moment() -> None:
    assert list(load_at(POINTS, 2 * S + 1)) == ["load 4/s, candidate 2/s MODEL"]
    assert list(load_at(POINTS, 0)) == ["load not known, candidate not known MODEL"]
    assert list(load_at((), 0)) == []


@pytest.mark.slow
def test_a_replay_with_a_candidate_says_its_load(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["replay", str(outage), "-k", "payments.Charge", "--set", "retry.max_attempts=1"]
    argv += ["--trust", "-i", "1"]

    assert main([*argv, "--no-wait", "--limit", "1"]) == 0
    played = capsys.readouterr().out
    assert main([*argv, "--at", "10:02"]) == 0
    state = capsys.readouterr().out
    assert main([*argv, "--at", "10:02", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert played.startswith("load recorded  ")
    assert played.splitlines()[1].startswith("candidate ")
    now = [one for one in document["load"] if one["at_unix_us"] <= 1_795_255_320 * S][-1]
    assert f"load {now['recorded']:.3g}/s, candidate " in state


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), "--set changes the policy of a key; name it with -k"),
        (("-k", "payments.Charge", "-i", "9"), "incident 9"),
    ],
)
def test_a_candidate_of_nothing_is_a_usage_error(
    outage: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], told: str
) -> None:
    code = main(["replay", str(outage), "--set", "retry.max_attempts=1", "--trust", *more])

    assert code == 2
    assert told in capsys.readouterr().err
