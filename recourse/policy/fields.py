"""The one table of policy fields.

A block of a policy is a dataclass whose fields are declared with the constructors below; what they
say (bounds, unit, choices, meaning) is read back with :func:`table`. Checking, clamping, parsing,
JSON Schema, lint and the reference page all walk that table, so there is no second list.
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from recourse.duration import is_finite_number, seconds as duration_s
from recourse.errors import PolicyError

__all__ = [
    "Field",
    "Given",
    "Kind",
    "OptionalSeconds",
    "Seconds",
    "block",
    "check_block",
    "checked",
    "choice",
    "count",
    "flag",
    "number",
    "ref",
    "seconds",
    "table",
    "text",
]

_META: Final = "recourse.field"


Held_co = TypeVar("Held_co", covariant=True)
Accepted_contra = TypeVar("Accepted_contra", contravariant=True)


class Given(Protocol[Held_co, Accepted_contra]):
    """For type checkers: a field that accepts more than it holds, as a ``timedelta`` for seconds.

    It is written where a field is annotated and never built; the two methods are how a type
    checker learns the two types.
    """

    def __get__(self, instance: object, owner: type | None = None) -> Held_co:
        """What reading the field gives."""
        ...

    def __set__(self, instance: object, value: Accepted_contra) -> None:
        """What may be given for it."""
        ...


Seconds: TypeAlias = Given[float, float | timedelta]
OptionalSeconds: TypeAlias = Given[float | None, float | timedelta | None]


class Kind(StrEnum):
    """What a field holds."""

    COUNT = "count"
    NUMBER = "number"
    SECONDS = "seconds"
    FLAG = "flag"
    CHOICE = "choice"
    TEXT = "text"
    BLOCK = "block"
    REF = "ref"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a policy field may hold, and what it means.

    Attributes:
        name: The attribute's name; durations end in ``_s``.
        kind: What it holds.
        default: What stands there when nothing is given.
        low: Least value, included.
        high: Greatest value, included.
        optional: ``None`` is a value of its own ("off", or "derived").
        choices: For a closed set, its members; for a name, those that are always there.
        block: For a block, its class; for a reference, the class it becomes.
        doc: One sentence for people.
    """

    name: str
    kind: Kind
    default: Any
    doc: str
    low: float | None = None
    high: float | None = None
    optional: bool = False
    choices: tuple[str, ...] = ()
    block: type = object

    @property
    def allowed(self) -> str:
        """What the field accepts, as a phrase for an error."""
        bounds = f" from {self.low:g} to {self.high:g}" if self.high is not None else ""
        return _ALLOWED[self.kind].format(
            bounds=bounds, choices=", ".join(self.choices), block=self.block.__name__
        )


def _declare(kind: Kind, default: Any, doc: str, **facts: Any) -> Any:
    meta = {"kind": kind, "default": default, "doc": doc, **facts}
    return dataclasses.field(default=default, metadata={_META: meta})


def count(default: int | None, low: int, high: int, doc: str) -> Any:
    """A whole number of things; a default of ``None`` makes it optional."""
    return _declare(Kind.COUNT, default, doc, low=low, high=high, optional=default is None)


def number(default: float | None, low: float, high: float, doc: str) -> Any:
    """A ratio or factor; a default of ``None`` makes it optional."""
    return _declare(Kind.NUMBER, default, doc, low=low, high=high, optional=default is None)


def seconds(default: float | None, low: float, high: float | None, doc: str) -> Any:
    """A duration, given as seconds or ``timedelta``; a default of ``None`` makes it optional."""
    return _declare(Kind.SECONDS, default, doc, low=low, high=high, optional=default is None)


def flag(*, default: bool | None, doc: str) -> Any:
    """Yes or no; a default of ``None`` makes it optional."""
    return _declare(Kind.FLAG, default, doc, optional=default is None)


def choice(default: str, choices: type[StrEnum], doc: str) -> Any:
    """One word of a closed set."""
    words = tuple(word.value for word in choices)
    return _declare(Kind.CHOICE, choices(default), doc, choices=words)


def text(default: str, doc: str, choices: tuple[str, ...] = ()) -> Any:
    """A name; ``choices`` are always there, and a program may register others."""
    return _declare(Kind.TEXT, default, doc, choices=choices)


def ref(target: type, doc: str) -> Any:
    """Something named, as its name or as a ``target``; ``None`` means none."""
    return _declare(Kind.REF, None, doc, optional=True, block=target)


def block(kind: type, doc: str) -> Any:
    """A block of further fields; ``None`` means that nothing was given."""
    return _declare(Kind.BLOCK, None, doc, optional=True, block=kind)


def table(kind: type) -> tuple[Field, ...]:
    """The fields of one block, in the order of their declaration."""
    return _table(kind)


@functools.cache
def _table(kind: Any) -> tuple[Field, ...]:  # a class; type checkers hold it for unhashable
    declared = ((each.name, each.metadata.get(_META)) for each in dataclasses.fields(kind))
    return tuple(Field(name=name, **meta) for name, meta in declared if meta is not None)


def checked(path: str, field: Field, value: Any) -> Any:
    """The value as the field's type; bounds are not looked at, that is normalisation's work.

    ``None`` passes: it is a value of an optional field, and elsewhere it means "not given".

    Raises:
        PolicyError: The value is of another kind: NaN, a text for a number, an unknown word.
    """
    if value is None:
        return None
    if field.kind is Kind.SECONDS:
        return duration_s(path, value)
    if not _ACCEPTS[field.kind](field, value):
        raise PolicyError(path, value, field.allowed)
    if field.kind is Kind.NUMBER:
        return float(value)
    if field.kind is Kind.CHOICE:
        return type(field.default)(value)
    return field.block(value) if field.kind is Kind.REF and isinstance(value, str) else value


def check_block(block: object, name: str) -> None:
    """Bring every field of a frozen block to its own type.

    Raises:
        PolicyError: A value is of the wrong kind; names block and field.
    """
    for field in table(type(block)):
        path = f"{name}.{field.name}" if name else field.name
        used = checked(path, field, getattr(block, field.name))
        object.__setattr__(block, field.name, used)


_ALLOWED: Final = {
    Kind.COUNT: "a whole number{bounds}",
    Kind.NUMBER: "a finite number{bounds}",
    Kind.SECONDS: "seconds{bounds}",
    Kind.FLAG: "true or false",
    Kind.CHOICE: "one of {choices}",
    Kind.TEXT: "a name",
    Kind.BLOCK: "a {block} or None",
    Kind.REF: "a {block} or the name of a budget",
}

_ACCEPTS: Final[dict[Kind, Callable[[Field, Any], bool]]] = {
    Kind.COUNT: lambda _, value: isinstance(value, int) and not isinstance(value, bool),
    Kind.NUMBER: lambda _, value: is_finite_number(value),
    Kind.FLAG: lambda _, value: isinstance(value, bool),
    Kind.CHOICE: lambda field, value: isinstance(value, str) and value in field.choices,
    Kind.TEXT: lambda _, value: isinstance(value, str),
    Kind.BLOCK: lambda field, value: isinstance(value, field.block),
    Kind.REF: lambda field, value: isinstance(value, field.block | str),
}
