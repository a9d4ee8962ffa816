import pytest
from hypothesis import given, strategies as st

import recourse_observe
from recourse_observe.scope import EVERYTHING, Scope, ScopeError, instant, parse_instant, to_argv

DAY = 1_795_219_200_000_000  # 2026-11-21


@given(st.integers(0, 253_402_300_799_999_999))
def test_an_instant_is_read_back_exactly(unix_us: int) -> None:
    assert parse_instant(instant(unix_us)) == unix_us


@pytest.mark.parametrize(
    ("written", "expected_us"),
    [
        ("10:02", DAY + 36_120_000_000),
        ("10:02:00.5", DAY + 36_120_500_000),
        ("+30s", DAY + 5 + 30_000_000),
        ("-250ms", DAY + 5 - 250_000),
        ("2026-11-21T10:02:00Z", DAY + 36_120_000_000),
        ("2026-11-21 10:02", DAY + 36_120_000_000),
        ("2026-11-21T11:02:00+01:00", DAY + 36_120_000_000),
    ],
)
def test_a_time_may_be_absolute_of_the_day_or_an_offset(written: str, expected_us: int) -> None:
    assert parse_instant(written, day_unix_us=DAY + 5) == expected_us


@pytest.mark.parametrize("written", ["", "noon", "25:00", "10:61", "+30", "2026-13-01"])
def test_a_time_that_cannot_be_read_says_what_can(written: str) -> None:
    with pytest.raises(ScopeError) as raised:
        parse_instant(written)

    assert str(raised.value).startswith(f"time {written!r} cannot be read; use ")


def test_a_scope_is_written_as_a_command_line() -> None:
    scope = Scope(start_unix_us=1_000_000, end_unix_us=2_000_000, where="lost", baseline="before")

    assert to_argv("calls", "dir", scope.of("a.B")) == (
        *("calls", "dir", "--since", "1970-01-01T00:00:01Z", "--until", "1970-01-01T00:00:02Z"),
        *("--key", "a.B", "--where", "lost", "--baseline", "before"),
    )
    assert scope.span_us == 1_000_000


def test_a_scope_changes_one_part_at_a_time() -> None:
    scope = EVERYTHING.during(5, 9).of("a.B").matching("lost")

    assert scope == Scope(start_unix_us=5, end_unix_us=9, key="a.B", where="lost")


def test_the_package_resolves_open_archive_and_nothing_else() -> None:
    assert recourse_observe.open_archive.__name__ == "open_archive"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = recourse_observe.nothing
