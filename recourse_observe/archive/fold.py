"""Events made into rows, as they happen; keeps only what is still in flight."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from recourse import events
from recourse.events import CallInfo
from recourse_observe.archive.columns import Row
from recourse_observe.archive.event_rows import (
    Error,
    abandoned_row,
    as_json,
    attempt_row,
    budget_row,
    cancelled_row,
    hedge_row,
    transition_row,
    unix_us,
    word,
)
from recourse_observe.archive.policies import Policies, microseconds
from recourse_observe.archive.rollup import Rollups

__all__ = ["Failure", "Fold"]

_MOST_OPEN: Final = 100_000
_NO_ERROR: Final[Error] = (None, None)


class Failure(NamedTuple):
    """An event whose error has been taken off, so that nothing of the caller's is kept alive."""

    event: Any
    error_type: str | None
    message: str | None


class _Open:
    """A call in flight."""

    __slots__ = ("attributes", "denied", "ended", "info", "last_s", "method", "runs", "spawns")

    def __init__(self, info: CallInfo) -> None:
        self.info = info
        self.last_s = info.started_s
        self.runs: dict[tuple[int, int], events.AttemptStart] = {}
        self.spawns: dict[tuple[int, int], events.HedgeSpawn] = {}
        self.ended: list[bool] = []  # of each attempt that ran: was it a hedge?
        self.attributes: dict[str, Any] = {}
        self.method: str | None = None
        self.denied = 0


