from dataclasses import replace
from pathlib import Path

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.duck import QueryError
from recourse_observe.queries.archive import Archive, CallNotFoundError, open_archive
from recourse_observe.queries.rows import Gap
from recourse_observe.scope import EVERYTHING, Scope, ScopeError

T0 = 1_795_255_200_000_000
S = 1_000_000


def ids(archive: Archive, scope: Scope) -> list[str]:
    return [row.call_id for row in archive.calls(scope).rows]


def test_an_archive_knows_the_last_part_of_its_path_and_answers_sql(small: Archive) -> None:
    assert small.name == "small"
    assert repr(small) == "Archive('small')"
    assert small.warnings == ()
    assert small.sql("SELECT count(*) AS n FROM calls").to_pylist() == [{"n": 6}]
    assert small.con.execute("SELECT 1").fetchall() == [(1,)]


def test_a_pattern_is_named_by_its_last_part(small_path: Path) -> None:
    with open_archive(f"{small_path.parent}/sm*", trusted=True) as archive:
        assert archive.name == "sm*"


def test_an_archive_of_somebody_else_is_locked_up(small_path: Path, tmp_path: Path) -> None:
    with open_archive(small_path, trusted=False) as archive:
        assert archive.calls().total == 6
        with pytest.raises(QueryError):
            archive.sql(f"COPY calls TO '{tmp_path}/x.csv'")


def test_coverage_counts_calls_attempts_processes_drops_and_gaps(small: Archive) -> None:
    covered = small.coverage()

    assert (covered.first_unix_us, covered.last_unix_us) == (T0, T0 + 50 * S + 90_000)
    assert (covered.calls, covered.unfinished, covered.attempts) == (6, 1, 8)
    assert (covered.distinct_keys, covered.instances, covered.dropped_events) == (2, 2, 3)
    assert covered.gaps == (Gap(start_unix_us=T0 + 50 * S + 90_000, end_unix_us=T0 + 200 * S),)


def test_a_call_belongs_where_its_first_attempt_starts(small: Archive) -> None:
    # c2 began at 9 s, its first attempt at 10 s; d1 made no attempt and began at 30 s.
    before = Scope(start_unix_us=T0, end_unix_us=T0 + 10 * S)
    after = Scope(start_unix_us=T0 + 10 * S, end_unix_us=T0 + 31 * S)

    assert ids(small, before) == ["c1"]
    assert ids(small, after) == ["c2", "c3", "d1"]


def test_keys_are_sorted_by_what_they_lost_and_unfinished_is_not_lost(small: Archive) -> None:
    charge, query = small.keys(buckets=5)

    assert (charge.key, charge.calls, charge.lost, charge.rescued) == ("payments.Charge", 5, 2, 1)
    assert (charge.attempts, charge.retries, charge.denied, charge.rejected) == (5, 1, 1, 1)
    assert (charge.failed_attempts, charge.breaker) == (2, "open")
    assert charge.lost_per_bucket == (0, 1, 1, 0, None)
    assert charge.attempts_per_call == 1.0
    assert charge.lost_share == pytest.approx(0.4)
    assert (query.key, query.hedges, query.breaker) == ("search.Query", 1, "")


def test_of_more_calls_than_memory_should_hold_keys_are_asked_one_by_one(small: Archive) -> None:
    assert len(small.keys()) > 1
    for scope in (
        EVERYTHING,
        replace(EVERYTHING, where="lost"),
        replace(EVERYTHING, key="payments.Charge"),
    ):
        assert small.keys(scope, at_once=1) == small.keys(scope)


def test_calls_are_sorted_limited_and_counted(small: Archive) -> None:
    page = small.calls(sort="total", descending=True, limit=2)

    assert [row.call_id for row in page.rows] == ["c2", "c3"]
    assert page.total == 6
    assert small.calls(limit=2, offset=5).rows[0].call_id == "e1"
    assert small.calls(EVERYTHING.of("nothing")).total == 0


