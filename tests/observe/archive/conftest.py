"""Whole calls, told by hand: what an executor would tell, event by event."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recourse import events
from recourse.events import CallIds, CallInfo
from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.policy.model import BudgetRef, CircuitPolicy, HedgePolicy, Policy, RetryPolicy
from recourse.reasons import (
    BreakerState,
    BudgetKind,
    CancelReason,
    CircuitCause,
    Disposition,
    HedgingOff,
)
from recourse.testing import VirtualClock
from recourse_observe.archive.fold import Failure

START_NS = 1_795_269_600_000_000_000  # 2026-11-21T14:00:00Z
FAILED = Outcome(OutcomeKind.RETRYABLE, "http_503", {"family": "5xx"}, retry_after_s=2.0)
LOST = Outcome(OutcomeKind.CANCELLED, "hedge_lost")


class Teller:
    """Tells calls; every event is a millisecond after the one before."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START_NS)
        self.policy = Policy(
            "pay.Charge",
            retry=RetryPolicy(max_attempts=3, budget=BudgetRef("pay"), timeout_per_attempt_s=1.0),
            hedge=HedgePolicy(hedge_delay_s=0.01),
            circuit=CircuitPolicy(threshold=2),
            idempotent=True,
        ).normalize()
        self._count = itertools.count()
        self._ids = CallIds(self.clock, random.Random(0))  # noqa: S311  # a tag, not a secret

    def start(
        self, key: str = "pay.Charge", call_id: str | None = None, **info: Any
    ) -> tuple[CallInfo, list[Any]]:
        """A call that has begun and knows its policy."""
        call = CallInfo(
            self._ids,
            key,
            self.clock.monotonic_s(),
            self.clock.time_unix_ns(),
            f"call-{next(self._count):06}" if call_id is None else call_id,
        )
        for name, value in info.items():
            setattr(call, name, value)
        call.policy = self.policy
        call.policy_source = "static"
        resolved = (self.policy, "static", "standard", 0.0, None, None)
        return call, [
            events.CallStart(call, call.seq(), self.now(), None),
            events.PolicyResolved(call, call.seq(), self.now(), *resolved),
        ]

    def now(self) -> float:
        self.clock.advance(0.001)
        return self.clock.monotonic_s()

    def launch(self, call: CallInfo, attempt: int = 0, hedge_index: int = 0) -> events.AttemptStart:
        at_s = self.now()
        return events.AttemptStart(
            call, call.seq(), at_s, attempt, hedge_index, 0.0, 1.0, at_s + 1.0
        )

    def land(
        self,
        start: events.AttemptStart,
        outcome: Outcome = SUCCESS,
        error: BaseException | None = None,
        **annotations: Any,
    ) -> events.AttemptEnd:
        ended_s = self.now()
        return events.AttemptEnd(
            call=start.call,
            seq=start.call.seq(),
            at_s=ended_s,
            attempt=start.attempt,
            hedge_index=start.hedge_index,
            ran=True,
            started_s=start.at_s,
            ended_s=ended_s,
            outcome=outcome,
            error=error,
            waited_before_s=start.waited_before_s,
            timeout_s=start.timeout_s,
            backoff_s=0.05 if outcome is FAILED else 0.0,
            backoff_source="policy" if outcome is FAILED else None,
            late=False,
            overrun_s=0.0,
            cancel_reason=None,
            budget_name="pay" if start.attempt or start.hedge_index else "",
            budget_allowed=True,
            budget_reason="allowed" if start.attempt or start.hedge_index else "first_attempt",
            annotations=annotations,
        )

    def denied(self, call: CallInfo, attempt: int, hedge_index: int = 0) -> list[Any]:
        """A budget that says no, and the attempt that did not run."""
        at_s = self.now()
        kind = BudgetKind.HEDGE if hedge_index else BudgetKind.RETRY
        decision = events.BudgetDecision(
            call, call.seq(), at_s, attempt, hedge_index,
            kind, "pay", 1, "standard", False, "budget_denied", 0.5,  # noqa: FBT003  # a tuple's field
        )  # fmt: skip
        start = events.AttemptStart(call, 0, at_s, attempt, hedge_index, 0.05, None, None)
        end = self.land(start, Outcome(OutcomeKind.ABORT, "budget_denied"))
        never: dict[str, Any] = {
            "ran": False,
            "started_s": at_s,
            "ended_s": at_s,
            "budget_allowed": False,
        }
        return [decision, end._replace(**never, budget_reason="budget_denied")]

    def allowed(self, call: CallInfo, attempt: int, hedge_index: int = 0) -> Any:
        decision = self.denied(call, attempt, hedge_index)[0]
        return decision._replace(allowed=True, reason="allowed")

    def end(
        self,
        call: CallInfo,
        runs: int,
        hedges: int = 0,
        *,
        disposition: Disposition = Disposition.SUCCESS,
        outcome: Outcome = SUCCESS,
        error: BaseException | None = None,
    ) -> events.CallEnd:
        at_s = self.now()
        return events.CallEnd(
            call, call.seq(), at_s, disposition, outcome, error, runs, hedges, call.started_s + 3.0
        )

    def success(self, **annotations: Any) -> list[Any]:
        call, told = self.start()
        first = self.launch(call)
        return [*told, first, self.land(first, **annotations), self.end(call, 1)]

    def retried(self) -> list[Any]:
        call, told = self.start()
        first = self.launch(call)
        failed = self.land(first, FAILED, ConnectionError("secret"))
        wait = events.RetryScheduled(
            call, call.seq(), self.now(), 0, 0.05, "policy", 0.05, "full", None
        )
        allowed = self.allowed(call, 1)
        second = self.launch(call, 1)
        return [
            *told, first, failed, wait, allowed, second, self.land(second), self.end(call, 2),
        ]  # fmt: skip

    def denied_retry(self) -> list[Any]:
        call, told = self.start()
        first = self.launch(call)
        error = ConnectionError("secret")
        failed = self.land(first, FAILED, error)
        return [
            *told,
            first,
            failed,
            *self.denied(call, 1),
            self.end(call, 1, disposition=Disposition.BUDGET_DENIED, outcome=FAILED, error=error),
        ]

    def hedged(self, *, won: bool) -> list[Any]:
        """A primary and a hedge; one of them is cancelled because the other succeeded."""
        call, told = self.start()
        first = self.launch(call)
        allowed = self.allowed(call, 0, 1)
        spawn = events.HedgeSpawn(call, call.seq(), self.now(), 0, 1, 0.01, "p95")
        second = self.launch(call, 0, 1)
        winner, loser = (second, first) if won else (first, second)
        ended = self.land(winner)
        cancel = events.HedgeCancel(
            call, call.seq(), self.now(), 0, loser.hedge_index, CancelReason.WINNER_SUCCESS,
            loser.at_s, ended.at_s, LOST, 0.0, 1.0, "pay", "allowed", {},
        )  # fmt: skip
        return [*told, first, allowed, spawn, second, ended, cancel, self.end(call, 2, 1)]

    def rejected(self) -> list[Any]:
        """A breaker that is open."""
        call, told = self.start()
        decision = events.CircuitDecision(
            call, call.seq(), self.now(), 0, False, BreakerState.OPEN, "circuit_open", 1, False  # noqa: FBT003  # a tuple's fields
        )  # fmt: skip
        refused = Outcome(OutcomeKind.ABORT, "circuit_open")
        end = self.end(call, 0, disposition=Disposition.CIRCUIT_OPEN, outcome=refused)
        return [*told, decision, end]

    def opened(self) -> list[Any]:
        """A call that makes a breaker open."""
        call, told = self.start()
        first = self.launch(call)
        error = ConnectionError("secret")
        failed = self.land(first, FAILED, error)
        change = events.CircuitState(
            call, call.seq(), self.now(), BreakerState.CLOSED, BreakerState.OPEN,
            CircuitCause.FAILURE_THRESHOLD, 1, {},
        )  # fmt: skip
        off = events.HedgingDisabled(call, call.seq(), self.now(), HedgingOff.HALF_OPEN)
        end = self.end(call, 1, disposition=Disposition.CIRCUIT_OPEN, outcome=FAILED, error=error)
        return [*told, off, first, failed, change, end]

    def in_flight(self) -> list[Any]:
        """A call whose second attempt runs."""
        call, told = self.start()
        first = self.launch(call)
        failed = self.land(first, FAILED, None)
        return [*told, first, failed, self.launch(call, 1)]

    def one_of_each(self) -> list[Any]:
        return [
            *self.success(),
            *self.retried(),
            *self.denied_retry(),
            *self.hedged(won=True),
            *self.hedged(won=False),
            *self.rejected(),
            *self.opened(),
        ]


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def taken() -> Callable[[list[Any]], list[Any]]:
    """Events as the observer queues them: without errors, and with their types instead."""

    def failures(told: list[Any]) -> list[Any]:
        return [
            Failure(e._replace(error=None), e.error_type, e.error_message)
            if getattr(e, "error", None) is not None
            else e
            for e in told
        ]

    return failures


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Open the archive in ``tmp_path / "archive"`` and run one statement."""
    from recourse_observe.archive import open_store, survey

    def rows(sql: str, *, warnings: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        found = survey(tmp_path / "archive")
        assert found.warnings == warnings
        with open_store(found) as store:
            return store.rows(sql)

    return rows
