import math
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from recourse.duration import is_finite_number, parse_duration_s, seconds
from recourse.errors import PolicyError


@given(st.timedeltas())
def test_a_timedelta_is_its_seconds(duration: timedelta) -> None:
    assert seconds("timeout_s", duration) == duration.total_seconds()


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300))
def test_a_finite_number_is_seconds_already(number: float) -> None:
    assert seconds("timeout_s", number) == float(number)
    assert isinstance(seconds("timeout_s", number), float)


@pytest.mark.parametrize(
    "value", [True, False, "2", "2s", None, math.nan, math.inf, -math.inf, 10**400, [1], 1j]
)
def test_r04_what_is_no_finite_duration_is_refused_with_field_and_value(value: object) -> None:
    with pytest.raises(PolicyError) as caught:
        seconds("retry.timeout_per_attempt_s", value)

    assert (caught.value.field, caught.value.value) == ("retry.timeout_per_attempt_s", value)


def test_only_ints_and_floats_that_end_are_numbers() -> None:
    assert [is_finite_number(x) for x in (1, -2.5, 10**300)] == [True] * 3
    assert [is_finite_number(x) for x in (True, math.nan, 10**400, "1", None)] == [False] * 5


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("10us", 1e-5),
        (" 3 s ", 3.0),
        ("0s", 0.0),
    ],
)
def test_a_text_with_a_unit_is_a_duration(text: str, expected_s: float) -> None:
    assert parse_duration_s("timeout", text) == expected_s


@pytest.mark.parametrize(
    "text", ["", "5", "ms", "-1s", "1e3s", "٣s", "1 day", "1s 2ms", "nan s", f"{10**400}s"]
)
def test_a_text_without_a_number_and_one_unit_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="a number of 0 or more with a unit"):
        parse_duration_s("timeout", text)
