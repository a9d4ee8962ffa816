"""Reading the tables of a policy file by the field table, with everything that is wrong in them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

from recourse.duration import is_finite_number, parse_duration_s
from recourse.errors import PolicyError
from recourse.policy import fields
from recourse.policy.budgets import mistakes
from recourse.policy.fields import Field, Kind
from recourse.policy.lines import Lines
from recourse.policy.model import BudgetRef, Policy
from recourse.policy.problems import Problem, shown, suggestion

__all__ = ["NEEDED", "Reader", "file_names"]

POLICY_FIELDS: Final = tuple(field.name for field in fields.table(Policy))
_TABLE: Final = "write a table of names and values"
_NAME_OR_TABLE: Final = "write the name of a budget, or a table such as { name = 'x', cost = 2 }"
NEEDED: Final[Mapping[type, tuple[str, ...]]] = {BudgetRef: ("name",)}

Path = tuple[str, ...]
T = TypeVar("T")


def file_names(field: Field) -> tuple[str, ...]:
    """The names of a field in a file: a duration may leave out its unit, the value then has one."""
    if field.kind is Kind.SECONDS:
        return (field.name.removesuffix("_s"), field.name)
    return (field.name,)


class Reader:
    """Reads tables by the field table and collects what is wrong.

    Attributes:
        lines: Where each key stands.
        wrong: The sections of what is wrong, for example ``("policies", "payments.Charge")``.
    """

    def __init__(self, file: str, lines: Lines) -> None:
        self.lines: Lines = lines
        self.wrong: set[Path] = set()
        self._file = file
        self._problems: list[Problem] = []

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong so far, in the order of the file."""
        return tuple(sorted(self._problems, key=lambda problem: problem.line or 0))

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

    def table(self, given: object, path: Path, advice: str = _TABLE) -> Mapping[str, Any]:
        """A table with texts as keys; nothing given is an empty one."""
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            self._wrong(path, given, "is no table", advice)
            return {}
        table = cast("Mapping[object, Any]", given)
        for name in table:
            if not isinstance(name, str):
                wrong = f"holds the name {shown(name) or 'null'}, which is no text"
                self._wrong(path, None, wrong, "put the name in quotes")
        return {name: value for name, value in table.items() if isinstance(name, str)}

    def once(self) -> None:
        """Complain about every key that its table has twice."""
        for path, again in self.lines.repeated:
            self._wrong(path, None, f"is given again in line {again}", "keep one of them")

    def known(self, table: Mapping[str, Any], names: Iterable[str], path: Path) -> None:
        """Complain about every name that is not one of ``names``."""
        for name in table:
            if name not in names:
                advice = _unquoted(path, name, table[name]) or suggestion(name, names)
                self._wrong((*path, name), None, "is not known", advice, rule="unknown")

    def _fields(self, kind: type, given: object, path: Path) -> dict[str, Any]:
        table = self.table(given, path, _NAME_OR_TABLE if kind is BudgetRef else _TABLE)
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
        table = cast("Mapping[str, Any]", given)
        for name in NEEDED.get(kind, ()):
            if table.get(name) is None or values.get(name) == "":
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
        self.wrong.add(path[:head])
        is_named = path[:1] == ("policies",) and any(path[1:2])
        key = path[1] if is_named else ".".join(filter(None, path[:head]))
        self._problems.append(
            Problem(
                file=self._file,
                line=self.lines.of(path),
                rule=rule,
                key=key if path else "policy file",
                field=".".join(path[head:]),
                value=value,
                wrong=wrong,
                advice=advice,
            )
        )


def _unquoted(path: Path, name: str, given: object) -> str | None:
    """Advice for ``[policies.payments.Charge]``, whose dots make tables inside tables."""
    if path[:1] != ("policies",) or len(path) != len(("policies", "payments")):
        return None
    if not isinstance(given, Mapping) or given.keys().isdisjoint(POLICY_FIELDS):
        return None
    return f'put the key in quotes: "{path[1]}.{name}"'
