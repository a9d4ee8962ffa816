"""Archives to ask: a storm of the laboratory, a partial outage, and rows written by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recourse import BudgetRef, Policy, RetryPolicy
from recourse_observe.archive.build import write_archive
from recourse_observe.lab import (
    BudgetSpec,
    DependencySpec,
    Fault,
    KeySpec,
    Outage,
    Poisson,
    Scenario,
    Slowdown,
)
from recourse_observe.lab.recording import record
from recourse_observe.whatif.record import Made, Record, Tried

T0 = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
S = 1_000_000
KEY = "shipping.Resolve"


def scenario(name: str, *faults: Fault, **retry: Any) -> Scenario:
    given = {"max_attempts": 4, "timeout_per_attempt_s": 1.0, "initial_backoff_s": 0.05, **retry}
    budget = "budget" in retry
    return Scenario(
        name=name,
        seed=5,
        duration_s=75.0,
        dependencies=(
            DependencySpec(
                name="shipping", instances=1, workers=3, queue=50, median_s=0.2, sigma=0.3
            ),
        ),
        keys=(
            KeySpec(
                key=KEY,
                dependency="shipping",
                policy=Policy(KEY, retry=RetryPolicy(**given), idempotent=True),
                traffic=Poisson(per_s=8.0),
            ),
        ),
        budgets=(BudgetSpec(name="own", capacity=100.0, refill_per_s=5.0),) if budget else (),
        faults=faults,
        drain_s=60.0,
    )


@pytest.fixture(scope="session")
def small() -> Callable[..., Scenario]:
    """Makes a scenario of a minute with a dependency of three workers."""
    return scenario


@pytest.fixture(scope="session")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten slow seconds, after which the retries keep the dependency down."""
    path = tmp_path_factory.mktemp("whatif") / "storm"
    slow = Slowdown(start_s=25.0, end_s=35.0, dependency="shipping", factor=6.0)
    record(scenario("storm", slow), path)
    return path


@pytest.fixture(scope="session")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For twenty seconds two requests in three fail at once, whatever the load is."""
    path = tmp_path_factory.mktemp("whatif") / "outage"
    fault = Outage(start_s=25.0, end_s=45.0, dependency="shipping", share=0.66)
    record(scenario("outage", fault, max_attempts=2, budget=BudgetRef("own")), path)
    return path


def rows(calls: int, *, fails: Callable[[int, int], bool], most: int) -> dict[str, list[Any]]:
    """Ten calls a second on one key; ``fails`` says of a call and an attempt whether it fails."""
    tables: dict[str, list[Any]] = {"calls": [], "attempts": [], "policies": []}
    for number in range(calls):
        start, call_id = T0 + number * S // 10, f"{number:06d}"
        made = 0
        while True:
            bad = fails(number, made)
            end = {"outcome": "retryable", "reason": "http_503"} if bad else {}
            tables["attempts"].append(
                {
                    "call_id": call_id,
                    "key": KEY,
                    "attempt": made,
                    "started_at": start + made * 30_000,
                    "duration_us": 20_000,
                    **end,
                }
            )
            made += 1
            if not bad or made == most:
                break
        ended = {
            "success": not bad,
            "disposition": "exhausted" if bad else "success",
            "attempts_run": made,
            "retries": made - 1,
        }
        tables["calls"].append(
            {
                "call_id": call_id,
                "key": KEY,
                "started_at": start,
                "duration_us": made * 30_000,
                "policy_version": "v1",
                **ended,
            }
        )
    tables["policies"].append(
        {
            "applied_at": T0,
            "key": KEY,
            "policy_version": "v1",
            "max_attempts": most,
            "timeout_per_attempt_us": S,
        }
    )
    return tables


@pytest.fixture(scope="session")
def by_hand() -> Callable[..., Any]:
    """Writes an archive of calls whose attempts fail as told; see ``rows``."""

    def made(path: Path, calls: int, *, most: int = 3, **given: Any) -> Path:
        return write_archive(path, rows(calls, most=most, **given))

    return made


@pytest.fixture(scope="session")
def tried() -> Callable[..., Tried]:
    """An attempt of a record, a success of 20 ms unless told otherwise."""

    def made(call: int, at_s: float, **given: Any) -> Tried:
        plain = Tried(call, 0, 0, True, at_s, 0.02, "success", "success", None, 1.0, "")  # noqa: FBT003  # ran
        return plain._replace(**given)

    return made


@pytest.fixture(scope="session")
def recorded(tried: Callable[..., Tried]) -> Callable[..., Record]:
    """A record of a minute with an incident from 20 to 40 s, one call for each attempt unless given."""

    def made(attempts: list[Tried], calls: list[Made] | None = None, **given: Any) -> Record:
        own = [
            Made(
                call_id=str(place),
                instance="p",
                policy_version="v1",
                at_s=one.at_s,
                duration_s=one.duration_s,
                deadline_s=None,
                lost=one.outcome != "success",
                disposition="success" if one.outcome == "success" else "exhausted",
                attempts=1,
                retries=0,
                hedges=0,
                rescued=False,
                weight=1,
            )
            for place, one in enumerate(attempts)
        ]
        plain: dict[str, Any] = {
            "key": KEY,
            "start_us": T0,
            "length_s": 60.0,
            "onset_s": 20.0,
            "end_s": 40.0,
            "calls": tuple(calls or own),
            "attempts": tuple(attempts),
        }
        return Record(**{**plain, **given})

    return made
