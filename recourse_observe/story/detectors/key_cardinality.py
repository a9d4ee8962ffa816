"""Keys carried request data: each was new, and nothing could be aggregated on them."""

from collections import Counter

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well an explosion of keys fits."""
    prefixes = Counter(key.partition(".")[0] for key in picture.new_keys)
    _, new = max(prefixes.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    defaults = share(picture.during.sources["default"], picture.during.calls)
    return weigh(
        Cause.KEY_CARDINALITY,
        Sign(kind="new_keys", degree=ramp(new, 5, 20), weight=2.0, values={"new_keys": new}),
        Sign(
            kind="makeshift_policies",
            degree=0.6 + 0.4 * ramp(defaults, 0.0, 0.5),
            values={"refused_share": 0.0, "makeshift_share": defaults},
        ),
    )
