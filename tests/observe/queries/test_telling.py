"""Of each dimension the value that gained most."""

from recourse_observe.queries.contrast import Contrast
from recourse_observe.queries.telling import telling


def gained(dimension: str, entry: str | None, a: float, b: float) -> Contrast:
    return Contrast(dimension=dimension, entry=entry, share_a=a, share_b=b, share_others=None)


def test_each_dimension_tells_its_greatest_gain_once() -> None:
    rows = [
        gained("outcome", "retryable", 0.0, 0.9),
        gained("reason", "http_503", 0.1, 0.5),
        gained("reason", "timeout", 0.0, 0.1),
        gained("reason", "success", 0.9, 0.4),
        gained("peer", None, 0.5, 1.0),
        gained("hedge", "false", 1.0, 1.0),
    ]

    found = telling(rows)

    assert [(one.dimension, one.entry) for one in found] == [("peer", None), ("reason", "http_503")]
