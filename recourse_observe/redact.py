"""Takes secrets out of texts, by eleven rules, so that texts of errors may be kept.

Give :func:`redact` to an executor that captures messages::

    Executor(capture_messages=True, redact=redact)

Rules find what looks like a secret, also in what was quoted, escaped or percent-encoded on its way
into the text; they cannot know yours. Every rule reads a text once, from left to right, whatever is
in it. Give it texts of bounded length all the same: an executor does.
"""

import re
from collections.abc import Callable
from typing import Final

from recourse_observe.cards import card_numbers

__all__ = ["MARK", "redact"]

MARK: Final = "[redacted]"

# An encoded character, encoded once or several times over.
_PERCENT: Final = r"%(?:25){0,3}"
# Quotes may be escaped (JSON inside of JSON) and belong to bytes; what is in them ends where they do.
_OPEN: Final = r"""b?(?P<quote>\\*["'])"""
_QUOTED: Final = r"""(?:(?!(?P=quote))(?:\\.|[^\r\n\\]))*+"""
_IS: Final = r"""(?:\\*["'])?\s{0,4}(?:=>|[:=])\s{0,4}"""
# A value in quotes, or up to what ends a value in a query, a header, a list or a sentence.
_VALUE: Final = rf"""(?:{_OPEN}{_QUOTED}(?P=quote)?|[^\s,;&"'<>(){{}}\[\]]++)"""
_ENCODED_VALUE: Final = rf"""(?:(?!{_PERCENT}2[267])[^\s&"'<>,;])++"""
# What begins a pair: neither a list of names nor of fields is one.
_PAIR: Final = r"""(?:\(|\[\[|\],\s?\[)b?["']"""
_HEADERS: Final = r"(?<![a-z])(?:proxy-)?(?:authorization|(?:set-)?cookie)"
_NAMES: Final = (
    r"(?:(?:pass(?:word|wd|phrase|code)|pwd|secret|token(?!s)|credentials?|signature"
    r"|(?:api|access|account|private|secret|encryption|signing|subscription)[_-]?key|session[_-]?id)"
    r"(?:[_-]\w{1,20}|(?-i:[A-Z])\w{0,20})?"
    r"|(?<![a-z])(?:pass|sig)(?==)|(?<=[_-])pass|(?<![a-z])(?:otp|jwt|cvv|cvc))"
)
_TOKENS: Final = (
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}+|gh[pousr]_[A-Za-z0-9]{20,}+"
    r"|github_pat_\w{20,}+|glpat-[\w-]{16,}+|xox[a-z]-[A-Za-z0-9-]{10,}+|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|AIza[\w-]{30,}+|npm_[A-Za-z0-9]{30,}+|pypi-[\w-]{20,}+|hf_[A-Za-z0-9]{30,}+"
    r"|do[opr]_v1_[a-f0-9]{40,}+|SG\.[\w-]{16,}\.[\w-]{16,}+|whsec_\w{20,}+|ya29\.[\w-]{20,}+"
    r"|shp(?:at|ca|pa|ss)_\w{20,}+|dckr_pat_[\w-]{20,}+|xapp-[\w-]{10,}+|hvs\.[\w-]{20,}+"
    r"|AGE-SECRET-KEY-\w{20,}+)"
)


def _header(match: re.Match[str]) -> str:
    return f"{match['before']}{match['open'] or ''}{MARK}"


def _cards(match: re.Match[str]) -> str:
    text = match[0]
    for start, end in reversed(card_numbers(text)):
        text = f"{text[:start]}{MARK}{text[end:]}"
    return text


_RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    # 1. private keys, also when their end was cut off
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END)[\s\S])*+(?:-----END[A-Z ]*+-{0,5})?"
        ),
        MARK,
    ),
    # 2. user and password of a URL
    (re.compile(r"(:(?:\\*/){2})[^\s/\"'<>]+@"), rf"\1{MARK}@"),
    # 3. the same, when the URL was part of another
    (
        re.compile(
            rf"""(?i)({_PERCENT}3A(?:{_PERCENT}2F){{2}})(?:(?!{_PERCENT}2F)[^\s/"'<>&])+(@|{_PERCENT}40)"""
        ),
        rf"\1{MARK}\2",
    ),
    # 4. headers that carry credentials, to the end of the quotes, the list or the line
    (
        re.compile(
            rf"""(?i)(?P<before>(?:{_PAIR}{_HEADERS}["'],\s{{0,4}}|{_HEADERS}(?:{_IS}|{_PERCENT}3[AD])))"""
            rf"""(?:(?P<open>{_OPEN}){_QUOTED}|\[[^\]\r\n]*+\]?"""
            rf"""|(?:=\s?"[^"\r\n]*+"?|(?!\\[rn])[^"'\r\n])++)"""
        ),
        _header,
    ),
    # 5. bearer tokens and basic credentials
    (re.compile(r"(?i)\b(bearer|basic)\s{1,4}[A-Z0-9._~+/=-]{8,}+"), rf"\1 {MARK}"),
    # 6. JSON web tokens
    (
        re.compile(
            r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+)?"
        ),
        MARK,
    ),
    # 7. tokens that say whose they are
    (re.compile(_TOKENS), MARK),
    # 8. values whose name says that they are secret
    (
        re.compile(
            rf"""(?i)({_NAMES}{_IS}|--[\w-]{{0,40}}?{_NAMES}\s{{1,4}}(?!-)"""
            rf"""|{_PAIR}[\w-]{{0,40}}?{_NAMES}["'],\s{{0,4}})(?!\[redacted\]){_VALUE}"""
        ),
        rf"\1{MARK}",
    ),
    # 9. the same, percent-encoded
    (
        re.compile(
            rf"(?i)({_NAMES}(?:{_PERCENT}2[27])?{_PERCENT}3[AD](?:{_PERCENT}2[27])?)"
            rf"(?!\[redacted\]){_ENCODED_VALUE}"
        ),
        rf"\1{MARK}",
    ),
    # 10. the same, as elements
    (re.compile(rf"(?i)(<[\w:.-]{{0,40}}?{_NAMES}>)[^<]++"), rf"\1{MARK}"),
    # 11. card numbers
    (re.compile(r"(?<![\d.])\d{4}[\d\s.+%\u2010-\u2015-]{9,}+"), _cards),
)


def redact(text: str) -> str:
    """The text, with ``[redacted]`` in place of what looks like a secret."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
