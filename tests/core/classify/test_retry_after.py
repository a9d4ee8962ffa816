from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, strategies as st

from recourse.classify.retry_after import LONGEST_S, header, retry_after_s

NOON_UNIX_NS = 784_123_200 * 10**9  # Sun, 06 Nov 1994 12:00:00 GMT


class MultiDict:
    """Headers as some clients keep them: no Mapping, names and values in bytes."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        yield b"RETRY-AFTER", b" 7 "


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("9" * 5000, LONGEST_S),
        ("999999999", LONGEST_S),
        ("Sun, 06 Nov 1994 12:00:10 GMT", 10.0),
        ("Sunday, 06-Nov-94 12:00:10 GMT", 10.0),
        ("Sun Nov  6 12:00:10 1994", 10.0),
        ("Sun, 06 Nov 1994 11:59:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_S),
    ],
)
def test_r16_seconds_and_the_three_http_dates_are_read(text: str, expected_s: float) -> None:
    assert retry_after_s({"Retry-After": text}, NOON_UNIX_NS) == expected_s


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-5",
        "1.5",
        "٣",
        "soon",
        "5 s",
        "1994-11-06T12:00:10Z",
        "Sun",
        "Sun, 99 Foo 1994 12:00:00 GMT",
        "Sun, 06 Nov 99999999 12:00:00 GMT",
    ],
)
def test_r16_what_is_neither_seconds_nor_a_date_is_not_believed(text: str) -> None:
    assert retry_after_s({"Retry-After": text}, NOON_UNIX_NS) is None


def test_a_date_counts_from_the_responses_own_date() -> None:
    headers = {
        "date": "Sun, 06 Nov 1994 08:00:00 GMT",
        "retry-after": "Sun, 06 Nov 1994 08:00:30 GMT",
    }

    assert retry_after_s(headers, NOON_UNIX_NS) == 30.0


def test_a_date_of_the_response_that_cannot_be_read_is_ignored() -> None:
    headers = {"Date": "yesterday", "Retry-After": "Sun, 06 Nov 1994 12:00:30 GMT"}

    assert retry_after_s(headers, NOON_UNIX_NS) == 30.0


def test_headers_may_be_any_multi_dict_of_texts_or_bytes() -> None:
    assert retry_after_s(MultiDict(), NOON_UNIX_NS) == 7.0


@pytest.mark.parametrize("headers", [None, {}, {"Server": "x"}, "Retry-After: 5", 5])
def test_no_header_gives_nothing(headers: object) -> None:
    assert header(headers, "retry-after") is None
    assert retry_after_s(headers, NOON_UNIX_NS) is None


@given(st.datetimes(min_value=datetime(1995, 1, 1), max_value=datetime(1995, 10, 1)))  # noqa: DTZ001 -- the zone is added below
def test_r16_any_date_gives_the_seconds_until_then(moment: datetime) -> None:
    until = moment.replace(microsecond=0, tzinfo=UTC)

    read_s = retry_after_s({"Retry-After": format_datetime(until, usegmt=True)}, NOON_UNIX_NS)

    assert read_s == until.timestamp() - NOON_UNIX_NS / 1e9


@given(st.text())
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    read_s = retry_after_s({"Retry-After": text}, NOON_UNIX_NS)

    assert read_s is None or 0.0 <= read_s <= LONGEST_S
