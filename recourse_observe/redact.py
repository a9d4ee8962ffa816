"""Takes secrets out of texts, by eight rules, so that texts of errors may be kept.

Give :func:`redact` to an executor that captures messages::

    Executor(capture_messages=True, redact=redact)

Rules find what looks like a secret; they cannot know yours. Every rule reads a text once, from left
to right, whatever is in it. Give it texts of bounded length all the same: an executor does.
"""

import re
from collections.abc import Callable
from typing import Final

__all__ = ["MARK", "redact"]

MARK: Final = "[redacted]"

# A value in quotes, or up to what ends a value in a query, a header, a list or a sentence.
_VALUE: Final = r"""(?:"[^"\r\n]*+"?|'[^'\r\n]*+'?|[^\s,;&"'<>(){}\[\]]++)"""
_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|token(?!s)|credentials?|signature"
    r"|(?:api|access|private|account|encryption|signing)[_-]?key|session[_-]?id"
)


_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # sum of the digits of twice a digit


def _is_card(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn)."""
    turned = [int(digit) for digit in reversed(digits)]
    total = sum(turned[::2]) + sum(_DOUBLED[digit] for digit in turned[1::2])
    return total % 10 == 0


def _card(match: re.Match[str]) -> str:
    return MARK if _is_card(re.sub(r"\D", "", match[0])) else match[0]


_RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    # 1. private keys, also when their end was cut off
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END)[\s\S])*+(?:-----END[A-Z -]*+)?"
        ),
        MARK,
    ),
    # 2. user and password of a URL
    (re.compile(r"(://)[^\s/\"'<>]+@"), rf"\1{MARK}@"),
    # 3. headers that carry credentials, to the end of the line or of the quotes
    (
        re.compile(
            r"""(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(["']?\s{0,4}[:=]\s{0,4}["']?)[^"'\r\n]++"""
        ),
        rf"\1\2{MARK}",
    ),
    # 4. bearer tokens and basic credentials
    (re.compile(r"(?i)\b(bearer|basic)\s{1,4}[A-Z0-9._~+/=-]{8,}+"), rf"\1 {MARK}"),
    # 5. JSON web tokens
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+)?"), MARK),
    # 6. tokens that say whose they are
    (
        re.compile(
            r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}+|\bgh[pousr]_[A-Za-z0-9]{20,}+|\bgithub_pat_\w{20,}+"
            r"|\bglpat-[\w-]{16,}+|\bxox[a-z]-[A-Za-z0-9-]{10,}+|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
            r"|\bAIza[\w-]{30,}+|\bnpm_[A-Za-z0-9]{30,}+|\bpypi-[\w-]{20,}+"
        ),
        MARK,
    ),
    # 7. values whose name says that they are secret
    (
        re.compile(
            rf"""(?i)((?:{_NAMES})(?:[_-]\w{{1,20}})?["']?\s{{0,4}}[:=]\s{{0,4}})(?!\[redacted\]){_VALUE}"""
        ),
        rf"\1{MARK}",
    ),
    # 8. card numbers
    (re.compile(r"(?<![\d.])[2-6]\d{3}(?:[ -]?\d){9,15}+(?![\d])"), _card),
)


def redact(text: str) -> str:
    """The text, with ``[redacted]`` in place of what looks like a secret."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
