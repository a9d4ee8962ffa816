"""`recourse policy`: what it prints, and what it exits with."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from recourse.policy.schema import schema
from recourse_observe.cli import main
from recourse_observe.cli.root import group

GOOD = """\
[policies."payments.Charge"]
idempotent = true
retry.max_attempts = 2
retry.overall_timeout = "4s"
retry.budget = "payments"
[budgets]
payments = { kind = "token_bucket", capacity = 5, refill_per_s = 5 }
"""
UNWISE = """\
[policies."payments.Charge"]
retry.max_attempts = 40
retry.overall_timeout = "4s"
[default]
[budgets]
payments = { kind = "token_bucket", capacity = 0, refill_per_s = 5 }
"""
WRONG = """\
[policies."payments.Charge"]
retry.max_atempts = 4
retry.overall_timeout = 4
retry.max_backoff_s = nan
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def document(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content


Policy = Callable[..., Ran]


@pytest.fixture
def policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Policy:
    """Runs `recourse policy` in a folder with three files."""
    for name, text in {"good": GOOD, "unwise": UNWISE, "wrong": WRONG, "empty": "# none\n"}.items():
        (tmp_path / f"{name}.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in ("POLICY_FILE", "DISABLE", "MAX_ATTEMPTS"):
        monkeypatch.delenv(f"RECOURSE_{name}", raising=False)

    def run(*arguments: str) -> Ran:
        code = main(["policy", *arguments])
        return Ran(code, *capsys.readouterr())

    return run


# ---------------------------------------------------------------- lint


def test_lint_tells_everything_of_every_file_at_once_by_line(policy: Policy) -> None:
    ran = policy("lint", "wrong.toml", "unwise.toml")

    assert ran.lines == [
        (
            "wrong.toml:2: payments.Charge retry.max_atempts is not known; "
            "did you mean 'max_attempts'? [mistake: unknown]"
        ),
        (
            "wrong.toml:3: payments.Charge retry.overall_timeout 4 could be seconds or "
            "milliseconds; give it a unit, for example '4s', or write overall_timeout_s = 4 "
            "[mistake: wrong_value]"
        ),
        (
            "wrong.toml:4: payments.Charge retry.max_backoff_s nan is not allowed; use a finite "
            "number of seconds, or a text such as '250ms' [mistake: wrong_value]"
        ),
        (
            "unwise.toml:2: payments.Charge retry.max_attempts 40 is not followed (clamped_high); "
            "10 is used; write that [unwise: clamped]"
        ),
        (
            "unwise.toml:4: default retry has no timeout at all; set retry.timeout_per_attempt or "
            "retry.overall_timeout [unwise: no_timeout]"
        ),
        (
            "unwise.toml:6: budgets.payments capacity 0 is not allowed; use a finite number of at "
            "least 1 [mistake: wrong_value]"
        ),
    ]
    assert (ran.code, ran.err) == (1, "recourse: 2 files: 4 mistakes, 2 unwise\n")


def test_lint_tells_what_is_unwise_beside_a_mistake(policy: Policy) -> None:
    Path("both.toml").write_text(WRONG + UNWISE.replace("payments.Charge", "a.B"))

    ran = policy("lint", "both.toml")

    assert [line.rpartition("[")[2] for line in ran.lines] == [
        "mistake: unknown]",
        "mistake: wrong_value]",
        "mistake: wrong_value]",
        "unwise: clamped]",
        "unwise: no_timeout]",
        "mistake: wrong_value]",
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("good.toml", "--strict", "--exit-code"), 0),
        (("unwise.toml",), 0),
        (("unwise.toml", "--strict"), 1),
        (("unwise.toml", "--exit-code"), 3),
        (("wrong.toml",), 1),
        (("wrong.toml", "--exit-code"), 3),
        (("missing.toml",), 2),
        ((), 2),
    ],
)
def test_lint_exits_as_it_was_asked_to(
    arguments: tuple[str, ...], code: int, policy: Policy
) -> None:
    Path("unwise.toml").write_text(UNWISE.partition("[budgets]")[0])

    assert policy("lint", *arguments).code == code


