"""Finds card numbers among digits: by how they are written, and by their check digit."""

import re
from typing import Final

__all__ = ["card_numbers"]

# A blank that was percent-encoded ends in digits that are none of the number's.
_TOKEN: Final = re.compile(r"%(?:25){0,3}20|(?P<digits>\d+)")
_BETWEEN: Final = re.compile(r"[^\S\r\n]{1,3}|[+\u2010-\u2015-]|%(?:25){0,3}20")
_MOST_GROUPS: Final = 6
_FIRST: Final = range(2, 7)
_LENGTHS: Final = range(13, 20)
_LEAST_FIRST: Final = 4
_LEAST_LATER: Final = 3
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # sum of the digits of twice a digit


def card_numbers(text: str) -> list[tuple[int, int]]:
    """Where card numbers begin and end in a text; they begin and end with groups of digits."""
    groups = [match.span() for match in _TOKEN.finditer(text) if match["digits"]]
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(groups):
        taken = _taken(text, groups[at : at + _MOST_GROUPS])
        if taken:
            found.append((groups[at][0], groups[at + taken - 1][1]))
        at += taken or 1
    return found


def _taken(text: str, groups: list[tuple[int, int]]) -> int:
    """How many of the groups, from the first, are one card number; 0: none are."""
    first = groups[0][0]
    if text[max(0, first - 1) : first] == ".":  # a fraction
        return 0
    digits, taken, before = "", 0, first
    for count, (start, end) in enumerate(groups, 1):
        if count > 1 and not _goes_on(text[before:start], len(digits) // (count - 1), end - start):
            break
        digits, before = digits + text[start:end], end
        if len(digits) in _LENGTHS and _is_card(digits):
            taken = count
    return taken


def _goes_on(between: str, usual: int, length: int) -> bool:
    """Whether a group belongs to those before it, which have so many digits each."""
    if between == ".":  # fractions have points as well, so all groups must have four digits
        return usual == length == _LEAST_FIRST
    return (
        length >= _LEAST_LATER and usual >= _LEAST_FIRST and _BETWEEN.fullmatch(between) is not None
    )


def _is_card(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn)."""
    turned = [int(digit) for digit in reversed(digits)]
    total = sum(turned[::2]) + sum(_DOUBLED[digit] for digit in turned[1::2])
    return turned[-1] in _FIRST and total % 10 == 0
