"""The signs that several causes look for, with the numbers that their phrases speak of. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from recourse_observe.story.detectors.signs import Sign
from recourse_observe.story.findings import Value
from recourse_observe.story.picture import Picture

__all__ = ["seen"]

_MOST_RATIO: Final = 1e6  # without any success the ratio is infinite, and JSON has no word for that

_NUMBERS: Final[Mapping[str, Callable[[Picture], Mapping[str, Value]]]] = {
    "attempts_failed": lambda picture: {"failed_share": picture.during.failed_share},
    "budget_missing": lambda picture: {"missing_share": picture.budget_missing_share},
    "callers_mistakes": lambda picture: {
        "mistake_share": picture.during.of_failed("is_callers_mistake")
    },
    "calls_rate": lambda picture: {
        "calls_per_s_before": picture.before.calls_per_s,
        "calls_per_s": picture.during.calls_per_s,
    },
    "denied": lambda picture: {"denied_share": picture.during.of_lost("budget_denied")},
    "failed_quickly": lambda picture: {"quick_share": picture.during.of_failed("shed")},
    "hedges": lambda picture: {
        "hedges_per_call": picture.during.hedges_per_call,
        "hedges_per_call_before": picture.before.hedges_per_call,
    },
    "limited": lambda picture: {"limited_share": picture.during.of_failed("is_limited")},
    "one_process": lambda picture: {"worst_share": picture.worst_instance[1]},
    "overloaded": lambda picture: {"timeout_share": picture.during.of_failed("is_timeout")},
    "retries_succeeded": lambda picture: {"retry_success": picture.during.retry_success},
    "slower": lambda picture: {
        "latency_ratio": min(picture.latency_ratio, _MOST_RATIO),
        "timeout_share": picture.during.of_failed("is_timeout"),
    },
    "smooth": lambda picture: {"fano": picture.waves(during=True)},
    "storm": lambda picture: {
        "amplification": picture.during.amplification,
        "accepted_per_s": picture.accepted_per_s,
        "calls_per_s_before": picture.before.calls_per_s,
    },
}


def seen(picture: Picture, kind: str, degree: float, *, weight: float = 1.0) -> Sign:
    """A sign of one of these kinds; a cause that means another number by it says so in a Sign."""
    return Sign(kind=kind, degree=degree, weight=weight, values=_NUMBERS[kind](picture))
