"""The commands, run in this process."""

import csv
import io
import json
import sys
from pathlib import Path

import click
import pytest

from recourse_observe.cli import main
from recourse_observe.cli.exits import explained
from recourse_observe.cli.root import COMMANDS, group


@pytest.fixture(autouse=True)
def _no_archive_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOURSE_ARCHIVE", raising=False)


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(one) for one in argv])
    captured = capsys.readouterr()
    return int(code), captured.out, captured.err


def test_help_lists_every_command_without_importing_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "-h")

    assert code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, name, "-h")

    assert code == 0
    assert out.startswith(f"Usage: recourse {name}")


@pytest.mark.slow
def test_the_story_is_text_markdown_or_json(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, text, _ = run(capsys, "story", outage)
    _, markdown, _ = run(capsys, "story", outage, "--format", "md", "-i", "1")
    code, document, _ = run(capsys, "story", outage, "--json", "--exit-code")

    assert text.startswith("outage  2026-11-21 10:00:00 to 10:02:59 UTC, 1 incident\n")
    assert markdown.startswith("# outage")
    assert json.loads(document)["incidents"][0]["cause"] == "dependency_outage"
    assert code == 3


def test_an_incident_that_does_not_exist_is_a_usage_error(
    quiet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "story", quiet, "-i", "2")

    assert code == 2
    assert "incident '2' is not in this archive; it has none" in err


@pytest.mark.slow
def test_triage_shows_incidents_and_keys(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "triage", outage, "--explain", "--exit-code")
    _, document, _ = run(capsys, "triage", outage, "--json", "--key", "search.Query")

    assert code == 3
    assert "✗ #1 payments.Charge  10:01:30 → 10:02:09  40s  200 calls lost (100.0%)" in out
    assert "our part  NEUTRAL" in out
    assert "✗  payments.Charge" in out
    assert "FROM members" in err
    content = json.loads(document)
    assert content["schema"] == "recourse.triage/1"
    assert [row["key"] for row in content["keys"]] == ["search.Query"]
    assert content["changes_of"] == 1
    first, *_ = content["changes"]
    assert first["text"].startswith("connection_error went from 0.0% to ")
    assert f"CHANGES #1\n  {first['at'][11:19]}  {first['text']}\n" in out


def test_triage_of_an_incident_that_does_not_exist_is_a_usage_error(
    quiet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "triage", quiet, "-i", "2")
    _, document, _ = run(capsys, "triage", quiet, "--json")

    assert code == 2
    assert "incident '2' is not in this archive; it has none" in err
    assert (json.loads(document)["changes_of"], json.loads(document)["changes"]) == (None, [])


def test_triage_of_a_quiet_archive_says_what_was_looked_at(
    quiet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "triage", quiet, "--exit-code")

    assert code == 0
    assert "No incident.\n  looked at 1,080 calls on 2 keys from 1 process: 0 lost" in out


def test_calls_are_listed_and_what_is_left_out_is_said(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "calls", outage, "--where", "lost", "--limit", 2, "--explain")

    assert code == 0
    assert out.splitlines()[1].split() == [
        *("10:01:30.000", "payments.Charge", "exhausted", "connection_error", "2", "62", "ms"),
        *("payments.Charge", "000540"),
    ]
    assert err.endswith("recourse: 2 of 200 calls shown; raise --limit for more\n")


def test_calls_are_data_in_three_formats(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scope = ("--since", "10:01:30", "--until", "+91s", "-k", "payments.Charge", "--sort", "total")
    _, rows, _ = run(capsys, "calls", outage, *scope, "--format", "csv")
    _, lines, _ = run(capsys, "calls", outage, *scope, "--format", "ndjson")
    _, document, _ = run(capsys, "calls", outage, *scope, "--json")
    _, nothing, _ = run(capsys, "calls", outage, "-k", "nobody", "--format", "csv")

    (head, *cells) = list(csv.reader(io.StringIO(rows)))
    assert len(cells) == 5
    assert [json.loads(line)["call_id"] for line in lines.splitlines()] == [
        row[head.index("call_id")] for row in cells
    ]
    assert json.loads(document)["total"] == 5
    assert nothing == "call_id\n"


def test_calls_have_shapes(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = run(capsys, "calls", outage, "--shapes", "--limit", 1)
    _, document, _ = run(capsys, "calls", outage, "--shapes", "--json")
    _, nothing, _ = run(capsys, "calls", outage, "--shapes", "-k", "nobody")

    assert out.splitlines()[1].startswith("  880  81.5%  20 ms  success")
    assert "1 of 2 shapes shown" in err
    assert len(json.loads(document)["shapes"]) == 2
    assert nothing == "CALLS  SHARE  P50  OUTCOME  EXAMPLE  SHAPE\n"


def test_one_call_is_drawn_and_its_text_is_harmless(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "call", outage, "000600")

    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("payments.Charge 000600  LOST exhausted (connection_error) after 2")
    assert lines[2] == "error ConnectionError: refused ·]52;c;x·"
    assert "0 original" in lines[5]
    assert "✓ retries 3 left" in lines[6]
    assert lines[-1] == "hedge 0.1 after 50 ms: lost"
    assert "\x1b" not in out


def test_a_clean_call_is_drawn_or_given_as_json(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "call", outage, "000000")
    _, document, _ = run(capsys, "call", "-a", outage, "000000", "--json")

    assert "  ok success (success) after 1 attempt in 20 ms" in out
    assert json.loads(document)["call"]["call_id"] == "000000"


def test_a_key_is_shown_over_time(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = run(capsys, "key", outage, "payments.Charge", "--buckets", 3, "--explain")
    _, document, _ = run(capsys, "key", outage, "payments.Charge", "--json")
    _, rows, _ = run(capsys, "key", outage, "payments.Charge", "--format", "csv")

    assert [line.split()[:4] for line in out.splitlines()[1:4]] == [
        ["10:00:00", "300", "0", "0.0%"],
        ["10:01:00", "300", "150", "50.0%"],
        ["10:02:00", "300", "50", "16.7%"],
    ]
    assert "FROM members" in err
    assert len(json.loads(document)["buckets"]) == 30
    assert rows.startswith("key,bucket,start_unix_us,")


def test_a_key_without_calls_is_said(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "key", outage, "nobody", "--format", "csv")

    assert (code, out) == (0, "key\n")
    assert "key 'nobody' made no call in this scope" in err


def test_sql_answers_as_table_json_or_lines(
    outage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOURSE_ARCHIVE", str(outage))
    query = "SELECT key, count(*) AS n, NULL AS nothing FROM calls GROUP BY key ORDER BY n"

    _, out, err = run(capsys, "sql", query, "--limit", 1)
    _, document, _ = run(capsys, "sql", query, "--json")

    assert out.splitlines() == ["key           n    nothing", "search.Query  180"]
    assert err == "recourse: the first 1 rows shown; raise --limit for more\n"
    assert len(json.loads(document)["rows"]) == 2


def test_sql_may_ask_for_the_calls_that_options_choose(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = "SELECT count(*) AS n FROM attempts WHERE $brush"

    assert run(capsys, "sql", outage, query, "--where", "lost")[1] == "n\n400\n"


def test_sql_that_would_write_is_refused(
    outage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "sql", outage, f"COPY calls TO '{tmp_path}/x.csv'")

    assert code == 1
    assert "refused" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("nope",), 2, "command 'nope' is not known"),
        (("story",), 2, "give an archive, or name it with -a or RECOURSE_ARCHIVE"),
        (("call", "one"), 2, "give an archive and a call's id"),
        (("story", "/not/there"), 5, "archive '/not/there' does not exist"),
        (("calls", "{outage}", "--since", "noon"), 2, "time 'noon' cannot be read"),
        (("calls", "{outage}", "--where", "total>3"), 2, "filter 'total>3' cannot be read"),
        (("call", "{outage}", "0"), 1, "call '0' names more than one call"),
        (("sql", "{outage}", "SELEC 1"), 1, "yntax error"),
    ],
)
def test_mistakes_are_one_sentence_and_a_code(
    argv: tuple[str, ...], code: int, said: str, outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    got, out, err = run(capsys, *(one.replace("{outage}", str(outage)) for one in argv))

    assert got == code
    assert said in err
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize("kind", ["empty", "damaged", "foreign"])
def test_what_is_no_readable_archive_is_one_sentence_and_five(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind != "empty":
        folder = tmp_path / "calls"
        folder.mkdir()
        (folder / "x.parquet").write_bytes(b"PAR1 torn" if kind == "damaged" else b"text")

    code, out, err = run(capsys, "triage", tmp_path)

    assert (code, out) == (5, "")
    assert err.startswith("recourse: archive ")
    assert err.count("\n") == 1


def test_a_damaged_file_beside_good_ones_is_a_warning(
    tmp_path: Path, quiet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calls").mkdir()
    for path in quiet.rglob("calls/**/*.parquet"):
        (tmp_path / "calls" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "calls" / "torn.parquet").write_bytes(b"PAR1 torn")

    code, out, err = run(capsys, "calls", tmp_path, "--limit", 1, "--format", "csv")

    assert code == 0
    assert len(out.splitlines()) == 2
    assert "torn.parquet" in err


def test_a_query_that_takes_too_long_ends_with_four(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = "SELECT count(*) FROM range(40000000) a, range(1000) b WHERE a.range * b.range % 7 = 3"

    code, _, err = run(capsys, "sql", outage, slow, "--timeout", "0.05")

    assert code == 4
    assert "the query took too long" in err


def test_a_query_within_its_time_is_answered(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "sql", outage, "SELECT 1 AS a", "--timeout", 30)[:2] == (0, "a\n1\n")


def test_a_missing_package_is_named_with_its_extra() -> None:
    missing = explained(ModuleNotFoundError("no", name="textual.app"))
    unknown = explained(ModuleNotFoundError("no", name="yonder"))

    assert missing is not None
    assert missing.code == 2
    assert missing.sentence.endswith("run: pip install 'recourse-observe[tui]'")
    assert unknown is None


def test_a_mistake_of_ours_is_not_explained_away(
    outage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recourse_observe.cli import calls as module

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "_show", broken)
    with pytest.raises(ZeroDivisionError):
        run(capsys, "calls", outage)


def test_an_interrupt_ends_with_130(
    outage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recourse_observe.cli import calls as module

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_show", interrupted)

    assert run(capsys, "calls", outage)[0] == 130


def test_the_screens_are_opened_by_their_own_package(
    outage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recourse_tui import app

    seen: list[object] = []

    def opened(*args: object, **kwargs: object) -> int:
        seen.append((args, kwargs))
        return 0

    monkeypatch.setattr(app, "run", opened)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)

    code, _, _ = run(capsys, "tui", outage, "--screen", "story", "--no-mouse")

    assert code == 0
    options = {
        "screen": "story",
        "in_ascii": False,
        "mouse": False,
        "trusted": True,
        "scoped": None,
        "keymap": None,
    }
    assert seen == [((str(outage),), options)]


@pytest.mark.slow
def test_a_path_alone_is_its_story_when_nobody_looks(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, outage)

    assert code == 0
    assert out.startswith("outage  2026-11-21")


@pytest.mark.slow
@pytest.mark.parametrize(
    "argv",
    [
        ("story",),
        ("story", "--format", "md"),
        ("story", "--json"),
        ("triage",),
        ("triage", "--json"),
        ("calls", "--where", "lost"),
        ("calls", "--shapes"),
        ("calls", "--format", "csv"),
        ("calls", "--format", "ndjson"),
        ("call", "000600"),
        ("sql", "SELECT key, instance FROM calls LIMIT 700"),
    ],
)
def test_no_text_of_an_archive_reaches_the_terminal_as_a_command(
    argv: tuple[str, ...], hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *rest = argv

    code, out, err = run(capsys, name, hostile, *rest)

    assert code == 0
    assert out
    bad = [
        c for c in out + err if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e")
    ]
    assert bad == []


def test_a_broken_installation_is_not_taken_for_a_missing_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "recourse_observe.cli.root", None)

    with pytest.raises(ModuleNotFoundError):
        main(["story"])


def test_the_group_knows_its_commands() -> None:
    assert group.list_commands(click.Context(group)) == sorted(COMMANDS)
