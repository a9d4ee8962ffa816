"""What the command does with streams that are closed, or that lack characters."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recourse_observe.cli import main
from recourse_observe.cli.streams import ready_streams

RECOURSE = (
    f"{sys.executable} -c 'import sys; from recourse_observe.cli import main; sys.exit(main())'"
)


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_stream_that_is_closed_is_not_missed(closed: str, quiet: Path) -> None:
    command = f"{RECOURSE} calls {quiet} --limit 1 {closed}"

    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert ("START" in done.stdout) is (">&-" not in closed.split())


@pytest.mark.slow
def test_what_is_no_terminal_gets_utf_8(outage: Path) -> None:
    elsewhere = os.environ | {"PYTHONIOENCODING": "latin-1"}

    done = subprocess.run(
        ["/bin/sh", "-c", f"{RECOURSE} triage {outage}"],
        capture_output=True,
        check=False,
        env=elsewhere,
    )

    assert done.returncode == 0
    assert "✗ #1 payments.Charge" in done.stdout.decode()


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_it_lacks_as_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(said, encoding="ascii"))

    ready_streams()
    sys.stdout.write("✗ lost\n")
    sys.stdout.flush()

    assert said.getvalue() == b"? lost\n"


def test_streams_that_are_closed_swallow_what_they_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)

    ready_streams()
    with sys.stdin, sys.stdout, sys.stderr:
        sys.stdout.write("✗ lost\n")
        sys.stderr.write("✗ lost\n")
        assert sys.stdin.read() == ""


def test_a_stream_of_another_kind_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    other = io.StringIO()
    monkeypatch.setattr(sys, "stdout", other)

    ready_streams()

    assert sys.stdout is other


def test_bytes_that_are_no_text_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["story", "b\udcffad"])

    assert code == 2
    assert "argument 'b\\udcffad' is no text in UTF-8; write it" in capsys.readouterr().err
