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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from recourse.policy.lines import Lines
from recourse.policy.model import Policy
from recourse.policy.problems import PolicyFileError
from recourse.policy.reader import Reader

__all__ = ["PolicyFile", "parse", "parse_policy"]

SECTIONS: Final = ("budgets", "default", "fallback", "policies")
_FOR_EDITORS: Final = "$schema"
_DEEPEST: Final = len(("policies", "payments.Charge", "retry", "budget", "name"))

Path = tuple[str, ...]


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
        partial: The policies that something is wrong with, by their section; what is wrong is left
            out of them, and they are not among the others.
        partial_budgets: The budgets that something is wrong with, as they are written.
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
    partial: Mapping[Path, Policy] = dataclasses.field(default_factory=dict[Path, Policy])
    partial_budgets: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict[str, Mapping[str, Any]]
    )

    def policy(self, key: str) -> Policy | None:
        """The key's own policy."""
        return next((policy for policy in self.policies if policy.key == key), None)

    def says(self, section: Path, field: str) -> bool:
        """Whether the file says anything about a field, for example ``retry.max_attempts``."""
        # A budget may be written as nothing but its name.
        named = field.endswith(".name") and self.says(section, field.removesuffix(".name"))
        return named or any(path in self.written for path in _spellings(section, field))

    def without(self, wrong: frozenset[Path]) -> "PolicyFile":
        """The file with the policies of these sections set aside, and without such budgets."""
        sections: dict[Path, Policy | None] = {
            ("default",): self.default,
            ("fallback",): self.fallback,
        }
        sections |= {("policies", str(policy.key)): policy for policy in self.policies}
        return dataclasses.replace(
            self,
            partial_budgets={k: v for k, v in self.budgets.items() if ("budgets", k) in wrong},
            partial={at: one for at, one in sections.items() if one and at in wrong},
            policies=tuple(one for one in self.policies if ("policies", one.key) not in wrong),
            default=None if ("default",) in wrong else self.default,
            fallback=None if ("fallback",) in wrong else self.fallback,
            budgets={k: v for k, v in self.budgets.items() if ("budgets", k) not in wrong},
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
    reader = Reader(file, lines or Lines())
    document = reader.table(data, ())
    reader.once()
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
    if reader.problems:
        raise PolicyFileError(reader.problems, read.without(frozenset(reader.wrong)))
    return read


def parse_policy(key: str, data: object, *, file: str = "", lines: Lines | None = None) -> Policy:
    """One policy, from a table such as ``[policies."payments.Charge"]`` holds.

    Raises:
        PolicyFileError: Something in it is wrong.
    """
    section = ("policies", key)
    reader = Reader(file, (lines or Lines()).below(section))
    reader.once()
    policy = reader.policy(key, data, section)
    if policy is None or reader.problems:
        raise PolicyFileError(reader.problems)
    return policy


def _paths(table: Mapping[str, Any], above: Path) -> Iterator[Path]:
    for name, value in table.items():
        yield (*above, name)
        if isinstance(value, Mapping) and len(above) < _DEEPEST:
            yield from _paths(cast("Mapping[str, Any]", value), (*above, name))
