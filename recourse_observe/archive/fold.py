"""Events made into rows, as they happen; keeps only what is still in flight."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from recourse import events
from recourse.events import CallInfo
from recourse.outcome import SUCCESS
from recourse.reasons import Disposition
from recourse_observe.archive.columns import Row, Rows, Words
from recourse_observe.archive.event_rows import (
    Error,
    abandoned_row,
    attempt_longs,
    attempt_row,
    budget_row,
    call_longs,
    cancelled_row,
    hedge_row,
    is_clean,
    may_be_left_out,
    transition_row,
    word,
)
from recourse_observe.archive.failure import Failure
from recourse_observe.archive.in_flight import (
    InFlight,
    OpenCall,
    State,
    Withheld,
    call_row,
    opened,
    unfinished,
)
from recourse_observe.archive.plans import Plan, Plans
from recourse_observe.archive.policies import Policies
from recourse_observe.archive.sampling import Sampling
from recourse_observe.archive.segment import GONE
from recourse_observe.archive.usual import Usual, weight

__all__ = ["Failure", "Fold"]

_NO_ERROR: Final[Error] = (None, None)


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
        self._calls = InFlight()
        self._followed: Mapping[CallInfo, State] = {}  # usual calls that are told as in flight
        self._sampling = Sampling(sample)
        self._samples = self._sampling.is_on
        self._plans = Plans(self.words)
        self._error = _NO_ERROR
        # What is not here has no row: a scheduled retry stands in its attempt's, a late end in none.
        self._take: dict[type, Callable[[Any], None]] = {
            Usual: self._usual,
            Failure: self._failure,
            events.CallStart: self._calls.call_started,
            events.PolicyResolved: self._policy_resolved,
            events.KeyRejected: self._key_rejected,
            events.CircuitDecision: self._circuit_decision,
            events.CircuitState: self._circuit_state,
            events.HedgingDisabled: self._hedging_disabled,
            events.BudgetDecision: self._budget_decision,
            events.BudgetRelease: self._budget_release,
            events.AttemptStart: self._calls.attempt_started,
            events.AttemptEnd: self._attempt_end,
            events.HedgeSpawn: self._calls.hedge_spawned,
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
                self.unreadable += weight(event)

    def take(
        self, now_us: int | None, followed: Mapping[CallInfo, Any] | None = None
    ) -> dict[str, Rows]:
        """Rows since the last time, and under ``open_…`` calls in flight that were heard of since.

        Args:
            now_us: Counts are given for buckets that are over then; ``None`` gives all of them.
            followed: The last events of calls in flight that are usual so far.
        """
        for rollup in self._plans.take(now_us):
            self.add("rollups", rollup)
        for info, state in self._calls.settle().items():
            self._tell_open(opened(info, state))
        before, self._followed = self._followed, followed or {}
        for info, state in self._followed.items():
            if before.get(info) is not state:
                self._tell_open(opened(info, state))
        rows, self._rows = self._rows, defaultdict(Rows)
        return rows

    def _tell_open(self, call: OpenCall) -> None:
        longs, how = unfinished(call)
        self.add("calls", self._call_row(call.info, longs, call, how), "open_calls")
        for start in call.runs.values():
            self.add("attempts", abandoned_row(start, call.last_s), "open_attempts")

    def add(self, table: str, added: Row, told_as: str = "") -> None:
        """Add a row of a table, perhaps told as one of a call in flight."""
        words, longs, others = added
        self._rows[told_as or table].add(self.words.code(table, words), longs, others)

    def forget_words(self) -> None:
        """Begin the dictionaries again; only when every row that was taken is written."""
        self.words.clear()
        self._plans.forget_all()

    def tell_again(self) -> None:
        """Have every call in flight told with the next rows: a segment stands alone."""
        self._calls.hear_all()
        self._followed = {}

    def cut(self, info: CallInfo) -> None:
        """Note that an event of this call was dropped."""
        call = self._calls.find(info)
        if call is not None:
            call.attributes["truncated"] = "true"

    def _usual(self, call: Usual) -> None:
        info = call[0]
        longs, times = call.longs()
        plan = self._plans.counted(info, longs[0])
        plan.bucket.clean_us.append(longs[2])
        call_id, trace_id, span_id = info.call_id, info.trace_id, info.span_id
        ids = call_id, info.parent_call_id, None, trace_id, span_id, None
        if self._samples:
            stands_for = self._sampling.weight(info.key, longs[2])
            longs, times = (*longs[:-1], stands_for), (*times[:-1], stands_for)
            if not stands_for:
                if info in self._followed:
                    self._rows[GONE].add(plan.succeeded, longs, ids)
                return
        self._rows["attempts"].add(plan.attempt, times, (call_id, None, trace_id, span_id, None))
        self._rows["calls"].add(plan.succeeded, longs, ids)

    def _failure(self, failure: Failure) -> None:
        self._error = failure.error_type, failure.message
        try:
            self._take[type(failure.event)](failure.event)
        finally:
            self._error = _NO_ERROR

    def _policy_resolved(self, event: events.PolicyResolved) -> None:
        plan = self._plans.known(event[0].key)
        if plan is not None and plan.policy is event.policy and event.failure is None:
            return  # as the last call of the key had it
        self._plans.forget(event.call.key)
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

    def _attempt_end(self, event: events.AttemptEnd) -> None:
        info, heard = event[0], self._calls.heard
        is_first = type(heard.get(info)) is events.AttemptStart
        could = self._samples and self._error is _NO_ERROR and may_be_left_out(event)
        if could and self._calls.withhold(event):
            return
        if is_clean(event) and self._error is _NO_ERROR:
            others = info.call_id, None, info.trace_id, info.span_id, None
            code = self._plans.of(info).attempt
            self._rows["attempts"].add(code, attempt_longs(event), others)
        else:
            self.add("attempts", attempt_row(event, self._error))
            is_first &= event.ran and not event.hedge_index and not event.annotations
        if is_first:
            heard[info] = event
        else:
            self._run_ended(event, ran=event.ran)

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
        longs = call_longs(info, at_s, deadline_s)
        plan = self._plans.counted(info, longs[0])
        is_clean = outcome is SUCCESS and runs == 1 and disposition is Disposition.SUCCESS
        known = (
            self._sampled(event, plan, longs) if self._samples else (self._calls.end(info), longs)
        )
        if known is None:
            return
        state, longs = known
        if is_clean and type(state) is not OpenCall:
            self._rows["calls"].add(plan.succeeded, longs, _ids(info))
            plan.bucket.clean_us.append(longs[2])
            return
        retries = max(0, runs - hedges - 1)
        how = word(disposition), word(outcome.kind), str(outcome.reason), runs, retries, hedges
        self.add("calls", self._call_row(info, longs, state, how))
        denied = state.denied if isinstance(state, OpenCall) else 0
        plan.bucket.count(longs[2], denied, how)

    def _sampled(
        self, event: events.CallEnd, plan: Plan, longs: tuple[int, ...]
    ) -> tuple[State | None, tuple[int, ...]] | None:
        """What is known of the call, and its times with its weight; ``None`` leaves it out."""
        info, weight = event.call, 1
        was_told = self._calls.was_told(info) or info in self._followed
        state = self._calls.end(info)
        if isinstance(state, OpenCall) and state.withheld is not None:
            self.add("attempts", attempt_row(state.withheld, _NO_ERROR))
        if not isinstance(state, Withheld):
            return state, longs
        if event.disposition is Disposition.SUCCESS and event.attempts_run == 1:
            weight = self._sampling.weight(info.key, longs[2])
        if weight:
            self.add("attempts", attempt_row(state.event, _NO_ERROR, weight))
            left = opened(info, state) if state.event.annotations else state.event
            return left, (*longs[:-1], weight)
        plan.bucket.clean_us.append(longs[2])
        if was_told:
            self._rows[GONE].add(plan.succeeded, longs, _ids(info))
        return None

    def _call_row(
        self, info: CallInfo, longs: tuple[int, ...], state: State | None, how: tuple[Any, ...]
    ) -> Row:
        plan = self._plans.known(info.key) or self._plans.of(info)
        known = state if isinstance(state, OpenCall) else None
        return call_row(plan.call, longs, how, info, known, self._error)


def _ids(info: CallInfo) -> tuple[Any, ...]:
    """The texts of a call with nothing more to say."""
    return info.call_id, info.parent_call_id, None, info.trace_id, info.span_id, None
