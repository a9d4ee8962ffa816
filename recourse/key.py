"""Policy keys: the low-cardinality name of an operation class, and the guard that keeps it low."""

import re
from dataclasses import dataclass
from typing import Final, Self

from recourse.errors import KeyCardinalityError, PolicyError

__all__ = ["OVERFLOW_KEY", "PolicyKey", "cardinality_problem", "checked"]

OVERFLOW_KEY: Final = "_overflow"
_LONGEST: Final = 128
_FORBIDDEN: Final = re.compile(r"[/?=:\s]")
_UUID: Final = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE
)
_HEX: Final = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """A key, read as ``namespace.name``: the namespace is the text before the first dot.

    >>> key = PolicyKey.parse("payments.Charge")
    >>> key.namespace, key.name, str(key)
    ('payments', 'Charge', 'payments.Charge')
    """

    text: str

    def __post_init__(self) -> None:
        if not _is_text(self.text):
            field = "key"
            raise PolicyError(field, self.text, "a text that is not empty")

    @classmethod
    def parse(cls, text: "str | PolicyKey") -> Self:
        """The key that ``text`` names; a key passes through."""
        return cls(str(text)) if isinstance(text, PolicyKey) else cls(text)

    @property
    def namespace(self) -> str:
        """The text before the first dot, or nothing."""
        head, dot, _ = self.text.partition(".")
        return head if dot else ""

    @property
    def name(self) -> str:
        """The text after the first dot, or all of it."""
        head, dot, tail = self.text.partition(".")
        return tail if dot else head

    def __str__(self) -> str:
        return self.text


def cardinality_problem(key: str) -> str | None:
    """What makes a key look as if it carried request data, as a phrase; ``None`` when nothing does.

    >>> cardinality_problem("user-service.GetUser")
    >>> cardinality_problem("GET /users/123")
    "has a character that names of operations do not have: ' '"
    """
    if len(key) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if found := _FORBIDDEN.search(key):
        return f"has a character that names of operations do not have: {found[0]!r}"
    if _UUID.search(key):
        return "has a UUID in it"
    for segment in key.split("."):
        if segment.isdigit():
            return f"has a segment of digits only: {segment!r}"
        if _HEX.fullmatch(segment):
            return f"has a hexadecimal segment: {segment!r}"
    return None


def checked(key: str) -> str:
    """The key itself.

    Raises:
        KeyCardinalityError: It looks as if it carried request data.
    """
    if problem := cardinality_problem(key):
        raise KeyCardinalityError(key, problem)
    return key


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
