"""What a draft's claims are worth: paired runs that differ in one thing each.

Every number here is a comparison of the same calls, drawn alike, in two runs: with and without the
fault, with and without retries, with and without the remedy. A claim that does not show is refused.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from recourse_observe.lab.labels import Incident
from recourse_observe.lab.records import CallRecord
from recourse_observe.lab.scenarios.draft import ACTIONS, Claim, Draft, calmed, without_retries
from recourse_observe.lab.scenarios.harm import Harm
from recourse_observe.lab.scenarios.known import Known
from recourse_observe.lab.spec import Scenario

__all__ = ["NotShownError", "measured"]

_LEAST_CALLS: Final = 25
_LEAST_OF_KEY: Final = 8
_LEAST_S: Final = 20.0
_AFFECTED_SHARE: Final = 0.05
_CULPRIT_SHARE: Final = 0.03
_NEAR: Final = 6.0
_WINDOW_S: Final = 20.0
_SLOW_TIMES: Final = 5.0
_BLIP_S: Final = 13.0
_FAR_S: Final = 60.0
_CLEAR_EFFECT: Final = 0.2
_NO_EFFECT: Final = 0.1
_WORSE_THAN_LOST: Final = 3  # an order that is carried out twice
_CURED: Final = 0.6


class NotShownError(Exception):
    """A claim does not show in the paired runs; the text says which and why."""


def measured(draft: Draft) -> tuple[Incident, ...]:
    """The incidents of a draft, in the order of their onsets.

    Raises:
        NotShownError: A claim does not show, or its label would not be clear.
    """
    if not draft.claims:
        _demand_quiet(draft.scenario)
        return ()
    scenario = draft.scenario
    concerned = _concerned(scenario, draft.claims)
    full = Known.of(calmed(scenario, concerned))
    single = Known.of(calmed(without_retries(scenario), concerned))
    made = [
        _Trial(claim, scenario, concerned, full=full, single=single).incident()
        for claim in draft.claims
    ]
    return tuple(sorted(made, key=lambda incident: incident.onset_ns))


def _demand_quiet(scenario: Scenario) -> None:
    """A control harms nobody for longer than a blip lasts."""
    full, without = Known.of(scenario), Known.of(replace(scenario, faults=()))
    bad: dict[str, list[float]] = {}
    for call in full.run.calls:
        if call.number in full.hurt and call.number not in without.hurt:
            bad.setdefault(call.key, []).append(call.started_s)
    for key, moments in bad.items():
        for start_s in moments:
            late = [at_s for at_s in moments if _BLIP_S < at_s - start_s < _FAR_S]
            if len(late) >= _LEAST_OF_KEY:
                message = f"control: {key} is harmed for too long"
                raise NotShownError(message)


def _concerned(scenario: Scenario, claims: Iterable[Claim]) -> frozenset[str]:
    """The keys that claims may reach: through dependencies, budgets, and who calls whom."""
    keys = {key for claim in claims for key in claim.keys}
    if any(claim.everybody for claim in claims):
        return frozenset(spec.key for spec in scenario.keys)
    handlers = {d.name: set(d.calls) for d in scenario.dependencies}
    while True:
        own = [spec for spec in scenario.keys if spec.key in keys]
        called = {spec.dependency for spec in own if spec.dependency}
        called |= {name for name, nested in handlers.items() if nested & keys}
        more = {spec.key for spec in scenario.keys if spec.dependency in called}
        more |= {key for name in called for key in handlers[name]}
        more |= {s.key for s in scenario.keys if {*s.then, *s.calls} & keys}
        budgets = {_budget_of(spec.policy) for spec in own} - {""}
        more |= {s.key for s in scenario.keys if _budget_of(s.policy) in budgets}
        if more <= keys:
            return frozenset(keys)
        keys |= more


def _budget_of(policy: object) -> str:
    retry = getattr(policy, "retry", None)
    budget = getattr(retry, "budget", None)
    return getattr(budget, "name", "") or ""


class _Trial:
    """One claim, and the runs that judge it."""

    def __init__(
        self,
        claim: Claim,
        scenario: Scenario,
        concerned: frozenset[str],
        *,
        full: Known,
        single: Known,
    ) -> None:
        self._claim = claim
        self._scenario = scenario
        self._concerned = concerned
        self._full = full
        self._single = single
        self._without = Known.of(calmed(claim.taken_from(scenario), concerned))
        self._bases = sorted((spec.key for spec in scenario.keys), key=len, reverse=True)
        self._names: dict[str, str] = {spec.key: spec.key for spec in scenario.keys}
        self._asked_for = {spec.key for spec in scenario.keys if spec.traffic is not None}
        self._asked_for |= {key for spec in scenario.keys for key in spec.then}

    def incident(self) -> Incident:
        """The incident that the claim is about.

        Raises:
            NotShownError: There is none, or it is not as claimed.
        """
        claim, full = self._claim, self._full
        self._demand_steady()
        harmed = {call.number for call in full.run.calls if self._is_harmed(call, full)}
        culprits = self._culprits(harmed)
        harm = self._harm(harmed, culprits)
        self._demand(harm.end_s - harm.onset_s >= _LEAST_S, "it is a blip")
        shares = self._shares(harm, harmed)
        for key in culprits:
            self._demand(shares.get(key, 0.0) >= _CULPRIT_SHARE, f"{key} is hardly hit")
        if claim.check is not None:
            problem = claim.check(harm)
            self._demand(problem is None, problem or "")
        self._try_remedy(harm, culprits)
        others = {key for key, hit in shares.items() if hit >= _AFFECTED_SHARE} - culprits
        return self._labelled(harm, culprits, others)

    def _harm(self, harmed: set[int], culprits: set[str]) -> Harm:
        """The stretch in which the culprits' calls were harmed."""
        faults = self._claim.faults
        # What was in flight when it began is harmed, but did not begin with it.
        begin_s = min((fault.start_s for fault in faults), default=1.0) - 1.0
        calls = [
            call
            for call in self._full.run.calls
            if call.started_s >= begin_s and self._base(call.key) in culprits
        ]
        first, last = self._edges([call.number in harmed for call in calls])
        inside = calls[first : last + 1]
        share = sum(call.number in harmed for call in inside) / len(inside)
        enough = share >= self._claim.least_share
        self._demand(enough, f"only {share:.3f} of the calls are harmed")
        return Harm(
            self._full.run,
            inside[0].started_s,
            inside[-1].started_s,
            tuple(inside),
            frozenset(harmed),
            max((fault.end_s for fault in faults), default=0.0),
        )

    def _demand_steady(self) -> None:
        """Without the fault the culprits do well all the time: nothing else goes wrong with them."""
        calls = [c for c in self._without.run.calls if self._base(c.key) in self._claim.keys]
        took_s = sorted(call.ended_s - call.started_s for call in calls)
        self._demand(bool(took_s), "nobody calls")
        slow_s = _SLOW_TIMES * took_s[len(took_s) // 2]
        hurt = self._without.hurt
        usual = sum(call.number in hurt for call in calls) / len(calls)
        windows: dict[int, list[int]] = {}
        for call in calls:
            slow = call.ended_s - call.started_s > slow_s and call.number not in hurt
            counts = windows.setdefault(int(call.started_s / _WINDOW_S), [0, 0, 0])
            for place, holds in enumerate((True, call.number in hurt, slow)):
                counts[place] += holds
        for count, bad, late in windows.values():
            steady = bad <= (usual + 0.15) * count + 3 and late <= 0.2 * count + 3
            self._demand(steady, "without the fault it is not well either")

    def _labelled(self, harm: Harm, culprits: set[str], others: set[str]) -> Incident:
        claim, start_ns = self._claim, self._scenario.start_unix_ns
        return Incident(
            cause=claim.cause,
            also_right=claim.also_right,
            keys=tuple(sorted(culprits)),
            affected_keys=tuple(sorted(others)),
            instances=claim.instances,
            onset_ns=start_ns + round(harm.onset_s * 1e9),
            end_ns=start_ns + round(harm.end_s * 1e9),
            retry_effect=self._effect(harm, culprits | others),
            actions=ACTIONS[claim.cause],
        )

    def _demand(self, holds: bool, problem: str) -> None:  # noqa: FBT001  # what is demanded
        if not holds:
            message = f"{self._claim.cause}: {problem}"
            raise NotShownError(message)

    def _base(self, key: str) -> str:
        """The key that a called key comes from: itself, unless data was put into it."""
        base = self._names.get(key)
        if base is None:
            base = next(name for name in self._bases if key.startswith(f"{name}."))
            self._names[key] = base
        return base

    def _is_harmed(self, call: CallRecord, known: Known) -> bool:
        """Whether a call fared worse than without the fault."""
        number, without = call.number, self._without
        was_lost = number in without.calls and bool(without.calls[number].error)
        if call.error and not was_lost:
            return True
        if number in known.hurt and number not in without.hurt:
            return True
        return self._claim.counts_slow and known.is_slow(call, without)

    def _culprits(self, harmed: set[int]) -> set[str]:
        if not self._claim.all_hit:
            return set(self._claim.keys)
        hits = [self._base(c.key) for c in self._full.run.calls if c.number in harmed]
        found = {key for key in hits if hits.count(key) >= _LEAST_OF_KEY}
        self._demand(bool(found), "no key is hit")
        return found

    def _edges(self, flags: Sequence[bool]) -> tuple[int, int]:
        """The first and the last of many harmed calls: stray ones around them do not count."""
        self._demand(sum(flags) >= _LEAST_CALLS, f"only {sum(flags)} calls are harmed")
        first, last = flags.index(True), len(flags) - 1 - flags[::-1].index(True)
        share = sum(flags) / (last + 1 - first)
        # Rare harm lies far apart, and rarer still while one process of many has begun.
        reach = math.ceil(_NEAR / share)
        near = range(first, last + 1)
        low = next((i for i in near if flags[i] and any(flags[i + 1 : i + 1 + reach])), last)
        high = next(
            (i for i in reversed(near) if flags[i] and any(flags[max(0, i - reach) : i])), first
        )
        self._demand(high > low, "the harmed calls lie apart")
        return low, high

    def _shares(self, harm: Harm, harmed: set[int]) -> dict[str, float]:
        """For each key that is hit at all, the part of its calls that is harmed."""
        counts: dict[str, list[int]] = {}
        for call in self._full.run.calls:
            if harm.onset_s <= call.started_s <= harm.end_s:
                entry = counts.setdefault(self._base(call.key), [0, 0])
                entry[0] += 1
                entry[1] += call.number in harmed
        return {key: bad / n for key, (n, bad) in counts.items() if bad >= _LEAST_OF_KEY}

    def _cost(self, known: Known, harm: Harm, keys: set[str]) -> int:
        """Calls lost or much slower, and effects that happened twice, from onset to end."""
        cost, without = 0, self._without
        # What other calls make is nobody's loss by itself, and retries make more of it.
        asked = keys & self._asked_for
        for call in known.run.calls:
            inside = harm.onset_s <= call.started_s <= harm.end_s
            if not inside or self._base(call.key) not in asked:
                continue
            same = without.calls.get(call.number)
            lost = bool(call.error) and (same is None or not same.error)
            cost += lost or (self._claim.counts_slow and known.is_slow(call, without))
        for dependency in self._scenario.dependencies:
            if dependency.refuses_repeats:
                twice = sum(n - 1 for n in known.run.effects[dependency.name].values())
                cost += _WORSE_THAN_LOST * twice
        return cost

    def _try_remedy(self, harm: Harm, culprits: set[str]) -> None:
        remedy = self._claim.remedy
        if remedy is None:
            return
        cured = Known.of(calmed(remedy(self._scenario), self._concerned))
        before, after = self._cost(self._full, harm, culprits), self._cost(cured, harm, culprits)
        self._demand(after <= _CURED * before, f"the remedy leaves {after} of {before}")

    def _effect(self, harm: Harm, keys: set[str]) -> str:
        """Whether retries and hedges spared callers more than they cost them."""
        cost, alone = self._cost(self._full, harm, keys), self._cost(self._single, harm, keys)
        effect = (alone - cost) / max(alone, cost, 1)
        if abs(alone - cost) < _LEAST_OF_KEY or abs(effect) <= _NO_EFFECT:
            return "neutral"
        self._demand(abs(effect) >= _CLEAR_EFFECT, f"what retries did is not clear: {effect:.2f}")
        return "helped" if effect > 0 else "harmed"
