from array import array

import pytest
from hypothesis import given, strategies as st

from recourse_observe.archive.texts import Texts

TEXTS = st.lists(st.none() | st.text(max_size=5))


@given(TEXTS)
def test_texts_come_out_as_they_went_in(values: list[str | None]) -> None:
    texts = Texts.of(values)

    texts.check(len(values))
    assert texts.values() == values
    assert bool(texts.known) is (None in values)


def test_what_cannot_be_utf_8_is_shown_and_not_refused() -> None:
    assert Texts.of(["a\ud800b"]).values() == ["a\\ud800b"]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError):
        Texts.of([7])  # type: ignore[list-item]  # as a caller without types could


@pytest.mark.parametrize(
    ("ends", "data", "known"),
    [
        ([0, 1], b"ab", b""),
        ([0, 2, 1, 3], b"abc", b""),
        ([1, 2, 3], b"abc", b""),
        ([0, 1, 2], b"abc", b""),
        ([0, 1, 2], b"ab", b"xx"),
        ([0, 1, 2], "ä".encode(), b""),  # each has half of it
        ([0, 1, 2], b"\xff\xff", b""),
    ],
)
def test_texts_that_contradict_themselves_are_refused(
    ends: list[int], data: bytes, known: bytes
) -> None:
    with pytest.raises(ValueError, match=r"is none|utf-8"):
        Texts(array("i", ends).tobytes(), data, known).check(2)
