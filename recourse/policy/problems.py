"""What is wrong with a policy file, and where: all of it, not the first of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from recourse.errors import PolicyError

if TYPE_CHECKING:
    from recourse.policy.parse import PolicyFile

__all__ = ["PolicyFileError", "Problem", "nearest", "shown", "suggestion"]

_LONGEST_VALUE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, or unwise, in a policy file.

    Attributes:
        file: The file's name as it was given; empty for data without a file.
        line: Its line, 1-based; ``None`` when nobody knows.
        rule: What kind of problem, as a code.
        key: The policy's key, or the table it stands in.
        field: Dotted path inside the policy, for example ``retry.max_attempts``; may be empty.
        value: What was found there.
        wrong: What is wrong with it, as a phrase.
        advice: What is allowed or what to do, as a phrase.
    """

    file: str
    line: int | None
    rule: str
    key: str
    field: str
    value: Any  # whatever the file holds
    wrong: str
    advice: str

    def __str__(self) -> str:
        """``file:line: key field value what is wrong; what to do``."""
        place = ":".join(str(part) for part in (self.file, self.line) if part)
        thing = " ".join(part for part in (self.key, self.field, shown(self.value)) if part)
        return (
            f"{place}: {thing} {self.wrong}; {self.advice}"
            if place
            else (f"{thing} {self.wrong}; {self.advice}")
        )


class PolicyFileError(PolicyError):
    """A policy file, or a document of that shape, that cannot be followed.

    Attributes:
        problems: Everything that is wrong with it, in the order of the file.
        rest: What the file says beside the tables that are wrong, if it could be read at all.
    """

    def __init__(self, problems: Iterable[Problem], rest: "PolicyFile | None" = None) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.rest: PolicyFile | None = rest
        super().__init__("policy file", self.problems, "what its problems say")
        self.args: tuple[object, ...] = (self.problems,)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def shown(value: object) -> str:
    """A value as a person may read it in one line; nothing for ``None``."""
    if value is None:
        return ""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # too deep, or a number of too many digits
        return f"a too large {type(value).__name__}"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def suggestion(word: object, words: Iterable[str]) -> str:
    """``did you mean 'x'``, or what is allowed when nothing is near."""
    known = sorted(words)
    near = nearest(word, known)
    return "use one of " + ", ".join(known) if near is None else f"did you mean {near!r}?"


def nearest(word: object, words: Iterable[str], alike: float = 0.6) -> str | None:
    """The one that may have been meant; ``alike`` is 1.0 for the word itself."""
    import difflib  # wanted only when somebody has made a mistake

    return next(iter(difflib.get_close_matches(str(word), list(words), n=1, cutoff=alike)), None)
