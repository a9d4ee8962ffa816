"""What B is compared with, in words: what there is to choose from, and what each side is."""

from typing import TYPE_CHECKING, Final

from recourse_observe.queries.against import BASELINES
from recourse_observe.text import clock, span

if TYPE_CHECKING:
    from recourse_observe.queries.compare import Comparison
    from recourse_observe.scope import Scope

__all__ = ["after", "nothing_told", "sides_told", "told", "told_briefly"]

_DAY_US: Final = 86_400_000_000
_WORDS: Final = {
    "before": "what was just before",
    "yesterday": "same time yesterday",
    "others": "other keys in B",
    "successes": "successes in B",
}
_ELSE: Final = "so there is nothing to compare with: o compares with something else, t or shift+arrows choose another stretch."
_NO_CALL: Final = f"On one side there is no call, {_ELSE}"
_NOTHING: Final = {
    "before": f"Before the brush the archive has no attempt of this key, {_ELSE}",
    "yesterday": f"Of the same time yesterday the archive has no call of this key, {_ELSE}",
    "others": f"Meanwhile no other key was called, {_ELSE}",
    "successes": f"No call of this key went well meanwhile, {_ELSE}",
}


def after(baseline: str) -> str:
    """What is compared with next; after a stretch of one's own the first."""
    here = BASELINES.index(baseline) if baseline in BASELINES else -1
    return BASELINES[(here + 1) % len(BASELINES)]


def told_briefly(baseline: str, found: "Comparison") -> str:
    """What A is, in a few words."""
    if baseline == "before":
        return f"the {span(found.a.span_us)} before"
    return _WORDS.get(baseline, "a stretch of your choice")


def told(baseline: str, found: "Comparison", first_unix_us: int) -> str:
    """What A is, and what ``o`` comes to, one after the other.

    Args:
        baseline: What is compared with now.
        found: The comparison.
        first_unix_us: Where the archive begins: before it there is no other day.
    """
    others, here = [], baseline
    while (here := after(here)) != baseline and here not in others:
        others.append(here)
    has_day = found.b.end_unix_us - _DAY_US > first_unix_us
    names = [
        _WORDS[one] + (" (no data)" if one == "yesterday" and not has_day else "") for one in others
    ]
    return f"baseline: {told_briefly(baseline, found)} · o cycles: {' · '.join(names)}"


def sides_told(baseline: str, found: "Comparison") -> tuple[str, str]:
    """What A and B are, for the first line."""
    a, b = (_stretch(one) for one in (found.a, found.b))
    match baseline:
        case "others":
            return "other keys", b
        case "yesterday":
            return f"yesterday {a}", b
        case "successes":
            return "its good calls", f"lost {b}"
        case _:
            return a, b


def nothing_told(baseline: str) -> str:
    """Why there is nothing to compare with."""
    return _NOTHING.get(baseline, _NO_CALL)


def _stretch(scope: "Scope") -> str:
    return f"{clock(scope.start_unix_us)}→{clock(scope.end_unix_us)}"
