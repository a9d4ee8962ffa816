"""Archives to look at, and a screen as text."""

import contextlib
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from anyio.lowlevel import checkpoint
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from recourse_observe.archive import write_archive
from recourse_observe.notes import notes_path
from recourse_tui.app import RecourseApp
from recourse_tui.screens.opened import Opened, read
from recourse_tui.screens.view import View
from recourse_tui.shot import screen_text
from recourse_tui.widgets.prompt import Prompt

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ONSET, END = START + timedelta(minutes=12), START + timedelta(minutes=20)
CULPRIT = "payments.Charge"
OTHERS = ("auth.Verify", "email.Send", "inventory.Reserve", "search.Query")
HOSTILE = "\x1b[31mred\x1b]52;c;ZXZpbA==\x07[/red] \u202egnp\x9b list[int] 日本"
UNREADABLE = ("empty", "damaged")
GOLDENS = Path(__file__).parent / "screens"

PATIENCE_S = 120

Tables = dict[str, list[dict[str, Any]]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give time to tests that wait for an app.

    The first of them starts the process that reads, imports the story and tells it: on a busy
    machine that takes longer than a test that hangs may take elsewhere.
    """
    for item in items:
        is_limited = item.get_closest_marker("timeout") is not None
        if "settled" in getattr(item, "fixturenames", ()) and not is_limited:
            item.add_marker(pytest.mark.timeout(PATIENCE_S))


def call(
    tables: Tables, at: datetime, key: str, *outcomes: tuple[str, int], pods: tuple[int, ...] = ()
) -> None:
    """One call: an attempt for each (reason, milliseconds); ``denied`` is a refused retry."""
    number = len(tables["calls"])
    call_id = f"{number:08x}-checkout"
    moment = at
    rows: list[dict[str, Any]] = []
    for attempt, (reason, milliseconds) in enumerate(outcomes):
        denied, won = reason == "denied", reason == "success"
        backoff = 0 if attempt == len(outcomes) - 1 else 120_000 * 2**attempt
        row = {
            "call_id": call_id,
            "key": key,
            "attempt": attempt,
            "ran": not denied,
            "started_at": moment,
            "duration_us": 0 if denied else milliseconds * 1_000,
            "outcome": "success" if won else "abort" if denied else "retryable",
            "reason": "budget_denied" if denied else reason,
            "status": None if denied else 200 if won else 503,
            "error_type": None if won or denied else "UpstreamError",
            "backoff_us": backoff,
            "waited_before_us": 120_000 * 2 ** (attempt - 1) if attempt else 0,
            "budget_name": "payments" if attempt else None,
            "budget_allowed": not denied,
            "budget_reason": "first_attempt",
            "peer": f"pod-{pods[attempt] if pods else number % 4}",
            "policy_version": "pol-a",
        }
        if attempt:
            row["budget_reason"] = "budget_exhausted" if denied else "allowed"
            tables["budget_decisions"].append(
                {
                    "decided_at": moment,
                    "call_id": call_id,
                    "key": key,
                    "attempt": attempt,
                    "kind": "retry",
                    "budget_name": "payments",
                    "allowed": not denied,
                    "reason": row["budget_reason"],
                    "level_after": 0.0 if denied else float(50 - number % 50),
                }
            )
        rows.append(row)
        moment += timedelta(milliseconds=0 if denied else milliseconds, microseconds=backoff)
    ran = [row for row in rows if row["ran"]]
    success = bool(rows) and rows[-1]["outcome"] == "success"
    denied = bool(rows) and not rows[-1]["ran"]
    tables["attempts"] += rows
    tables["calls"].append(
        {
            "call_id": call_id,
            "key": key,
            "started_at": at,
            "ended_at": moment,
            "deadline_us": 2_000_000,
            "success": success,
            "disposition": "success" if success else "budget_denied" if denied else "exhausted",
            "final_outcome": "success" if success else "retryable",
            "final_reason": ran[-1]["reason"] if ran else "circuit_open",
            "attempts_run": len(ran),
            "retries": max(0, len(ran) - 1),
            "policy_version": "pol-a",
        }
    )


def no_tables() -> Tables:
    names = ("calls", "attempts", "budget_decisions", "policies", "circuit_transitions")
    return {name: [] for name in names}


def traffic(*, with_incident: bool, seconds: int = 1_800) -> Tables:
    """Thirty minutes of five keys; in the middle two of four instances answer 503 for eight minutes.

    Later e-mail times out for two minutes.
    """
    tables, draw = no_tables(), random.Random(7)  # noqa: S311  # traffic, no secret
    for second in range(seconds):
        at = START + timedelta(seconds=second, microseconds=draw.randrange(1_000_000))
        fails = with_incident and ONSET <= at < END
        for _ in range(2):
            outcomes: list[tuple[str, int]] = []
            pods = tuple(draw.randrange(4) for _ in range(3))
            for pod in pods:
                if fails and len(outcomes) == 2 and draw.random() < 0.3:
                    outcomes.append(("denied", 0))
                    break
                took = draw.randrange(20, 50)
                outcomes.append(("http_503", took) if fails and pod < 2 else ("success", took))
                if outcomes[-1][0] == "success":
                    break
            call(tables, at, CULPRIT, *outcomes, pods=pods)
        if second % 4 == 0:
            for key in OTHERS:
                slow = with_incident and key == "email.Send" and 1_500 <= second < 1_620
                took = draw.randrange(20, 50)
                call(tables, at, key, ("timeout", 1_000) if slow else ("success", took))
    tables["policies"] = [
        {
            "applied_at": START,
            "key": CULPRIT,
            "policy_version": "pol-a",
            "max_attempts": 3,
            "budget_name": "payments",
        }
    ]
    states = ("closed", "open", "half_open", "closed")
    tables["circuit_transitions"] = [
        {
            "changed_at": START + timedelta(minutes=13, seconds=40 * number),
            "key": "auth.Verify",
            "from_state": before,
            "to_state": after,
            "cause": "manual",
        }
        for number, (before, after) in enumerate(pairwise(states))
    ]
    return tables


def one_row() -> Tables:
    tables = no_tables()
    call(tables, START, CULPRIT, ("http_503", 40), ("success", 30))
    return tables


def hostile() -> Tables:
    """The incident, in an archive in which every text wants something from the terminal."""
    tables = traffic(with_incident=True)
    texts = {"policy_version", "error_type", "error_message", "trace_id", "peer", "budget_name"}
    for row in (row for rows in tables.values() for row in rows):
        is_lost = row.get("final_reason", row.get("reason")) == "http_503"
        row.update(dict.fromkeys(texts & row.keys(), HOSTILE))
        row.update({"key": HOSTILE} if row["key"] == CULPRIT else {})
        row.update(
            {"final_reason" if "final_reason" in row else "reason": HOSTILE} if is_lost else {}
        )
    for row in tables["attempts"]:
        row.update({"error_message": HOSTILE * 200} if row["reason"] == HOSTILE else {})
    return tables


@pytest.fixture(scope="session")
def tables() -> Tables:
    """The rows of the incident archive: what its screens must agree with."""
    return traffic(with_incident=True)


@pytest.fixture(scope="session")
def archive_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Where an archive of a kind is; made when it is first wanted."""
    root = tmp_path_factory.mktemp("archives")
    makers: dict[str, Callable[[], Tables]] = {
        "incident": lambda: traffic(with_incident=True),
        "quiet": lambda: traffic(with_incident=False, seconds=600),
        "one-row": one_row,
        "hostile": hostile,
    }

    def path(kind: str) -> str:
        place = root / kind
        if not place.exists():
            match kind:
                case "empty":
                    write_archive(place, {})
                case "damaged":
                    write_archive(place, one_row())
                    for file in place.rglob("*.parquet"):
                        file.write_bytes(file.read_bytes()[:40])
                case "missing":
                    pass
                case _:
                    write_archive(place, makers[kind](), service="checkout", instance="checkout-1")
        return str(place)

    return path


@pytest.fixture(scope="session")
def opened(archive_path: Callable[[str], str]) -> Iterator[Callable[[str], Opened]]:
    """An open archive of a kind with its story, shared by all tests."""
    kept: dict[str, Opened] = {}

    def get(kind: str) -> Opened:
        if kind not in kept:
            path = Path(archive_path(kind))
            # An error shows the path as it was given: a short one, the same in every run.
            with contextlib.chdir(path.parent):
                kept[kind] = read(path.name if kind in UNREADABLE else str(path))
        return kept[kind]

    yield get
    for one in kept.values():
        one.archive.close()


@pytest.fixture
def app_on(
    archive_path: Callable[[str], str], opened: Callable[[str], Opened]
) -> Iterator[Callable[..., RecourseApp]]:
    """The app on an archive of a kind, which other tests look at too: it stays as it is."""
    places: set[Path] = set()

    def make(kind: str, **options: Any) -> RecourseApp:
        places.add(Path(archive_path(kind)))
        return RecourseApp(archive_path(kind), reader=lambda: opened(kind), **options)

    yield make
    kept = [place for place in places if notes_path(place).exists()]
    assert not kept, "keep notes beside a copy: the next test would find them"


def is_busy(app: RecourseApp) -> bool:
    """Something is still to be asked, answered, laid out or painted."""
    screen = app.screen
    is_asking = isinstance(screen, View) and screen.is_asking
    is_opening = not (app.session.is_open or app.session.problem)
    is_painting = (
        app._batch_count or screen._layout_required or screen._dirty_widgets or screen._callbacks
    )
    is_told = any(node.message_queue_size for node in (app, *screen.walk_children(with_self=True)))
    return bool(is_asking or is_opening or is_painting or is_told)


@pytest.fixture(autouse=True)
def copies_of_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test copies goes to a folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def never_wait_for_an_idle_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's pilot waits until the process uses no time, up to a second; ``settled`` knows better."""

    async def only_let_others_run(*_: object) -> None:
        await checkpoint()

    monkeypatch.setattr("textual.app.wait_for_idle", only_let_others_run)
    monkeypatch.setattr("textual.pilot.wait_for_idle", only_let_others_run)


@pytest.fixture
def settled() -> Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]:
    """The screen, when nothing is under way and three looks agree."""

    async def wait(app: RecourseApp, pilot: Pilot[Any]) -> str:
        looks: list[str] = []
        while len(looks) < 3 or len(set(looks[-3:])) > 1:
            with contextlib.suppress(WorkerCancelled):  # an answer that nobody wants any more
                await app.workers.wait_for_complete()
            await pilot.pause(0.002)
            looks = [] if is_busy(app) else [*looks, screen_text(app)]
        return looks[-1]

    return wait


