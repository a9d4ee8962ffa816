"""Facts in words: one sentence for each kind of them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from recourse_observe.story.findings import Value
from recourse_observe.text import clock, count, duration, percent, plural, printable

__all__ = ["sentence"]

Values = Mapping[str, Any]


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
