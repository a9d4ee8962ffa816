"""More was asked than the dependency could do: the calls rose before the failures."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a surge of calls fits."""
    during, after, usual = picture.during, picture.after, picture.before.calls_per_s
    lead = share(picture.load(-8, 4), usual)
    length = max(1.0, (picture.end_us - picture.onset_us) / 1e6)
    goodput = share(picture.load(0, length, what="successes"), usual)
    served = ramp(goodput, 0.05, 0.4)
    fell = share(after.calls_per_s, during.calls_per_s)
    ended = after.seconds > 5 and not picture.ongoing  # noqa: PLR2004  # enough to see a rate
    new, dependents = len(picture.new_keys), len(picture.affected) - len(picture.keys)
    return weigh(
        Cause.LOAD_SURGE,
        seen(picture, "calls_rate", ramp(picture.calls_ratio, 1.25, 1.8), weight=1.5),
        Sign(kind="surge_first", degree=ramp(lead, 1.0, 1.4), values={"lead": lead}),
        Sign(
            kind="ended_with_calls",
            degree=ramp(fell, 1.0, 0.75) if ended else 0.7,
            weight=0.7,
            values={"calls_per_s_after": after.calls_per_s},
        ),
        Sign(kind="new_keys", degree=ramp(new, 20, 5), values={"new_keys": new}),
        Sign(
            kind="dependents",
            degree=0.4 if dependents > 0 else 1.0,
            values={"dependents": dependents},
        ),
        Sign(kind="goodput", degree=0.7 + 0.3 * served, values={"goodput": goodput}),
        seen(picture, "limited", ramp(during.of_failed("is_limited"), 0.7, 0.3)),
    )