def test_a_sort_that_does_not_exist_is_refused(small: Archive) -> None:
    with pytest.raises(ScopeError, match="sort 'beauty' cannot be read; use one of start"):
        small.calls(sort="beauty")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("lost", ["c3", "d1"]),
        ("-lost", ["c1", "c2", "d2", "e1"]),
        ("rescued", ["c2"]),
        ("denied", ["c3"]),
        ("retried", ["c2"]),
        ("hedged", ["e1"]),
        ("unfinished", ["d2"]),
        ("key:search*", ["e1"]),
        ("reason:http_5?3", ["c2", "c3"]),
        ("status:503", ["c2", "c3"]),
        ("call:c", ["c1", "c2", "c3"]),
        ("instance:pod-2 hedges>=1", ["e1"]),
        ("peer:payments-1", ["c3"]),
        ("error:Upstream*", ["c3"]),
        ("tenant:ac*", ["c1"]),
        ("attempts>1 total>1s", ["c2"]),
        ("total<=20ms disposition:success", ["c1"]),
        ("breaker", []),
        ("circuit", ["d1"]),
        ("503", ["c2", "c3"]),
        ("'key:pay*' retries=0 -lost", ["c1", "d2"]),
    ],
)
def test_filters_choose_calls(where: str, expected: list[str], small: Archive) -> None:
    assert ids(small, EVERYTHING.matching(where)) == expected


def test_shapes_group_calls_by_what_happened(small: Archive) -> None:
    shapes = {row.shape: row for row in small.shapes()}

    assert shapes["http_503 → success"].example == "c2"
    assert shapes["http_503 → denied"].disposition == "budget_denied"
    assert shapes["no attempt"].calls == 1
    assert shapes["hedge_lost → hedge success"].calls == 1
    assert {row.of_calls for row in shapes.values()} == {6}


def test_one_call_comes_with_attempts_decisions_and_hedges(small: Archive) -> None:
    lost, hedged = small.call("c3"), small.call("e")

    assert [(a.attempt, a.ran, a.reason) for a in lost.attempts] == [
        (0, True, "http_503"),
        (1, False, "budget_denied"),
    ]
    assert (lost.budget[0].budget_name, lost.budget[0].level_after) == ("retries", 0.5)
    assert (hedged.hedges[0].delay_us, hedged.hedges[0].result) == (50_000, "won")


@pytest.mark.parametrize(
    ("call_id", "message"),
    [
        ("c", "call 'c' names more than one call; give more of its id"),
        ("zz", "call 'zz' is not in the archive; take an id from `recourse calls`"),
        ("", "call '' is not in the archive; take an id from `recourse calls`"),
    ],
)
def test_an_id_that_names_no_single_call_is_refused(
    call_id: str, message: str, small: Archive
) -> None:
    with pytest.raises(CallNotFoundError) as raised:
        small.call(call_id)

    assert str(raised.value) == message


def test_an_id_that_begins_another_names_its_own_call(tmp_path: Path) -> None:
    rows = [{"call_id": i, "key": "a.B", "started_at": T0} for i in ("x1", "x12")]

    with open_archive(write_archive(tmp_path / "x", {"calls": rows}), trusted=True) as archive:
        assert archive.call("x1").call.call_id == "x1"


def test_keys_have_a_course_over_time(small: Archive) -> None:
    scope = Scope(start_unix_us=T0, end_unix_us=T0 + 60 * S, key="payments.Charge")

    buckets = small.buckets(scope, bucket_us=20 * S)
    reasons = small.reasons(scope, bucket_us=60 * S)

    assert [(b.bucket, b.calls, b.lost, b.denied, b.rejected) for b in buckets] == [
        (0, 2, 0, 0, 0),
        (1, 2, 2, 1, 1),
        (2, 1, 0, 0, 0),
    ]
    assert [(r.reason, r.attempts) for r in reasons] == [
        ("http_503", 2),
        ("success", 2),
        ("unfinished", 1),
    ]
    assert sum(row.attempts for row in small.latencies(scope, bucket_us=60 * S)) == 5
    assert [(r.denied, r.lowest_level) for r in small.levels(scope, bucket_us=60 * S)] == [(1, 0.5)]


def test_transitions_and_policies_are_rows(small: Archive) -> None:
    assert [(t.to_state, t.cause) for t in small.transitions()] == [("open", "failure_threshold")]
    assert [p.policy_version for p in small.policies()] == ["v1"]
    assert small.policies(Scope(start_unix_us=T0)) == ()


def test_an_archive_with_nothing_but_a_recorder_covers_its_moments(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "idle", {"recorder": [{"recorded_at": T0, "event": "started"}]})

    with open_archive(path, trusted=True) as archive:
        covered = archive.coverage()
        assert (covered.first_unix_us, covered.calls) == (T0, 0)
        assert archive.keys() == ()


def test_a_bad_file_is_a_warning(tmp_path: Path, small_path: Path) -> None:
    path = write_archive(
        tmp_path / "hurt", {"calls": [{"call_id": "x", "key": "a.B", "started_at": T0}]}
    )
    (path / "calls" / "bad.parquet").write_bytes(b"PAR1 no")

    with open_archive(path, trusted=True) as archive:
        assert len(archive.warnings) == 1
        assert archive.calls().total == 1
