"""The TUI in a real pseudo-terminal: it starts, answers, survives its window, and leaves everything as it was."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from recourse_observe.archive import write_archive

pytestmark = pytest.mark.slow
ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[PX^_].*?\x1b\\|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])",
    re.DOTALL,
)
PATIENCE = 200  # looks of a tenth of a second


ATTACKS = (
    "\x1b]52;c;T1dORUQ=\x07OWNED", "\x1b]0;OWNED\x07", "\x1b[2J\x1b[HOWNED", "\x1b[31mOWNED\x1b[0m", "\x1b[?1049lOWNED",
    "\x1bPOWNED\x1b\\", "\x9b31mOWNED", "\x9d52;c;T1dORUQ=\x9cOWNED", "\x1b_GOWNED\x1b\\", "\x1b[6nOWNED",
    "OWNED\r\n\x08\x08\x7fOWNED", "\u202eDENWO\u2066", "[link=http://evil]OWNED[/link] [/red]",
)  # fmt: skip
"""Clipboard, title, clearing, colour, leaving the screen, device strings, 8-bit forms, graphics, a question to the
terminal, moving back, turned writing, markup."""
HARM = (
    r"\x1b\][0-9]+;(?:OWNED|c;)", r"\x1b\[31mOWNED", r"\x1b\[2J\x1b\[HOWNED", r"\x1bPOWNED", r"[\x80-\x9f]", r"\x1b_G",
    r"\x1b\[6n", r"\x08|\x7f", "[\u202a-\u202e\u2066-\u2069]", r"\x1b\]8;",
)  # fmt: skip


def attacked() -> dict[str, list[dict[str, Any]]]:
    """A call for each attack, which stands in every text of its rows."""
    tables: dict[str, list[dict[str, Any]]] = {"calls": [], "attempts": [], "policies": [], "budget_decisions": [],
                                               "circuit_transitions": []}  # fmt: skip
    for number, text in enumerate(ATTACKS):
        at = 1_795_255_200_000_000 + number * 1_000_000
        own = {"call_id": f"{number}{text}", "key": text}
        said = dict.fromkeys(("policy_version", "error_type", "error_message", "trace_id"), text)
        tables["calls"].append(
            {**own, **said, "started_at": at, "duration_us": 90_000, "success": False, "disposition": "exhausted",
             "final_reason": text, "final_outcome": "retryable", "policy_id": text, "method": text, "retries": 1,
             "attempts_run": 2}
        )  # fmt: skip
        for attempt in range(2):
            tables["attempts"].append(
                {**own, **said, "attempt": attempt, "started_at": at + attempt * 50_000, "duration_us": 40_000,
                 "reason": text, "outcome": "retryable", "peer": text, "budget_name": text}
            )  # fmt: skip
        tables["policies"].append(
            {"key": text, "applied_at": at, "policy_version": text, "budget_name": text}
        )
        tables["budget_decisions"].append(
            {
                **own,
                "decided_at": at + 50_000,
                "attempt": 1,
                "budget_name": text,
                "reason": text,
                "allowed": False,
            }
        )
        tables["circuit_transitions"].append(
            {
                "key": text,
                "changed_at": at,
                "from_state": "closed",
                "to_state": "open",
                "cause": text,
            }
        )
    return tables


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A program in a pseudo-terminal, and all that it wrote."""

    def __init__(self, argv: list[str], **environ: str) -> None:
        self.ours, theirs = pty.openpty()
        self.modes = termios.tcgetattr(theirs)
        self.resize(80, 24)
        usual = {"TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none", "LANG": "C.UTF-8"}
        self.program = subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # what a shell does for what it starts
            env={k: v for k, v in os.environ.items() if k != "NO_COLOR"} | usual | environ,
        )  # fmt: skip
        self.theirs = theirs
        self.written = b""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if hasattr(self, "program"):
            os.kill(self.program.pid, signal.SIGWINCH)

    def press(self, keys: str) -> int:
        """Type; gives where in the output the answer begins."""
        os.write(self.ours, keys.encode())
        return len(self.written)

    def listen(self) -> None:
        if select.select([self.ours], [], [], 0.1)[0]:
            self.written += os.read(self.ours, 65536)

    def text(self, since: int = 0) -> str:
        return ESCAPE.sub("", self.written[since:].decode("utf-8", "replace"))

    def has_come(self, words: str, since: int) -> bool:
        """Whether words come within a few seconds."""
        looks = 0
        while words not in self.text(since) and looks < PATIENCE // 4:
            looks += 1
            self.listen()
        return words in self.text(since)

    def wait_for(self, words: str, since: int = 0) -> str:
        for _ in range(PATIENCE):
            if words in self.text(since):
                return self.text(since)
            self.listen()
        raise AssertionError(f"{words!r} did not come; the end is {self.text(since)[-2000:]!r}")

    def end(self) -> int:
        for _ in range(PATIENCE):
            if (code := self.program.poll()) is not None:
                while select.select([self.ours], [], [], 0)[0]:
                    self.listen()
                return code
            self.listen()
        raise AssertionError("it did not end")

    def state(self) -> str:
        """One letter: ``T`` is stopped."""
        with open(f"/proc/{self.program.pid}/stat", encoding="ascii") as file:  # noqa: PTH123  # a process, no path
            return file.read().rpartition(")")[2].split()[0]

    def close(self) -> None:
        if self.program.poll() is None:
            self.program.kill()
            self.program.wait()
        os.close(self.ours)
        os.close(self.theirs)


Opens: TypeAlias = Callable[..., Terminal]
PathOf: TypeAlias = Callable[[str], str]


