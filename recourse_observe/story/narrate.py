"""The only place where findings become words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from recourse_observe.story.detectors.signs import Sign
from recourse_observe.story.findings import Action, Cause, Incident, Measures, RetryEffect, Value
from recourse_observe.text import clock, count, duration, percent, plural, printable, span

__all__ = ["action", "cannot_know", "cause_name", "headline", "our_part", "sentence", "sign", "why"]

Values = Mapping[str, Any]


def cause_name(cause: Cause) -> str:
    """A cause as a person says it."""
    return str(cause).replace("_", " ")


def _of(part: float, whole: float) -> str:
    """A part of a whole as a percentage; of nothing it is a dash."""
    return percent(part / whole if whole else None)


def _per(part: float, whole: float) -> str:
    """A ratio with two decimals."""
    return f"{part / whole:.2f}" if whole else "—"


def _name(value: object) -> str:
    return printable(str(value))


def _impact(v: Values) -> str:
    return (
        f"{count(v['lost'])} of {count(v['calls'])} calls lost ({_of(v['lost'], v['calls'])}), "
        f"before {count(v['lost_before'])} of {count(v['calls_before'])}; "
        f"{count(v['processes_hit'])} of {plural(v['processes'], 'process', 'processes')} hit"
    )


def _reason(v: Values) -> str:
    return (
        f"{_name(v['reason'])} went from {_of(v['attempts_before'], v['of_attempts_before'])} "
        f"to {_of(v['attempts'], v['of_attempts'])} of attempts"
    )


def _disposition(v: Values) -> str:
    return (
        f"{count(v['calls'])} of {count(v['of_calls'])} lost calls ended as "
        f"{_name(v['disposition'])}"
    )


def _load(v: Values) -> str:
    return (
        f"{v['calls'] / v['seconds']:.1f} calls/s, before "
        f"{v['calls_before'] / v['seconds_before']:.1f}"
        if v["seconds_before"]
        else f"{v['calls'] / v['seconds']:.1f} calls/s from the first moment of the archive on"
    )


def _ours(v: Values) -> str:
    return (
        f"attempts per call {_per(v['attempts_before'], v['admitted_before'])} → "
        f"{_per(v['attempts'], v['admitted'])}; {plural(v['retries'], 'retry', 'retries')}, "
        f"{count(v['rescued'])} rescued a call, {count(v['wasted'])} did not"
    )


def _latency(v: Values) -> str:
    return (
        f"attempts took {duration(v['p50_before_us'])} → {duration(v['p50_us'])} in the median, "
        f"{duration(v['p99_before_us'])} → {duration(v['p99_us'])} at the 99th percentile; "
        f"their limit {'is ' + duration(v['timeout_us']) if v['timeout_us'] else 'is not set'}"
    )


def _hedges(v: Values) -> str:
    return (
        f"hedges per call {_per(v['hedges_before'], v['calls_before'])} → "
        f"{_per(v['hedges'], v['calls'])}; {count(v['won'])} of {count(v['hedges'])} won"
    )


def _budget(v: Values) -> str:
    if not v["asked"] + v["hedges_asked"]:
        return "no budget was asked: none is configured for these keys"
    named = (
        f"budget '{_name(v['budget_name'])}'"
        if v["budgets"] == 1
        else f"{count(v['budgets'])} budgets, '{_name(v['budget_name'])}' among them,"
    )
    hedges = (
        f" and {count(v['hedges_denied'])} of {plural(v['hedges_asked'], 'hedge')}"
        if v["hedges_asked"]
        else ""
    )
    lost = f", {count(v['missing'])} because nobody had registered it" if v["missing"] else ""
    retries = plural(v["asked"], "retry", "retries")
    return f"{named} denied {count(v['denied'])} of {retries}{hedges}{lost}"


def _breaker(v: Values) -> str:
    if not v["opened"] and not v["rejected"]:
        return "no breaker opened, and none refused a call"
    again = (
        f", {count(v['closed_after'])} after it (first at {clock(v['closed_after_us'], decimals=1)})"
        if v["closed_after"]
        else ""
    )
    return (
        f"breakers opened {plural(v['opened'], 'time')} and closed {plural(v['closed'], 'time')} "
        f"during it{again}; they ended {plural(v['rejected'], 'call')}, "
        f"{count(v['refused'])} of them before any attempt"
    )


def _policy(v: Values) -> str:
    return (
        f"policy version {_name(v['policy_version'])} was applied by "
        f"{plural(v['processes'], 'process', 'processes')} "
        f"from {clock(v['first_us'], decimals=1)} to {clock(v['last_us'], decimals=1)}"
    )


def _process(v: Values) -> str:
    return (
        f"one process lost {count(v['lost'])} of the {count(v['of_lost'])} lost calls "
        f"({_of(v['lost'], v['of_lost'])}) and made {_of(v['calls'], v['of_calls'])} of the calls"
    )


def _worst_minute(v: Values) -> str:
    return (
        f"the worst minute began at {clock(v['minute_us'])}: {count(v['lost'])} of "
        f"{count(v['calls'])} calls lost"
    )


def _others(v: Values) -> str:
    if not v["other_keys"]:
        return "no other key was called meanwhile"
    return (
        f"{plural(v['other_keys'], 'other key')} lost {count(v['lost'])} of "
        f"{count(v['calls'])} calls meanwhile"
    )


def _fewer(v: Values) -> str:
    return (
        f"{_name(v['policy_key'])} was called {v['calls'] / v['seconds']:.1f} times/s, before "
        f"{v['calls_before'] / v['seconds_before']:.1f}: its callers did not come that far"
    )


def _end(v: Values) -> str:
    if not v["calls"]:
        return "the archive ends with it"
    return (
        f"afterwards {count(v['lost'])} of {count(v['calls'])} calls lost, "
        f"{_per(v['attempts'], v['admitted'])} attempts per call"
    )


def _looked(v: Values) -> str:
    return (
        f"looked at {plural(v['calls'], 'call')} on {plural(v['distinct_keys'], 'key')} from "
        f"{plural(v['processes'], 'process', 'processes')}: {count(v['lost'])} lost, "
        f"{count(v['rescued'])} rescued by a retry"
    )


def _worst_key(v: Values) -> str:
    return (
        f"the key with the greatest part lost is {_name(v['policy_key'])}: "
        f"{count(v['lost'])} of {count(v['calls'])} ({_of(v['lost'], v['calls'])}), "
        "as usual for it throughout"
    )


def _recorders(v: Values) -> str:
    return (
        f"recorders: {plural(v['heartbeats'], 'heartbeat')}, "
        f"{plural(v['dropped_events'], 'event')} dropped"
    )


_SENTENCES: Final[Mapping[str, Callable[[Values], str]]] = {
    "breaker": _breaker,
    "budget": _budget,
    "disposition": _disposition,
    "end": _end,
    "fewer": _fewer,
    "hedges": _hedges,
    "impact": _impact,
    "latency": _latency,
    "load": _load,
    "looked": _looked,
    "others": _others,
    "ours": _ours,
    "policy": _policy,
    "process": _process,
    "reason": _reason,
    "recorders": _recorders,
    "worst_key": _worst_key,
    "worst_minute": _worst_minute,
}


def sentence(kind: str, values: Mapping[str, Value]) -> str:
    """A fact in words; every number of it comes from the values."""
    return _SENTENCES[kind](values)


_SIGNS: Final = {
    "at_the_change": "the nearest change of policy was {onset_s:.0f} s from the onset",
    "attempts_failed": "{failed_share:.1%} of attempts failed",
    "budget_missing": "{missing_share:.1%} of denials were for want of a budget",
    "callers_mistakes": "{mistake_share:.1%} of failures were answers to wrong requests",
    "calls_rate": "calls/s {calls_per_s_before:.1f} before, {calls_per_s:.1f} during",
    "cancelled": "{cancelled_share:.1%} of lost calls were given up by their callers",
    "cancelled_early": "cancelled attempts had run {waited_ratio:.1f} times the usual median",
    "closed": "{opened} openings and {closed} closings of breakers",
    "conflicts": "{conflict_share:.1%} of retries met a conflict",
    "cut_off": "{cut_share:.1%} of failures ended at their time limit",
    "dependents": "keys whose calls depend on these: {dependents}",
    "denied": "{denied_share:.1%} of lost calls were denied a retry",
    "dependencies": "dependencies in trouble: {dependencies}",
    "doomed": "{doomed_share:.1%} of calls that met a failure were lost",
    "dose_response": "processes that took a new policy became worse by {response:.1%} of calls",
    "ended_with_calls": "{calls_per_s_after:.1f} calls/s afterwards",
    "ended_with_fewer_hedges": "hedges per call were {hedges_per_call_after:.2f} afterwards",
    "ended_with_less_load": "attempts per call were {amplification_after:.2f} afterwards",
    "failed_quickly": "{quick_share:.1%} of failures came quickly",
    "failures_rose": "failing attempts {failed_share_before:.1%} before, {failed_share:.1%} during",
    "field_fits": "what went wrong follows from the changed fields to {field_fits:.0%}",
    "first_conflicts": "{first_conflict_share:.1%} of first attempts met a conflict",
    "first_failed": "{first_failed_share:.1%} of first attempts failed",
    "goodput": "successes came at {goodput:.2f} times the usual rate of calls",
    "hedges": "hedges per call {hedges_per_call_before:.2f} before, {hedges_per_call:.2f} during",
    "hedges_succeeded": "{retry_success:.1%} of hedges succeeded",
    "independent": "other tries succeeded in {retry_success:.1%}, first attempts in {first_success:.1%}",
    "laboured": "attempts that were worked on came at {laboured_share:.2f} times the usual rate of calls",
    "limited": "{limited_share:.1%} of failures said that there were too many requests",
    "makeshift_policies": "{refused_share:.1%} of losses lacked a policy, {makeshift_share:.1%} of calls had a makeshift one",
    "new_keys": "{new_keys} keys were new",
    "no_change": "no change of policy was near the onset",
    "no_jitter": "the jitter of the policy is {jitter}",
    "one_process": "{worst_share:.1%} of the trouble was in one process",
    "opened": "breakers opened {opened_per_min:.1f} times a minute",
    "others_suffer": "{innocent_share:.1%} of calls failed in processes that had not taken the change",
    "overloaded": "{timeout_share:.1%} of failures were timeouts",
    "peers": "failures were spread over {peers} known servers",
    "rejected": "{rejected_share:.1%} of lost calls were refused by a breaker",
    "resolve_failed": "{resolve_failed} failed resolutions of a policy",
    "retried": "{retried_share:.2f} failing retries for each failing first attempt",
    "retries": "{amplification:.2f} attempts per call",
    "retries_succeeded": "{retry_success:.1%} of retries succeeded",
    "silent": "nine in ten failures were over {silent_s:.0f} s before the end",
    "slower": "successes took {latency_ratio:.1f} times the usual, {timeout_share:.1%} of failures were timeouts",
    "smooth": "retries came with a Fano factor of {fano:.1f}",
    "staged": "processes took the change within {spread_s:.0f} s",
    "storm": "{amplification:.2f} attempts per call, {accepted_per_s:.1f} attempts/s accepted, usual {calls_per_s_before:.1f} calls/s",
    "stuck": "breakers that stayed open: {stuck}",
    "surge_first": "calls at the onset were {lead:.1f} times the usual",
    "timeout_margin": "the time limit is {timeout_margin:.1f} times the usual median",
}


def sign(one: Sign) -> str:
    """A sign in words."""
    return printable(_SIGNS[one.kind].format(**one.values))


def our_part(effect: RetryEffect, measures: Measures) -> str:
    """What our retries and hedges did, as a clause."""
    match effect:
        case RetryEffect.HELPED:
            return f"our retries saved {plural(measures.rescued, 'call')}"
        case RetryEffect.HARMED:
            return "our own attempts made it worse"
        case RetryEffect.NEUTRAL:
            return "our retries neither helped nor harmed"


def headline(incident: Incident) -> str:
    """The incident in two sentences."""
    m = incident.measures
    start, end = incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
    until = "and still does" if incident.ongoing else f"until {clock(end, decimals=1)} UTC"
    reason = f" ({_name(m.reason)})" if m.reason else ""
    lost = f"{count(m.lost)} of {count(m.calls)} calls ({percent(m.lost_share)})"
    none = f"none of {plural(m.calls, 'call')}"
    return (
        f"{_who(incident)} lost {lost if m.lost else none} "
        f"from {clock(start, decimals=1)} {until}, {span(end - start)}: "
        f"{cause_name(incident.cause)}{reason}. With {m.amplification_before:.2f} attempts per call "
        f"before and {incident.amplification:.2f} during it, "
        f"{our_part(incident.retry_effect, m)}. Confidence {incident.confidence:.2f}."
    )


def _who(incident: Incident) -> str:
    """The culprit keys; one that was taken apart says into how many."""
    if incident.cause is Cause.KEY_CARDINALITY and len(incident.keys) == 1:
        made = len(incident.affected_keys) - 1
        return f"{_keys(incident.keys)} (as {plural(made, 'key')})"
    return _keys(incident.keys)


def _keys(keys: Sequence[str]) -> str:
    shown = ", ".join(_name(key) for key in keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more keys"  # noqa: PLR2004  # more are a list


_ACTIONS: Final = {
    Action.ENABLE_CIRCUIT: "give the key a breaker: it would have refused at once; risk: it may open on short blips",
    Action.ENABLE_BUDGET: "give the key's retries a budget of a tenth of its calls; risk: a few more failures on ordinary blips",
    Action.REDUCE_ATTEMPTS: "allow fewer attempts: less load while nothing answers; risk: fewer rescues on ordinary blips",
    Action.NONE_CLIENT_SIDE: "nothing on our side: the policy limited the damage as far as a client can",
    Action.EJECT_INSTANCE: "take the bad instances out of rotation; keep retries and hedges",
    Action.ENABLE_HEDGING: "hedge slow attempts: the next instance is probably well; risk: a little more load",
    Action.RAISE_ATTEMPTS: "allow one more attempt: most retries met a good instance; risk: more load in an outage",
    Action.REDUCE_LOAD: "ask for less, or smooth it; risk: work waits",
    Action.RAISE_QUOTA: "ask for a greater quota",
    Action.CLIENT_RATE_LIMIT: "keep below the quota on our side; risk: work waits here instead of failing there",
    Action.HONOR_RETRY_AFTER: "wait as long as the dependency asks; risk: slower calls",
    Action.SHED_LOAD: "shed what can wait before it reaches the dependency; risk: refused work",
    Action.ADD_CAPACITY: "give the dependency capacity for such a peak",
    Action.ENABLE_JITTER: "add full jitter to the backoff, so that retries spread",
    Action.RAISE_CIRCUIT_THRESHOLD: "let the breaker open on a rate of failures, or on more of them; risk: it opens later in an outage",
    Action.DISABLE_CIRCUIT: "switch the breaker off for this key; risk: nothing limits the waste in an outage",
    Action.LONGER_COOLDOWN: "let the breaker rest longer; risk: a later recovery",
    Action.FIX_HALF_OPEN: "make every probe report its end, so that half-open can be left",
    Action.RESET_CIRCUIT: "reset the stuck breakers",
    Action.SHORTER_COOLDOWN: "shorten the cooldown; risk: more probes in an outage",
    Action.RAISE_BUDGET: "raise the budget to what ordinary failures need; risk: more load in an outage",
    Action.SPLIT_BUDGET: "give each key a budget of its own, so that none drains another's",
    Action.RESTORE_BUDGET: "register the budget that the policy names",
    Action.ROLLBACK_POLICY: "roll the policy back",
    Action.USE_LKG: "serve the last known good policy while the control plane is away",
    Action.RESTORE_CONTROL_PLANE: "bring the control plane back",
    Action.FALLBACK_POLICY: "configure a fallback policy instead of refusing calls",
    Action.FIX_CLASSIFIER: "classify these answers as final: no retry can change them",
    Action.RAISE_TIMEOUT: "raise the attempt's time limit above what ordinary answers take; risk: slower failures",
    Action.RAISE_HEDGE_DELAY: "hedge later, at the 95th percentile; risk: fewer hedges rescue slow calls",
    Action.DISABLE_HEDGING: "switch hedging off for this key",
    Action.HEDGE_BUDGET: "give hedges a budget of a twentieth of the calls",
    Action.IDEMPOTENCY_KEY: "send an idempotency key with each call, so that a repeated attempt is recognised",
    Action.DISABLE_RETRY: "do not retry this key after a timeout; risk: more failures that a retry would have saved",
    Action.QUARANTINE_REQUESTS: "set the failing requests aside",
    Action.STOP_RETRYING: "stop retrying this reason: no retry succeeded",
    Action.PROPAGATE_DEADLINE: "hand the caller's deadline down, so that no attempt outlives it",
    Action.RAISE_UPSTREAM_DEADLINE: "give callers a deadline that an ordinary answer can meet",
    Action.DRAIN_PROCESS: "drain the process",
    Action.FIX_KEY: "name the operation in the key, not the request",
}


def action(one: Action) -> str:
    """What to change, the expected effect and the risk."""
    return _ACTIONS[one]


_WHY: Final = {
    "changed": "the breaker went to {0}",
    "denied": "a retry was denied: {0}",
    "failed": "an attempt failed: {0}",
    "lost": "a call was lost: {0}",
    "policy": "the process applied policy version {0}",
    "rescued": "a retry succeeded: {0}",
    "resolve_failed": "no policy could be resolved: {0}",
    "slow": "an answer came far later than usual: {0}",
    "spawned": "a hedge was spawned, and {0}",
}


def why(what: str, detail: str) -> str:
    """Why a row is evidence."""
    return _WHY[what].format(printable(detail))


def cannot_know(
    *, timeouts: bool, ongoing: bool, sampled: bool, dropped: int, gaps: int
) -> tuple[str, ...]:
    """What the archive of a client cannot tell about an incident."""
    known = [
        "what went on inside the dependency, and what its other clients asked of it",
        "how far the clocks of the processes differ",
    ]
    if timeouts:
        known.append("whether attempts that were cut off took effect")
    if ongoing:
        known.append("how it ended: it reaches the end of the archive")
    if sampled:
        known.append("the exact course of clean calls: they were sampled")
    if dropped:
        known.append(f"what {plural(dropped, 'dropped event')} would have told")
    if gaps:
        known.append("whether minutes without a record had no traffic or no recorder")
    return tuple(known)
