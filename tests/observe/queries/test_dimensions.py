from hypothesis import given, strategies as st

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.contrast import Contrast, contrast
from recourse_observe.queries.rows import DimensionRow
from recourse_observe.scope import EVERYTHING


def row(dimension: str, entry: str | None, attempts: int, of_attempts: int) -> DimensionRow:
    return DimensionRow(
        dimension=dimension,
        entry=entry,
        attempts=attempts,
        of_attempts=of_attempts,
        distinct_entries=1,
    )


def test_attempts_are_counted_by_the_values_of_each_dimension(small: Archive) -> None:
    rows = small.dimensions()
    ran = small.sql("SELECT count(*) AS n FROM attempts WHERE ran").to_pylist()[0]["n"]
    reasons = small.sql(
        "SELECT reason, count(*) AS n FROM attempts WHERE ran GROUP BY 1 ORDER BY n DESC, reason"
    ).to_pylist()

    assert {r.dimension for r in rows} == {
        "attempt", "cancelled", "disposition", "error", "hedge", "instance", "method", "outcome", "peer", "policy",
        "reason", "region", "service", "source", "status",
    }  # fmt: skip
    assert {r.of_attempts for r in rows} == {ran}
    assert [(r.entry, r.attempts) for r in rows if r.dimension == "reason"] == [
        (r["reason"], r["n"]) for r in reasons
    ]


def test_a_value_that_was_not_recorded_is_none(small: Archive) -> None:
    assert [r.entry for r in small.dimensions() if r.dimension == "method"] == [None]


def test_only_the_most_frequent_values_are_given_and_the_others_counted(small: Archive) -> None:
    (row,) = [r for r in small.dimensions(limit=1) if r.dimension == "reason"]

    assert row.distinct_entries > 1


def test_a_scope_without_attempts_has_no_dimension(small: Archive) -> None:
    assert small.dimensions(EVERYTHING.during(0, 1)) == ()


def test_the_greatest_difference_comes_first() -> None:
    before = [
        row("reason", "success", 97, 100),
        row("reason", "http_503", 3, 100),
        row("region", "eu", 50, 100),
    ]
    during = [
        row("reason", "success", 30, 100),
        row("reason", "http_503", 70, 100),
        row("region", "eu", 51, 100),
    ]

    found = contrast(before, during, during)

    assert [(c.dimension, c.entry, round(c.difference, 2)) for c in found] == [
        ("reason", "http_503", 0.67),
        ("reason", "success", -0.67),
        ("region", "eu", 0.01),
    ]
    assert found[0].lift is not None
    assert round(found[0].lift, 1) == 23.3


def test_what_changed_for_all_keys_alike_is_marked_as_in_time_only() -> None:
    before = [row("policy", "pol-a", 100, 100), row("reason", "http_503", 1, 100)]
    during = [row("policy", "pol-b", 100, 100), row("reason", "http_503", 60, 100)]
    everything = [row("policy", "pol-b", 300, 300), row("reason", "http_503", 61, 300)]

    found = {(c.dimension, c.entry): c for c in contrast(before, during, everything)}

    assert found["policy", "pol-b"].is_in_time_only
    assert found["policy", "pol-b"].lift is None
    assert not found["reason", "http_503"].is_in_time_only
    assert found["reason", "http_503"].share_others == 0.005


def test_without_other_keys_nothing_is_said_of_them() -> None:
    (found,) = contrast([], [row("reason", "timeout", 5, 5)], [row("reason", "timeout", 5, 5)])

    assert found == Contrast(
        dimension="reason", entry="timeout", share_a=0, share_b=1, share_others=None
    )
    assert not found.is_in_time_only


def test_a_dimension_of_which_nothing_was_recorded_is_left_out() -> None:
    rows = [row("method", None, 5, 5)]

    assert contrast(rows, rows, rows) == ()


COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 99), min_size=1)


@given(COUNTS, COUNTS)
def test_differences_of_a_dimension_cancel_out(one: dict[str, int], other: dict[str, int]) -> None:
    def rows(counts: dict[str, int]) -> list[DimensionRow]:
        return [row("reason", value, n, sum(counts.values())) for value, n in counts.items()]

    found = contrast(rows(one), rows(other), rows(other))

    assert abs(sum(c.difference for c in found)) < 1e-9
