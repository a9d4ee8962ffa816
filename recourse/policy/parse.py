"""Reading policies from plain data: what TOML, JSON and YAML give.

A document is a table with these parts, each of them optional::

    [policies."payments.Charge"]          one table per key
    idempotent = true                     fields of the policy itself
    retry.max_attempts = 4                fields of its blocks: retry, hedge, circuit
    retry.timeout_per_attempt = "2s"      a duration says its unit …
    retry.overall_timeout_s = 5           … or its key ends in _s
    retry.budget = "payments"             a budget by name, or { name = "payments", cost = 2 }
    hedge = {}                            a block that is there is enabled

    [default]                             followed by every other key
    [fallback]                            followed when a policy cannot be had
    [budgets.payments]                    a budget: its kind and the parameters of that
    kind = "token_bucket"
    capacity = 50
    refill_per_s = 5

``$schema`` is for editors. Values out of bounds are no mistake here: normalising clamps them and
tells. Everything else that is wrong is collected and raised together.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from recourse.duration import is_finite_number, parse_duration_s
from recourse.errors import PolicyError
from recourse.policy import fields
from recourse.policy.budgets import mistakes
from recourse.policy.fields import Field, Kind
from recourse.policy.lines import Lines
from recourse.policy.model import Policy
from recourse.policy.problems import PolicyFileError, Problem, suggestion

__all__ = ["PolicyFile", "file_names", "parse", "parse_policy"]

SECTIONS: Final = ("budgets", "default", "fallback", "policies")
_FOR_EDITORS: Final = "$schema"
_NEEDED: Final = {"BudgetRef": ("name",)}

Path = tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """What a policy file says.

    Attributes:
        name: The file's name; empty for data without a file.
        policies: One per key, in the order of the file.
        default: Followed by every other key.
        fallback: Followed when a policy cannot be had.
        budgets: Name to kind and parameters, as plain data.
        lines: Where each key stands.
        written: The paths of all keys of the document.
    """

    name: str = ""
    policies: tuple[Policy, ...] = ()
    default: Policy | None = None
    fallback: Policy | None = None
    budgets: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict[str, Mapping[str, Any]]
    )
    lines: Lines = dataclasses.field(default_factory=Lines)
    written: frozenset[Path] = frozenset()

    def policy(self, key: str) -> Policy | None:
        """The key's own policy."""
        return next((policy for policy in self.policies if policy.key == key), None)

    def says(self, section: Path, field: str) -> bool:
        """Whether the file says anything about a field, for example ``retry.max_attempts``."""
        # A budget may be written as nothing but its name.
        named = field.endswith(".name") and self.says(section, field.removesuffix(".name"))
        return named or any(path in self.written for path in _spellings(section, field))

    def without(self, keys: frozenset[str]) -> "PolicyFile":
        """The file without the policies and sections of these names."""
        return dataclasses.replace(
            self,
            policies=tuple(policy for policy in self.policies if str(policy.key) not in keys),
            default=None if "default" in keys else self.default,
            fallback=None if "fallback" in keys else self.fallback,
            budgets={k: v for k, v in self.budgets.items() if f"budgets.{k}" not in keys},
        )

    def line(self, section: Path, field: str = "") -> int | None:
        """The line of a field, or of the nearest table around it."""
        spellings = _spellings(section, field)
        exact = (line for path in spellings if (line := self.lines.known.get(path)) is not None)
        return next(exact, self.lines.of(spellings[0]))


def _spellings(section: Path, field: str) -> tuple[Path, ...]:
    path = (*section, *field.split(".")) if field else section
    return (path, (*path[:-1], path[-1].removesuffix("_s")))


def parse(data: object, *, file: str = "", lines: Lines | None = None) -> PolicyFile:
    """The policies of a whole document.

    Raises:
        PolicyFileError: Something in it is wrong; holds every problem, not only the first.
    """
    reader = _Reader(file, lines or Lines())
    document = reader.table(data, ())
    reader.known(document, (*SECTIONS, _FOR_EDITORS), ())
    policies = reader.table(document.get("policies"), ("policies",))
    budgets = reader.table(document.get("budgets"), ("budgets",))
    read = PolicyFile(
        name=file,
        policies=reader.present(reader.policy(k, v, ("policies", k)) for k, v in policies.items()),
        default=reader.section("default", document),
        fallback=reader.section("fallback", document),
        budgets={name: reader.budget(table, name) for name, table in budgets.items()},
        lines=reader.lines,
        written=frozenset(_paths(document, ())),
    )
    reader.finish(read)
    return read


def parse_policy(key: str, data: object, *, file: str = "") -> Policy:
    """One policy, from a table such as ``[policies."payments.Charge"]`` holds.

    Raises:
        PolicyFileError: Something in it is wrong.
    """
    reader = _Reader(file, Lines())
    policy = reader.policy(key, data, ("policies", key))
    reader.finish()
    return cast("Policy", policy)  # finish() has raised if there is none


def file_names(field: Field) -> tuple[str, ...]:
    """The names of a field in a file: a duration may leave out its unit, the value then has one."""
    if field.kind is Kind.SECONDS:
        return (field.name.removesuffix("_s"), field.name)
    return (field.name,)