def test_lint_says_that_there_is_nothing_to_say(policy: Policy) -> None:
    assert policy("lint", "good.toml") == (0, "", "recourse: 1 file: nothing to complain about\n")


def test_lint_gives_one_document_with_every_part_of_a_problem(policy: Policy) -> None:
    document = policy("lint", "wrong.toml", "--json").document

    assert (document["schema"], document["files"]) == ("recourse.policy_lint/1", 1)
    assert document["problems"][0] == {
        "level": "mistake",
        "file": "wrong.toml",
        "line": 2,
        "rule": "unknown",
        "key": "payments.Charge",
        "field": "retry.max_atempts",
        "value": None,
        "wrong": "is not known",
        "advice": "did you mean 'max_attempts'?",
    }
    assert document["problems"][2]["value"] == "nan"


def test_lint_shows_no_control_characters_of_a_file(policy: Policy) -> None:
    Path("evil.toml").write_text('["\\u001b]52;c;x\\u0007"]\n')

    assert "\x1b" not in policy("lint", "evil.toml").out


def test_lint_writes_what_json_has_no_word_for_as_text(policy: Policy) -> None:
    Path("odd.toml").write_text(
        f"policies = {'[' * 200}{']' * 200}\n"
        "[default]\nretry.jitter = [2026-01-01]\nretry.max_attempts = 0x" + "F" * 9999
    )

    values = [one["value"] for one in policy("lint", "odd.toml", "--json").document["problems"]]

    assert values == ["[" * 59 + "…", "[datetime.date(2026, 1, 1)]", "a too large int"]


# ---------------------------------------------------------------- explain


