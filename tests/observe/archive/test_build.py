from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from recourse_observe.archive import open_store, survey, write_archive
from recourse_observe.archive.build import RowError

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


def test_rows_come_back_with_their_defaults(tmp_path: Path) -> None:
    write_archive(
        tmp_path,
        {
            "calls": [{"call_id": "1", "key": "a.B", "started_at": AT, "duration_us": 7}],
            "policies": [
                {"key": "a.B", "applied_at": AT, "instance": None, "policy_json": {"a": 1}}
            ],
        },
        service="checkout",
        region="eu",
    )

    store = open_store(survey(tmp_path))

    assert store.rows(
        "SELECT service, instance, region, key, policy_id, ended_at, disposition FROM calls"
    ) == [
        (
            "checkout",
            "instance-1",
            "eu",
            "a.B",
            "a.B",
            AT.replace(tzinfo=None, microsecond=7),
            "success",
        )
    ]
    assert store.rows("SELECT instance, policy_json FROM policies") == [(None, '{"a": 1}')]


def test_times_may_be_naive_utc_zoned_or_microseconds(tmp_path: Path) -> None:
    two_hours_east = timezone(timedelta(hours=2))
    same = [AT, AT.replace(tzinfo=None), AT.astimezone(two_hours_east), 1_795_269_600_000_000]
    write_archive(
        tmp_path,
        {"circuit_transitions": [
            {"key": "a", "changed_at": at, "from_state": "closed", "to_state": "open", "cause": "manual"}
            for at in same
        ]},
    )  # fmt: skip

    rows = open_store(survey(tmp_path)).rows("SELECT DISTINCT changed_at FROM circuit_transitions")

    assert rows == [(AT.replace(tzinfo=None),)]


def test_each_source_and_hour_has_its_own_file_and_archives_grow(tmp_path: Path) -> None:
    def calls(*hours: int) -> list[dict[str, object]]:
        return [
            {"call_id": str(h), "key": "a", "started_at": AT + timedelta(hours=h)} for h in hours
        ]

    write_archive(tmp_path, {"calls": calls(0, 1)})
    write_archive(tmp_path, {"calls": calls(2)}, instance="instance-2")

    names = [file.name for file in survey(tmp_path).files["calls"]]
    assert [(n.instance, n.sequence, n.first.hour) for n in names if n] == [
        ("instance-1", 0, 14),
        ("instance-1", 1, 15),
        ("instance-2", 2, 16),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"kex": "a"}, "row 0 of 'calls' has no column 'kex'"),
        ({"key": "a", "started_at": AT}, "row 0 of 'calls' lacks 'call_id', which has no default"),
        (
            {"key": 1, "call_id": "1", "started_at": AT},
            "row 0 of 'calls' has 'key' 1, which is no VARCHAR",
        ),
        (
            {"key": "a", "call_id": "1", "started_at": AT, "retries": True},
            "row 0 of 'calls' has 'retries' True, which is no INTEGER",
        ),
        (
            {"key": "a", "call_id": "1", "started_at": AT, "success": 1},
            "row 0 of 'calls' has 'success' 1, which is no BOOLEAN",
        ),
    ],
)
def test_a_row_that_is_none_says_why(tmp_path: Path, row: dict[str, object], problem: str) -> None:
    with pytest.raises(RowError) as caught:
        write_archive(tmp_path, {"calls": [row]})

    assert str(caught.value) == problem


def test_a_table_that_is_none_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="'call' has no such table; use one of calls, attempts"):
        write_archive(tmp_path, {"call": []})


def test_a_level_may_be_whole(tmp_path: Path) -> None:
    decision = {
        "decided_at": AT, "call_id": "1", "key": "a", "attempt": 1, "budget_name": "b",
        "allowed": True, "reason": "allowed", "level_after": 4,
    }  # fmt: skip
    write_archive(tmp_path, {"budget_decisions": [decision]})

    assert open_store(survey(tmp_path)).rows("SELECT level_after FROM budget_decisions") == [(4.0,)]


def test_a_hedge_without_an_end_ends_where_it_began(tmp_path: Path) -> None:
    write_archive(
        tmp_path,
        {"hedges": [{"call_id": "1", "key": "a", "spawned_at": AT}],
         "attempts": [{"call_id": "1", "key": "a", "started_at": AT, "ended_at": AT + timedelta(seconds=1)}]},
    )  # fmt: skip
    store = open_store(survey(tmp_path))

    assert store.rows("SELECT ended_at = spawned_at FROM hedges") == [(True,)]
    assert store.rows("SELECT duration_us FROM attempts") == [(1_000_000,)]
