"""Archives on disk for the command line: an outage, and a quiet one."""

from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive

T0 = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
S = 1_000_000


HOSTILE = "a\x1b]52;c;x\x07\u202e\x9b31m|<b>`[/x]"


def calls(*, bad_from: int, bad_to: int, mark: str = "") -> dict[str, list[dict[str, Any]]]:
    """Five calls a second on one key for three minutes, one on another."""
    tables: dict[str, list[dict[str, Any]]] = {"calls": [], "attempts": []}
    for i in range(180 * 6):
        key = "search.Query" if i % 6 == 5 else f"payments.Charge{mark}"
        bad = i % 6 != 5 and bad_from <= i < bad_to
        start, call_id = T0 + i * S // 6, f"{i:06d}"
        took = 2_000 if bad else 20_000
        end = {"outcome": "retryable", "reason": f"connection_error{mark}"} if bad else {}
        for attempt in range(2 if bad else 1):
            tables["attempts"].append(
                {
                    "call_id": call_id,
                    "key": key,
                    "attempt": attempt,
                    "started_at": start + attempt * 60_000,
                    "duration_us": took,
                    "backoff_us": 58_000 if bad and attempt == 0 else 0,
                    **end,
                }
            )
        lost = {
            "success": False,
            "disposition": "exhausted",
            "final_outcome": "retryable",
            "final_reason": f"connection_error{mark}",
            "attempts_run": 2,
            "retries": 1,
            "error_type": "ConnectionError",
            "error_message": "refused \x1b]52;c;x\x07",
            "deadline_us": 2_000_000,
        }
        tables["calls"].append(
            {
                "call_id": call_id,
                "key": key,
                "started_at": start,
                "duration_us": 62_000 if bad else took,
                **(lost if bad else {}),
            }
        )
    return tables


@pytest.fixture(autouse=True)
def our_own_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker process for each command would take half a second; the tests of the worker have their own."""
    monkeypatch.setenv("RECOURSE_TRUST", "1")


@pytest.fixture(scope="session")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = calls(bad_from=90 * 6, bad_to=130 * 6)
    tables["budget_decisions"] = [
        {
            "decided_at": T0 + 100 * S,
            "call_id": "000600",
            "key": "payments.Charge",
            "attempt": 1,
            "budget_name": "retries",
            "allowed": allowed,
            "reason": "allowed" if allowed else "budget_denied",
            "level_after": 3.0 if allowed else None,
        }
        for allowed in (True,)
    ]
    tables["hedges"] = [
        {
            "call_id": "000600",
            "key": "payments.Charge",
            "attempt": 0,
            "hedge_index": 1,
            "spawned_at": T0 + 100 * S,
            "delay_us": 50_000,
            "result": "lost",
        }
    ]
    return write_archive(tmp_path_factory.mktemp("cli") / "outage", tables)


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("cli") / "quiet", calls(bad_from=0, bad_to=0))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = calls(bad_from=90 * 6, bad_to=130 * 6, mark=HOSTILE)
    return write_archive(tmp_path_factory.mktemp("cli") / "hostile", tables)