def test_explain_shows_each_value_with_its_origin(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("unwise.toml").write_text(UNWISE + "[policies.x]\nretry.max_backoff_s = 99\n")
    monkeypatch.setenv("RECOURSE_MAX_ATTEMPTS", "5")

    charge = policy("explain", "payments.Charge", "unwise.toml")
    other = policy("explain", "x", "unwise.toml")

    assert charge.code == 0
    assert charge.lines[0].startswith(
        "payments.Charge follows [policies.payments.Charge] of unwise.toml, version "
    )
    rows = {words[0]: words[1:] for words in map(str.split, charge.lines[3:])}
    assert rows["retry.max_attempts"] == ["5", "RECOURSE_MAX_ATTEMPTS", "(was", "10)"]
    assert rows["retry.overall_timeout_s"] == ["4", "unwise.toml:3"]
    assert rows["retry.timeout_per_attempt_s"] == ["none", "default"]
    assert rows["hedge.enabled"] == ["false", "default"]
    assert " ".join(next(line for line in other.lines if "max_backoff" in line).split()) == (
        "retry.max_backoff_s 30 unwise.toml:8 says 99 (clamped_high)"
    )


def test_explain_takes_the_file_that_the_environment_names(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert policy("explain", "payments.Charge").code == 2
    monkeypatch.setenv("RECOURSE_POLICY_FILE", "good.toml")

    document = policy("explain", "payments.Charge", "--json").document

    assert document["schema"] == "recourse.policy/1"
    assert (document["file"], document["section"]) == ("good.toml", "policies.payments.Charge")
    assert document["values"][0] == {
        "path": "retry.max_attempts",
        "value": 2,
        "origin": "file",
        "place": "good.toml:3",
        "given": None,
        "why": None,
    }


def test_explain_suggests_a_key_that_is_there(policy: Policy) -> None:
    assert policy("explain", "payments.Charg", "good.toml") == (
        1,
        "",
        (
            "recourse: key 'payments.Charg' has no policy in good.toml, and there is no [default]; "
            "did you mean 'payments.Charge'?\n"
        ),
    )
    assert policy("explain", "x", "empty.toml").err.endswith("; no key has one there\n")


def test_a_file_that_cannot_be_followed_is_one_error_with_every_mistake(policy: Policy) -> None:
    ran = policy("explain", "payments.Charge", "wrong.toml")

    assert (ran.code, ran.out) == (1, "")
    assert [line.partition(" ")[0] for line in ran.err.removeprefix("recourse: ").splitlines()] == [
        "wrong.toml:2:",
        "wrong.toml:3:",
        "wrong.toml:4:",
    ]


def test_a_switch_that_cannot_be_read_is_said(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOURSE_DISABLE", "maybe")

    assert policy("explain", "payments.Charge", "good.toml") == (
        1,
        "",
        "recourse: RECOURSE_DISABLE 'maybe' is not allowed; use 1 or 0\n",
    )


# ---------------------------------------------------------------- diff


def test_diff_compares_what_calls_follow(policy: Policy) -> None:
    Path("old.toml").write_text(GOOD + "[policies.gone]\n[fallback]\n")
    Path("new.toml").write_text(
        GOOD.replace("max_attempts = 2", "max_attempts = 3").replace("= 5, refill", "= 9, refill")
        + '[policies.new]\n[budgets.more]\nkind = "unlimited"\n'
    )

    ran = policy("diff", "old.toml", "new.toml", "--exit-code")

    cells = [line.split() for line in ran.lines]
    assert [row[:2] for row in cells] == [
        ["KEY", "FIELD"],
        ["payments.Charge", "retry.max_attempts"],
        ["gone", "policy"],
        ["new", "policy"],
        ["[fallback]", "policy"],
        ["budgets.payments", "capacity"],
        ["budgets.more", "kind"],
    ]
    assert (cells[1][2:], cells[5][2:], cells[6][2:]) == (
        ["2", "3"],
        ["5", "9"],
        ["none", "unlimited"],
    )
    assert (cells[2][3], cells[3][2]) == ("none", "none")
    assert (ran.code, ran.err) == (3, "recourse: 6 differences\n")


def test_diff_lets_a_key_without_a_policy_follow_the_default(policy: Policy) -> None:
    Path("default.toml").write_text("[default]\nretry.max_attempts = 2\n")

    ran = policy("diff", "good.toml", "default.toml", "--key", "payments.Charge", "--json")

    assert ran.code == 0
    assert ran.document["schema"] == "recourse.policy_diff/1"
    assert [one["field"] for one in ran.document["differences"]] == [
        "retry.overall_timeout_s",
        "retry.budget.name",
        "retry.budget.cost",
        "idempotent",
        "id",
    ]
    assert ran.document["differences"][0] == {
        "key": "payments.Charge",
        "field": "retry.overall_timeout_s",
        "before": 4.0,
        "after": None,
    }


def test_diff_of_a_key_that_no_file_knows_suggests_one(policy: Policy) -> None:
    assert policy("diff", "good.toml", "empty.toml", "-k", "payments.Charg") == (
        1,
        "",
        (
            "recourse: key 'payments.Charg' has no policy in good.toml and empty.toml, and there is "
            "no [default]; did you mean 'payments.Charge'?\n"
        ),
    )


def test_diff_of_equal_files_is_empty(policy: Policy) -> None:
    ran = policy("diff", "good.toml", "good.toml", "--exit-code")

    assert ran == (0, "", "recourse: no difference\n")


# ---------------------------------------------------------------- schema and the process


def test_schema_prints_the_schema(policy: Policy) -> None:
    assert policy("schema").document == schema()


def test_the_group_lists_its_commands() -> None:
    shown = CliRunner().invoke(group, ["policy", "-h"])

    assert shown.exit_code == 0
    assert [name for name in ("diff", "explain", "lint", "schema") if name in shown.output] == [
        "diff",
        "explain",
        "lint",
        "schema",
    ]


@pytest.mark.slow
def test_a_process_that_checks_policies_loads_no_archive_and_no_database(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(WRONG)
    code = (
        "import sys; from recourse_observe.cli import main\n"
        "code = main(['policy', 'lint', 'p.toml', '--exit-code'])\n"
        "heavy = ('duckdb', 'pyarrow', 'recourse_observe.archive.reader', 'rich', 'textual')\n"
        "print(*[name for name in heavy if name in sys.modules])\n"
        "sys.exit(code)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == ""