class Fold:
    """Takes events in the order in which they were told, gives rows by table.

    Attributes:
        unreadable: Events that could not be understood.
    """

    def __init__(self) -> None:
        self.unreadable = 0
        self._rows: dict[str, list[Row]] = {}
        self._policies = Policies()
        self._rollups = Rollups()
        self._open: dict[CallInfo, _Open] = {}  # by identity: an id would have to be made first
        self._touched: dict[CallInfo, _Open] = {}
        self._plans: dict[tuple[int, str, str], tuple[Any, tuple[Any, ...]]] = {}
        self._error = _NO_ERROR
        # What is not here has no row: a scheduled retry stands in its attempt's, a late end in none.
        self._take: dict[type, Callable[[Any], None]] = {
            Failure: self._failure,
            events.CallStart: self._call_start,
            events.PolicyResolved: self._policy_resolved,
            events.KeyRejected: self._key_rejected,
            events.CircuitDecision: self._circuit_decision,
            events.CircuitState: self._circuit_state,
            events.HedgingDisabled: self._hedging_disabled,
            events.BudgetDecision: self._budget_decision,
            events.BudgetRelease: self._budget_release,
            events.AttemptStart: self._attempt_start,
            events.AttemptEnd: self._attempt_end,
            events.HedgeSpawn: self._hedge_spawn,
            events.HedgeCancel: self._hedge_cancel,
            events.CallEnd: self._call_end,
        }

    @property
    def in_flight(self) -> int:
        """Calls that have not ended."""
        return len(self._open)

    def feed(self, told: Iterable[Any]) -> None:
        """Take events, those with an error as :class:`Failure`."""
        for event in told:
            handler = self._take.get(type(event))
            if handler is None:
                continue
            try:
                handler(event)
            except Exception:
                self.unreadable += 1

    def take(self, now_us: int | None) -> dict[str, list[Row]]:
        """Rows since the last time, and under ``open_…`` calls in flight that were heard of since.

        Counts are given for buckets that are over at ``now_us``; ``None`` gives all of them.
        """
        rows, self._rows = self._rows, {}
        if rollups := self._rollups.take(now_us):
            rows["rollups"] = rollups
        touched, self._touched = self._touched, {}
        for call in touched.values():
            rows.setdefault("open_calls", []).append(self._unfinished_row(call))
            for start in call.runs.values():
                rows.setdefault("open_attempts", []).append(abandoned_row(start, call.last_s))
        return rows

    def tell_again(self) -> None:
        """Have every call in flight told with the next rows: a segment stands alone."""
        self._touched.update(self._open)

    def cut(self, info: CallInfo) -> None:
        """Note that an event of this call was dropped."""
        call = self._open.get(info)
        if call is not None:
            call.attributes["truncated"] = "true"
            self._touched[info] = call

    def _call(self, event: Any) -> _Open:
        info: CallInfo = event.call
        call = self._open.get(info)
        if call is None:
            if len(self._open) >= _MOST_OPEN:  # their ends were dropped
                self._open.pop(next(iter(self._open)))
            call = self._open[info] = _Open(info)
        call.last_s = event.at_s
        self._touched[info] = call
        return call

    def _add(self, table: str, row: Row) -> None:
        self._rows.setdefault(table, []).append(row)

    def _failure(self, failure: Failure) -> None:
        self._error = failure.error_type, failure.message
        try:
            self._take[type(failure.event)](failure.event)
        finally:
            self._error = _NO_ERROR

    def _call_start(self, event: events.CallStart) -> None:
        self._call(event)

    def _policy_resolved(self, event: events.PolicyResolved) -> None:
        changed = self._policies.resolved(event)
        if changed is not None:
            self._add("policies", changed)
        if event.failure is not None:
            self._call(event).attributes["policy_failure"] = event.failure

    def _key_rejected(self, event: events.KeyRejected) -> None:
        self._add("policies", self._policies.rejected(event))
        self._call(event).attributes["key_rejected"] = event.why

    def _circuit_decision(self, event: events.CircuitDecision) -> None:
        self._call(event).attributes["circuit_state"] = str(event.state)

    def _circuit_state(self, event: events.CircuitState) -> None:
        self._add("circuit_transitions", transition_row(event))

    def _hedging_disabled(self, event: events.HedgingDisabled) -> None:
        self._call(event).attributes["hedging_disabled"] = str(event.reason)

    def _budget_decision(self, event: events.BudgetDecision) -> None:
        self._call(event).denied += not event.allowed
        self._add("budget_decisions", budget_row(event))

    def _budget_release(self, event: events.BudgetRelease) -> None:
        # After the call's end it has no row to stand in any more.
        call = self._open.get(event.call)
        if call is not None:
            call.attributes["release_error"] = events.error_type(event.release_error)

    def _attempt_start(self, event: events.AttemptStart) -> None:
        self._call(event).runs[event.attempt, event.hedge_index] = event

    def _attempt_end(self, event: events.AttemptEnd) -> None:
        self._add("attempts", attempt_row(event, self._error))
        self._run_ended(event, ran=event.ran)

    def _hedge_spawn(self, event: events.HedgeSpawn) -> None:
        self._call(event).spawns[event.attempt, event.hedge_index] = event

    def _hedge_cancel(self, event: events.HedgeCancel) -> None:
        self._add("attempts", cancelled_row(event))
        self._run_ended(event, ran=True)

    def _run_ended(self, event: events.AttemptEnd | events.HedgeCancel, *, ran: bool) -> None:
        call = self._call(event)
        call.runs.pop((event.attempt, event.hedge_index), None)
        if ran:
            call.ended.append(event.hedge_index > 0)
        if event.hedge_index:
            spawn = call.spawns.pop((event.attempt, event.hedge_index), None)
            self._add("hedges", hedge_row(event, spawn))
        if event.annotations and "method" in event.annotations:
            call.method = str(event.annotations["method"])

    def _call_end(self, event: events.CallEnd) -> None:
        info = event.call
        call = self._open.pop(info, None) or _Open(info)
        self._touched.pop(info, None)
        call.last_s = event.at_s
        runs, hedges = event.attempts_run, event.hedges
        retries = max(0, runs - hedges - 1)
        disposition = word(event.disposition)
        success = disposition == "success"
        how = success, disposition, word(event.outcome.kind), str(event.outcome.reason)
        deadline_s = event.deadline_s
        deadline_us = None if deadline_s is None else microseconds(deadline_s - info.started_s)
        row = self._call_row(call, how, (runs, retries, hedges), deadline_us)
        self._add("calls", row)
        self._rollups.add(
            info.key,
            info.started_unix_ns // 1000,
            unix_us(info, event.at_s) - info.started_unix_ns // 1000,
            success=success,
            attempts=runs,
            retries=retries,
            hedges=hedges,
            denied=call.denied,
            rejected=disposition == "circuit_open" and not runs,
        )

    def _unfinished_row(self, call: _Open) -> Row:
        """What stands for the call if nothing more is ever heard of it."""
        hedges = sum(call.ended) + sum(hedge_index > 0 for _, hedge_index in call.runs)
        runs = len(call.ended) + len(call.runs)
        how = False, "unfinished", "abandoned", "unfinished"
        return self._call_row(call, how, (runs, max(0, runs - hedges - 1), hedges), None)

    def _call_row(
        self,
        call: _Open,
        how: tuple[bool, str, str, str],
        counts: tuple[int, int, int],
        deadline_us: int | None,
    ) -> Row:
        info = call.info
        idempotent, *plan = self._plan(info)
        started_us, ended_us = info.started_unix_ns // 1000, unix_us(info, call.last_s)
        attributes = as_json(call.attributes)
        return Row(
            (info.key, call.method, idempotent, *plan, *how, *counts, self._error[0]),
            (started_us, ended_us, ended_us - started_us, deadline_us, 1),
            (
                info.call_id,
                info.parent_call_id,
                self._error[1],
                info.trace_id,
                info.span_id,
                attributes,
            ),
        )

    def _plan(self, info: CallInfo) -> tuple[Any, ...]:
        """The words of a call that follow from its policy."""
        policy = info.policy
        place = id(policy), info.policy_source, info.policy_mode
        known = self._plans.get(place)
        if known is not None and known[0] is policy:  # an id may be used again
            return known[1]
        if len(self._plans) >= _MOST_OPEN:
            self._plans.clear()
        source, mode = str(info.policy_source), str(info.policy_mode)
        if policy is None:
            plan: tuple[Any, ...] = (None, "", "", source, mode, None)
        else:
            clamped = ",".join(policy.normalization.clamped) or None
            plan = (policy.idempotent, policy.id, policy.version, source, mode, clamped)
        self._plans[place] = policy, plan
        return plan