@pytest.fixture
def terminal() -> Iterator[Opens]:
    made: list[Terminal] = []

    def make(path: str, **environ: str) -> Terminal:
        code = "import sys; from recourse_tui.app import run; sys.exit(run(sys.argv[1]))"
        made.append(Terminal([sys.executable, "-c", code, path], **environ))
        return made[-1]

    yield make
    for one in made:
        one.close()


def is_restored(terminal: Terminal) -> bool:
    """The main screen, a cursor, no mouse reports, no bracketed paste, and the line's own modes."""
    written = terminal.written
    pairs = ((b"\x1b[?1049l", b"\x1b[?1049h"), (b"\x1b[?25h", b"\x1b[?25l"), (b"\x1b[?1000l", b"\x1b[?1000h"),
             (b"\x1b[?2004l", b"\x1b[?2004h"))  # fmt: skip
    left = all(written.rfind(off) > written.rfind(on) for off, on in pairs)
    return left and termios.tcgetattr(terminal.theirs)[:4] == terminal.modes[:4]


def test_from_verdict_to_waterfall_and_out_again(terminal: Opens, archive_path: PathOf) -> None:
    window = terminal(archive_path("incident"))
    verdict = window.wait_for("our part")
    assert "payments.Charge" in verdict
    assert "calls lost" in verdict

    since = window.press("\r")
    window.wait_for("EVIDENCE [E1]", since)
    since = window.press("\r")
    window.wait_for("call 1 of", since)
    since = window.press("\r")
    window.wait_for("CRITICAL PATH", since)

    for step in range(30):
        window.resize(40 + 7 * step, 10 + step)
        window.listen()
    window.resize(80, 24)
    since = window.press("1")
    window.wait_for("our part", since)

    window.press("q")
    assert window.end() == 0
    assert is_restored(window)
    assert "Traceback" not in window.text()


def test_it_is_put_aside_and_taken_up_again(terminal: Opens, archive_path: PathOf) -> None:
    window = terminal(archive_path("one-row"))
    window.wait_for("payments.Charge")
    window.press("5")
    window.wait_for("CRITICAL PATH")

    window.press("\x1a")
    while window.state() != "T":
        window.listen()
    assert is_restored(window)
    since = len(window.written)
    os.kill(window.program.pid, signal.SIGCONT)
    window.wait_for("CRITICAL PATH", since)
    assert not is_restored(window)

    window.press("q")
    assert window.end() == 0
    assert is_restored(window)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_from_outside_finds_the_terminal_as_it_was(
    terminal: Opens, archive_path: PathOf, number: signal.Signals
) -> None:
    window = terminal(archive_path("one-row"))
    window.wait_for("payments.Charge")
    os.kill(window.program.pid, number)

    assert window.end() == 128 + number
    assert is_restored(window)
    assert "Traceback" not in window.text()


@pytest.mark.timeout(120)
def test_thirteen_attacks_in_every_field_reach_no_terminal(terminal: Opens, tmp_path: Path) -> None:
    write_archive(tmp_path / "a", attacked(), service=ATTACKS[0], region=ATTACKS[1])
    (tmp_path / "a" / "notes.jsonl").write_text(
        "".join(
            json.dumps({"kind": "note", "text": attack, "name": attack}) + "\n"
            for attack in ATTACKS
        )
    )
    window = terminal(str(tmp_path / "a"))
    window.wait_for("CALLS")
    for keys, words in (
        ("2", "story/1"), ("3", "GUARD"), ("4", "SHAPE"), ("v", "by start"),
        ("\r", "CRITICAL"), ("c", "went well"), ("6", "MEASURE"), ("7", "EVENTS"),
        (":", "goto, key"), ("whatif retry.max_attempts=1\r", "CANDIDATE"), ("9", "not truncated"),
    ):  # fmt: skip
        since = window.press(keys)
        window.wait_for(words, since)
    since = window.press("\t0")
    if not window.has_come("MOMENT", since):  # the answer had the keys first, then the editor
        window.press("\t0")
    window.wait_for("MOMENT", since)
    window.wait_for("LOST/min", window.press("1"))
    window.press("q")

    assert window.end() == 0
    ours = window.written.decode("utf-8", "replace")
    assert "OWNED" in ours
    assert [mark for mark in HARM if re.search(mark, ours)] == []


def test_hostile_text_reaches_no_real_terminal(terminal: Opens, archive_path: PathOf) -> None:
    window = terminal(archive_path("hostile"))
    window.wait_for("]52;c;ZXZ")
    since = window.press("5")
    window.wait_for("CRITICAL PATH", since)
    window.press("q")

    assert window.end() == 0
    for harm in (
        b"\x1b]52",
        b"\x1b[31mred",
        b"\xc2\x9b",
        "\u202e".encode(),
    ):
        assert harm not in window.written


def test_a_missing_archive_leaves_a_sentence_and_its_code(terminal: Opens, tmp_path: Path) -> None:
    window = terminal(str(tmp_path / "gone"))

    assert window.end() == 5
    assert is_restored(window)
    assert "does not exist; give a directory or a Parquet file" in window.text()
    assert "Traceback" not in window.text()


def test_without_colour_nothing_but_grey_is_painted(terminal: Opens, archive_path: PathOf) -> None:
    window = terminal(archive_path("one-row"), NO_COLOR="1", COLORTERM="truecolor")
    window.wait_for("payments.Charge")
    window.press("q")
    window.end()

    painted = re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", window.written)
    assert painted
    assert [rgb for rgb in painted if len(set(rgb)) != 1] == []
