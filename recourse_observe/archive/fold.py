"""Events made into rows, as they happen; keeps only what is still in flight."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from recourse import events
from recourse.events import CallInfo
from recourse.outcome import SUCCESS, OutcomeKind
from recourse.reasons import Disposition
from recourse_observe.archive.columns import ABSENT, Row, Rows, Words
from recourse_observe.archive.event_rows import (
    Error,
    abandoned_row,
    as_json,
    attempt_longs,
    attempt_row,
    budget_row,
    cancelled_row,
    hedge_row,
    is_clean,
    transition_row,
    word,
)
from recourse_observe.archive.in_flight import InFlight, OpenCall, State, Withheld, opened
from recourse_observe.archive.plans import Plan
from recourse_observe.archive.policies import Policies
from recourse_observe.archive.rollup import BUCKET_US, Bucket, Rollups
from recourse_observe.archive.sampling import Sampling
from recourse_observe.archive.segment import GONE

__all__ = ["Failure", "Fold"]

_NS: Final = 1_000_000_000
_MOST_KEYS: Final = 10_000
_NO_ERROR: Final[Error] = (None, None)


class Failure(NamedTuple):
    """An event whose error has been taken off, so that nothing of the caller's is kept alive."""

    event: Any
    error_type: str | None
    message: str | None


