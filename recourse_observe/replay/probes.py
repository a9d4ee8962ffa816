"""Probes: what somebody wants to know at every moment, written down after the fact; and the search for when it held.

==========================  ================================================================
``inflight(key)``           attempts that the dependency has not answered
``open(key)``               calls that have begun and not ended
``amp(key, 10s)``           attempts per call of the last ten seconds
``fail(key, 10s)``          failed attempts of those that ended in the last ten seconds
``lost(key, 10s)``          calls lost in the last ten seconds
``budget(name)``            what the budget has left
``breaker(key)``            the state of the breaker
==========================  ================================================================

Without a key, all keys together. A condition compares one: ``fail>5%``, ``amp(payments.Charge) >= 2``.
"""

import operator
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from recourse_observe.replay.state import State
from recourse_observe.replay.timeline import Replay
from recourse_observe.scope import ScopeError
from recourse_observe.text import percent, times

__all__ = ["Probe", "Value", "bisect", "evaluate", "parse_probe", "shown"]

Value: TypeAlias = float | str | None

_CALL: Final = re.compile(
    r"\s*(?P<name>[a-z]+)\s*(?:\((?P<arguments>.*)\))?\s*(?:(?P<sign>>=|<=|>|<|=)\s*(?P<value>\S+))?\s*$",
    re.DOTALL,
)
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)$")
_UNIT_US: Final = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000}
_WINDOW_US: Final = 10_000_000
_SIGNS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "=": operator.eq,
}  # fmt: skip
_NAMES: Final = ("inflight", "open", "amp", "fail", "lost", "budget", "breaker")
_ALLOWED: Final = "inflight, open, amp, fail, lost, budget or breaker, for example fail(payments.Charge, 10s) > 5%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question about a state, and perhaps what its answer is compared with."""

    text: str
    name: str
    about: str | None = None
    """A key, or a budget's name."""
    window_us: int = _WINDOW_US
    sign: str = ""
    limit: float | str = 0.0

    @property
    def is_condition(self) -> bool:
        """It can hold or not."""
        return bool(self.sign)


def parse_probe(text: str) -> Probe:
    """A probe as somebody typed it.

    Raises:
        ScopeError: It is none; the text says what would be.
    """
    found = _CALL.match(text)
    if found is None or found["name"] not in _NAMES:
        raise ScopeError(text, "probe", _ALLOWED)
    words = _words(found["arguments"] or "", text)
    windows = [word for word in words if _SPAN.match(word)]
    names = [word for word in words if word not in windows]
    if len(windows) > 1 or len(names) > 1 or (found["name"] in {"budget", "breaker"} and not names):
        raise ScopeError(text, "probe", _ALLOWED)
    return Probe(
        text=text.strip(),
        name=found["name"],
        about=names[0] if names else None,
        window_us=_span_us(windows[0]) if windows else _WINDOW_US,
        sign=found["sign"] or "",
        limit=_limit(found["value"], text) if found["sign"] else 0.0,
    )


def evaluate(probe: Probe, replay: Replay, at_us: int) -> Value:
    """What the probe says of one moment; ``None`` when there is nothing to say."""
    now = replay.at(at_us)
    return _measure(probe, now, replay.at(at_us - probe.window_us))


def holds(probe: Probe, value: Value) -> bool:
    """Whether a condition is true of a value."""
    if value is None or isinstance(value, str) or isinstance(probe.limit, str):
        return probe.sign == "=" and value == probe.limit
    return _SIGNS[probe.sign](value, probe.limit)


def bisect(probe: Probe, replay: Replay) -> tuple[int, int] | None:
    """The first bucket in which a condition holds, as its first and last moment; ``None`` when it never does."""
    apart = max(1, probe.window_us // replay.bucket_us)
    samples = replay.samples
    for number in range(1, len(samples)):
        value = _measure(probe, samples[number], samples[max(0, number - apart)])
        if holds(probe, value):
            return samples[number - 1].at_us, samples[number].at_us
    return None


def shown(probe: Probe, value: Value) -> str:
    """A value as a person reads it."""
    match value:
        case None:
            return "—"
        case str():
            return value
        case _:
            words = {"fail": percent, "amp": times}.get(probe.name)
            return words(value) if words else f"{value:,.6g}"


def _measure(probe: Probe, now: State, before: State) -> Value:
    match probe.name:
        case "budget":
            budget = now.budget(probe.about or "")
            return None if budget is None else budget.level
        case "breaker":
            return now.breaker(probe.about or "")
        case "inflight":
            return now.key(probe.about).attempts_open
        case "open":
            return now.key(probe.about).calls_open
        case _:
            recent = now.key(probe.about).since(before.key(probe.about))
            rates = {"amp": recent.attempts_per_call, "fail": recent.failed_share}
            return rates.get(probe.name, recent.lost)


def _words(arguments: str, text: str) -> list[str]:
    splitter = shlex.shlex(arguments, posix=True, punctuation_chars=",")
    splitter.whitespace_split = True
    splitter.commenters = ""
    try:
        return [word for word in splitter if word != ","]
    except ValueError:
        raise ScopeError(text, "probe", _ALLOWED) from None


def _span_us(text: str) -> int:
    found = _SPAN.match(text)
    return round(float(found[1]) * _UNIT_US[found[2]]) if found else _WINDOW_US


def _limit(value: str, text: str) -> float | str:
    number = value.removesuffix("%")
    try:
        return float(number) / (100 if value.endswith("%") else 1)
    except ValueError:
        if value.isidentifier():
            return value
        raise ScopeError(text, "probe", _ALLOWED) from None