class Hands:
    """Keys, and what is seen when they have been obeyed."""

    def __init__(
        self,
        settled: Callable[[RecourseApp, Pilot[Any]], Awaitable[str]],
        app: RecourseApp,
        pilot: Pilot[Any],
    ) -> None:
        self.settled = settled
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        return await self.settled(self.app, self.pilot)

    async def type(self, key: str, words: str) -> str:
        """Open a prompt by its key, and enter words there."""
        await self.press(key)
        self.app.screen.query_one(Prompt).value = words
        return await self.press("enter")


@pytest.fixture
def hands_on(
    settled: Callable[[RecourseApp, Pilot[Any]], Awaitable[str]],
) -> Callable[[RecourseApp, Pilot[Any]], Hands]:
    """Hands on the keys of an app that runs."""
    return partial(Hands, settled)


@pytest.fixture
def agree() -> Callable[[str, str], None]:
    """Compare a screen with its golden file, or rewrite that under RECOURSE_UPDATE_GOLDENS=1."""

    def compare(name: str, got: str) -> None:
        golden = GOLDENS / f"{name}.txt"
        if os.environ.get("RECOURSE_UPDATE_GOLDENS") == "1":
            golden.write_text(got, encoding="utf-8")
        assert golden.read_text(encoding="utf-8") == got

    return compare