class Fold:
    """Takes events in the order in which they were told, gives rows by table.

    Args:
        sample: Of the calls that succeed at once, one in so many is kept in detail.

    Attributes:
        unreadable: Events that could not be understood.
        words: The words of the rows it gives.
    """

    def __init__(self, sample: int = 1) -> None:
        self.unreadable = 0
        self.words = Words()
        self._rows: defaultdict[str, Rows] = defaultdict(Rows)
        self._policies = Policies()
        self._rollups = Rollups()
        self._calls = InFlight()
        self._sampling = Sampling(sample)
        self._plans: dict[str, Plan] = {}
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
        return len(self._calls)

    def feed(self, told: Iterable[Any]) -> None:
        """Take events, those with an error as :class:`Failure`."""
        handler_of = self._take.get
        for event in told:
            handler = handler_of(type(event))
            if handler is None:
                continue
            try:
                handler(event)
            except Exception:
                self.unreadable += 1

    def take(self, now_us: int | None) -> dict[str, Rows]:
        """Rows since the last time, and under ``open_…`` calls in flight that were heard of since.

        Counts are given for buckets that are over at ``now_us``; ``None`` gives all of them.
        """
        if rollups := self._rollups.take(now_us):
            for plan in self._plans.values():
                plan.number = -1  # its bucket may be gone
            for rollup in rollups:
                self.add("rollups", rollup)
        for info, state in self._calls.settle().items():
            call = opened(info, state)
            self.add("calls", self._unfinished_row(call), "open_calls")
            for start in call.runs.values():
                self.add("attempts", abandoned_row(start, call.last_s), "open_attempts")
        rows, self._rows = self._rows, defaultdict(Rows)
        return rows

    def add(self, table: str, added: Row, told_as: str = "") -> None:
        """Add a row of a table, perhaps told as one of a call in flight."""
        words, longs, others = added
        self._rows[told_as or table].add(self.words.code(table, words), longs, others)

    def forget_words(self) -> None:
        """Begin the dictionaries again; only when every row that was taken is written."""
        self.words.clear()
        self._plans.clear()

    def tell_again(self) -> None:
        """Have every call in flight told with the next rows: a segment stands alone."""
        self._calls.hear_all()

    def cut(self, info: CallInfo) -> None:
        """Note that an event of this call was dropped."""
        call = self._calls.find(info)
        if call is not None:
            call.attributes["truncated"] = "true"

    def _failure(self, failure: Failure) -> None:
        self._error = failure.error_type, failure.message
        try:
            self._take[type(failure.event)](failure.event)
        finally:
            self._error = _NO_ERROR

    def _call_start(self, event: events.CallStart) -> None:
        self._calls.heard[event[0]] = event

    def _policy_resolved(self, event: events.PolicyResolved) -> None:
        plan = self._plans.get(event[0].key)
        if plan is not None and plan.policy is event.policy and event.failure is None:
            return  # as the last call of the key had it
        self._plans.pop(event.call.key, None)
        changed = self._policies.resolved(event)
        if changed is not None:
            self.add("policies", changed)
        if event.failure is not None:
            self._calls.hear(event).attributes["policy_failure"] = event.failure

    def _key_rejected(self, event: events.KeyRejected) -> None:
        self.add("policies", self._policies.rejected(event))
        self._calls.hear(event).attributes["key_rejected"] = event.why

    def _circuit_decision(self, event: events.CircuitDecision) -> None:
        self._calls.hear(event).attributes["circuit_state"] = str(event.state)

    def _circuit_state(self, event: events.CircuitState) -> None:
        self.add("circuit_transitions", transition_row(event))

    def _hedging_disabled(self, event: events.HedgingDisabled) -> None:
        self._calls.hear(event).attributes["hedging_disabled"] = str(event.reason)

    def _budget_decision(self, event: events.BudgetDecision) -> None:
        self._calls.hear(event).denied += not event.allowed
        self.add("budget_decisions", budget_row(event))

    def _budget_release(self, event: events.BudgetRelease) -> None:
        # After the call's end it has no row to stand in any more.
        call = self._calls.find(event.call)
        if call is not None:
            call.attributes["release_error"] = events.error_type(event.release_error)

    def _attempt_start(self, event: events.AttemptStart) -> None:
        heard = self._calls.heard
        if type(heard.get(event[0])) is events.CallStart:
            heard[event[0]] = event
        else:
            self._calls.hear(event).runs[event.attempt, event.hedge_index] = event

    def _attempt_end(self, event: events.AttemptEnd) -> None:
        info, heard = event[0], self._calls.heard
        is_first = type(heard.get(info)) is events.AttemptStart
        if self._sampling.is_on and self._may_be_left_out(event) and self._calls.withhold(event):
            return
        if is_clean(event) and self._error is _NO_ERROR:
            plan = self._plans.get(info.key)
            if plan is None or plan.policy is not info.policy:
                plan = self._planned(info)
            others = info.call_id, None, info.trace_id, info.span_id, None
            self._rows["attempts"].add(plan.attempt, attempt_longs(event), others)
        else:
            self.add("attempts", attempt_row(event, self._error))
            is_first &= event.ran and not event.hedge_index and not event.annotations
        if is_first:
            heard[info] = event
        else:
            self._run_ended(event, ran=event.ran)

    def _may_be_left_out(self, event: events.AttemptEnd) -> bool:
        return (
            event.outcome.kind is OutcomeKind.SUCCESS
            and not event.attempt
            and not event.hedge_index
            and not event.late
            and self._error is _NO_ERROR
        )

    def _hedge_spawn(self, event: events.HedgeSpawn) -> None:
        self._calls.hear(event).spawns[event.attempt, event.hedge_index] = event

    def _hedge_cancel(self, event: events.HedgeCancel) -> None:
        self.add("attempts", cancelled_row(event))
        self._run_ended(event, ran=True)

    def _run_ended(self, event: events.AttemptEnd | events.HedgeCancel, *, ran: bool) -> None:
        call = self._calls.hear(event)
        call.runs.pop((event.attempt, event.hedge_index), None)
        if ran:
            call.ended.append(event.hedge_index > 0)
        if event.hedge_index:
            spawn = call.spawns.pop((event.attempt, event.hedge_index), None)
            self.add("hedges", hedge_row(event, spawn))
        if event.annotations and "method" in event.annotations:
            call.method = str(event.annotations["method"])

    def _call_end(self, event: events.CallEnd) -> None:
        info, _, at_s, disposition, outcome, _, runs, hedges, deadline_s = event
        was_told, state = self._calls.was_told(info), self._calls.end(info)
        plan = self._plans.get(info.key)
        if plan is None or plan.policy is not info.policy or plan.source is not info.policy_source:
            plan = self._planned(info)
        longs = _call_longs(info, at_s, deadline_s)
        number = longs[0] // BUCKET_US
        if plan.number != number:
            plan.bucket, plan.number = self._rollups.bucket(info.key, number), number
        weight = 1
        if isinstance(state, Withheld) and disposition is Disposition.SUCCESS and runs == 1:
            weight = self._sampling.weight(info.key, longs[2])
            if not weight:
                plan.bucket.clean_us.append(longs[2])
                if was_told:
                    ids = info.call_id, info.parent_call_id, None, info.trace_id, info.span_id, None
                    self._rows[GONE].add(plan.succeeded, longs, ids)
                return
        if isinstance(state, Withheld):
            state = self._told(info, state, weight)
        elif isinstance(state, OpenCall) and state.withheld is not None:
            self.add("attempts", attempt_row(state.withheld, _NO_ERROR))
        if weight > 1:
            longs = (*longs[:-1], weight)
        if (
            outcome is SUCCESS
            and runs == 1
            and disposition is Disposition.SUCCESS
            and type(state) is not OpenCall
        ):
            ids = info.call_id, info.parent_call_id, None, info.trace_id, info.span_id, None
            self._rows["calls"].add(plan.succeeded, longs, ids)
            plan.bucket.clean_us.append(longs[2])
            return
        retries = max(0, runs - hedges - 1)
        how = word(disposition), word(outcome.kind), str(outcome.reason), runs, retries, hedges
        self.add("calls", self._call_row(info, longs, state, how))
        _count(plan.bucket, longs[2], state, how)

    def _told(self, info: CallInfo, state: Withheld, weight: int) -> State:
        """Give a withheld attempt its row; what is known of its call."""
        self.add("attempts", attempt_row(state.event, _NO_ERROR, weight))
        return opened(info, state) if state.event.annotations else state.event

    def _unfinished_row(self, call: OpenCall) -> Row:
        """What stands for the call if nothing more is ever heard of it."""
        hedges = sum(call.ended) + sum(hedge_index > 0 for _, hedge_index in call.runs)
        runs = len(call.ended) + len(call.runs)
        how = "unfinished", "abandoned", "unfinished", runs, max(0, runs - hedges - 1), hedges
        return self._call_row(call.info, _call_longs(call.info, call.last_s, None), call, how)

    def _call_row(
        self, info: CallInfo, longs: tuple[int, ...], state: State | None, how: tuple[Any, ...]
    ) -> Row:
        """A call's row; ``how`` is disposition, outcome, reason, attempts, retries, hedges."""
        plan = self._plans.get(info.key) or self._planned(info)
        error_type, message = self._error
        method, attributes = None, None
        if isinstance(state, OpenCall):
            method, attributes = state.method, as_json(state.attributes)
        words = (info.key, method, *plan.call, how[0] == "success", *how, error_type)
        ids = info.call_id, info.parent_call_id, message, info.trace_id, info.span_id
        return words, longs, (*ids, attributes)

    def _planned(self, info: CallInfo) -> Plan:
        if len(self._plans) >= _MOST_KEYS:
            self._plans.clear()
            self._sampling.forget()
        plan = self._plans[info.key] = Plan(info, self.words)
        return plan


def _call_longs(info: CallInfo, last_s: float, deadline_s: float | None) -> tuple[int, ...]:
    base_ns, base_s = info.started_unix_ns, info.started_s
    started_us = base_ns // 1000
    ended_us = (base_ns + round((last_s - base_s) * _NS)) // 1000
    deadline_us = ABSENT if deadline_s is None else round((deadline_s - base_s) * 1e6)
    return started_us, ended_us, ended_us - started_us, deadline_us, 1


def _count(bucket: Bucket, duration_us: int, state: State | None, how: tuple[Any, ...]) -> None:
    disposition, _, _, runs, retries, hedges = how
    bucket.other_us.append(duration_us)
    bucket.successes += disposition == "success"
    bucket.attempts += runs
    bucket.retries += retries
    bucket.hedges += hedges
    bucket.rejected += disposition == "circuit_open" and not runs
    bucket.denied += state.denied if isinstance(state, OpenCall) else 0
