"""More was asked than the dependency could do: the calls rose before the failures."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a surge of calls fits."""
    during, usual = picture.during, picture.before.calls_per_s
    lead = share(picture.load(-8, 4), usual)
    length = max(1.0, (picture.end_us - picture.onset_us) / 1e6)
    goodput = share(picture.load(0, length, what="successes"), usual)
    fell = share(picture.after.calls_per_s, during.calls_per_s)
    ended = picture.after.seconds > 5 and not picture.ongoing  # noqa: PLR2004  # enough to see a rate
    return weigh(
        Cause.LOAD_SURGE,
        Sign(
            kind="calls_rate",
            degree=ramp(picture.calls_ratio, 1.25, 1.8),
            weight=1.5,
            values={"calls_per_s_before": usual, "calls_per_s": during.calls_per_s},
        ),
        Sign(
            kind="surge_first",
            degree=ramp(lead, 1.0, 1.4),
            values={"lead": lead},
        ),
        Sign(
            kind="ended_with_calls",
            degree=ramp(fell, 1.0, 0.75) if ended else 0.7,
            weight=0.7,
            values={"calls_per_s_after": picture.after.calls_per_s},
        ),
        Sign(
            kind="new_keys",
            degree=ramp(len(picture.new_keys), 20, 5),
            values={"new_keys": len(picture.new_keys)},
        ),
        Sign(
            kind="dependents",
            degree=0.4 if len(picture.affected) > len(picture.keys) else 1.0,
            values={"dependents": len(picture.affected) - len(picture.keys)},
        ),
        Sign(
            kind="goodput",
            degree=0.7 + 0.3 * ramp(goodput, 0.05, 0.4),
            values={"goodput": goodput},
        ),
        Sign(
            kind="limited",
            degree=ramp(during.of_failed("is_limited"), 0.7, 0.3),
            values={"limited_share": during.of_failed("is_limited")},
        ),
    )