def _paths(table: Mapping[str, Any], above: Path) -> Iterator[Path]:
    for name, value in table.items():
        yield (*above, name)
        if isinstance(value, Mapping):
            yield from _paths(cast("Mapping[str, Any]", value), (*above, name))


class _Reader:
    """Reads tables by the field table and collects what is wrong."""

    def __init__(self, file: str, lines: Lines) -> None:
        self.lines = lines
        self._file = file
        self._problems: list[Problem] = []

    def finish(self, read: PolicyFile | None = None) -> None:
        """Raise what was collected, in the order of the file."""
        if self._problems:
            problems = sorted(self._problems, key=lambda problem: problem.line or 0)
            wrong = frozenset(problem.key for problem in problems)
            raise PolicyFileError(problems, None if read is None else read.without(wrong))

    def present(self, found: Iterable[T | None]) -> tuple[T, ...]:
        """Everything that could be read."""
        return tuple(one for one in found if one is not None)

    def section(self, name: str, document: Mapping[str, Any]) -> Policy | None:
        """The policy of one of the sections that stand for other keys."""
        given = document.get(name)
        return None if given is None else self.policy(name, given, (name,))

    def budget(self, given: object, name: str) -> Mapping[str, Any]:
        """A budget's data: a table with a ``kind`` that is known, and its parameters."""
        table = self.table(given, ("budgets", name))
        for wrong in mistakes(table):
            rule = "unknown" if wrong.is_unknown else "wrong_value"
            path = ("budgets", name, wrong.name)
            self._wrong(path, wrong.value, wrong.wrong, wrong.advice, rule=rule)
        return table

    def policy(self, key: object, given: object, path: Path) -> Policy | None:
        """One policy with all its blocks."""
        values = self._fields(Policy, given, path)
        return self._guarded(path, lambda: Policy(cast("str", key), **values))

    def table(self, given: object, path: Path) -> Mapping[str, Any]:
        """A table with texts as keys; nothing given is an empty one."""
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            self._wrong(path, given, "is no table", "write a table of names and values")
            return {}
        table = cast("Mapping[object, Any]", given)
        for name in table:
            if not isinstance(name, str):
                self._wrong(path, name, "is no text", "put the name in quotes")
        return {name: value for name, value in table.items() if isinstance(name, str)}

    def known(self, table: Mapping[str, Any], names: Iterable[str], path: Path) -> None:
        """Complain about every name that is not one of ``names``."""
        for name in table:
            if name not in names:
                advice = suggestion(name, names)
                self._wrong((*path, name), None, "is not known", advice, rule="unknown")

    def _fields(self, kind: type, given: object, path: Path) -> dict[str, Any]:
        table = self.table(given, path)
        declared = list(fields.table(kind))
        self.known(table, [name for field in declared for name in file_names(field)], path)
        values: dict[str, Any] = {}
        for field in declared:
            written = [name for name in file_names(field) if name in table]
            for name in written:
                values[field.name] = self._value(field, table[name], (*path, name))
            if len(written) > 1:
                advice = f"keep one of {' and '.join(written)}"
                self._wrong((*path, written[-1]), table[written[-1]], "is given twice", advice)
        return values

    def _value(self, field: Field, given: object, path: Path) -> Any:
        if given is None:
            return None
        if field.kind is Kind.BLOCK or (field.kind is Kind.REF and not isinstance(given, str)):
            return self._block(field.block, given, path)
        if field.kind is Kind.SECONDS:
            return self._seconds(field, given, path)
        if field.kind is Kind.CHOICE and given not in field.choices:
            self._wrong(path, given, "is not allowed", suggestion(given, field.choices))
            return None
        return self._guarded(path, lambda: fields.checked("", field, given), given)

    def _block(self, kind: type, given: object, path: Path) -> Any:
        values = self._fields(kind, given, path)
        if not isinstance(given, Mapping):
            return None
        for name in _NEEDED.get(kind.__name__, ()):
            if not values.get(name):
                self._wrong((*path, name), None, "is missing", f"name the {path[-1]}")
        return self._guarded(path, lambda: kind(**values))

    def _seconds(self, field: Field, given: object, path: Path) -> float | None:
        if isinstance(given, str):
            return self._guarded(path, lambda: parse_duration_s("", given), given)
        if not is_finite_number(given):
            advice = "use a finite number of seconds, or a text such as '250ms'"
            self._wrong(path, given, "is not allowed", advice)
            return None
        if path[-1] != field.name:
            advice = f"give it a unit, for example '{given}s', or write {field.name} = {given}"
            self._wrong(path, given, "could be seconds or milliseconds", advice)
            return None
        return float(given)

    def _guarded(self, path: Path, make: Callable[[], T], given: object = None) -> T | None:
        try:
            return make()
        except PolicyError as error:
            value = error.value if given is None else given
            self._wrong(path, value, "is not allowed", f"use {error.allowed}")
            return None

    def _wrong(
        self, path: Path, value: object, wrong: str, advice: str, *, rule: str = "wrong_value"
    ) -> None:
        head = 2 if path[:1] in {("policies",), ("budgets",)} else 1
        key = ".".join(path[:head]) if path[:1] != ("policies",) else ".".join(path[1:head])
        self._problems.append(
            Problem(
                file=self._file,
                line=self.lines.of(path),
                rule=rule,
                key=key,
                field=".".join(path[head:]),
                value=value,
                wrong=wrong,
                advice=advice,
            )
        )
