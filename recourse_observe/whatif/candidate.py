"""The candidate: the policies that were in force with edits, or the one of a file."""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from recourse.policy.diff import diff
from recourse.policy.load import load
from recourse.policy.model import EffectivePolicy
from recourse.policy.parse import PolicyFile, parse
from recourse.policy.problems import PolicyFileError, Problem
from recourse_observe.queries.rows import PolicyRow
from recourse_observe.whatif.answer import Edit

__all__ = ["Candidate", "edited", "from_file", "recorded_policy"]

_BLOCKS: Final = ("hedge", "circuit")
_US: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What calls would have followed.

    Attributes:
        policies: One for each policy that was in force, in the same order.
        edits: What differs from the first of those.
        budgets: Kind and parameters of the budgets that it defines, by name.
    """

    policies: tuple[EffectivePolicy, ...]
    edits: tuple[Edit, ...]
    budgets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def recorded_policy(row: PolicyRow) -> EffectivePolicy:
    """The policy that a process applied, as the archive holds it."""
    table = json.loads(row.policy_json)
    if "retry" not in table:
        table = _from_columns(row)
    table = {name: value for name, value in table.items() if name != "key"}
    file = parse({"policies": {row.key: table}})
    return replace(file.policies[0].normalize(row.policy_source), version=row.policy_version)


def _split_edit(text: str) -> tuple[str, Any]:
    """The field and the value of ``field=value``.

    Raises:
        PolicyFileError: It is no such text.
    """
    path, sign, value = text.partition("=")
    if not sign or not path.strip() or not value.strip():
        raise PolicyFileError([_problem(text, "is no edit", "write field=value")])
    try:
        known = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        known = value.strip()
    return path.strip(), known


def edited(policies: Sequence[EffectivePolicy], edits: Iterable[str]) -> Candidate:
    """The policies with edits such as ``retry.max_attempts=2`` or ``budgets.mine.ratio=0.1``.

    Raises:
        PolicyFileError: Fields or values are wrong; holds every problem.
    """
    changes = [_split_edit(text) for text in edits]
    documents = [_edited(policy, changes) for policy in policies]
    file = parse(documents[0], file="")
    made = [parse(document).policies[0] for document in documents]
    return _candidate(policies, tuple(one.normalize("static") for one in made), file)


def from_file(policies: Sequence[EffectivePolicy], path: str) -> Candidate:
    """What a policy file says of the key, in the place of every policy that was in force.

    Raises:
        PolicyFileError: It cannot be followed, or says nothing of the key.
    """
    file, key = load(path), policies[0].key
    found = file.policy(key) or file.default
    if found is None:
        problem = _problem(key, "has no policy in the file", "add one, or a [default]")
        raise PolicyFileError([replace(problem, file=path)])
    used = replace(found.normalize("file"), key=key)
    return _candidate(policies, (used,) * len(policies), file)


def _candidate(
    before: Sequence[EffectivePolicy], after: tuple[EffectivePolicy, ...], file: PolicyFile
) -> Candidate:
    changes = [
        Edit(path=one.path, before=one.before, after=one.after) for one in diff(before[0], after[0])
    ]
    for name, table in file.budgets.items():
        changes.append(Edit(path=f"budgets.{name}", before=None, after=dict(table)))
    return Candidate(policies=after, edits=tuple(changes), budgets=file.budgets)


def _edited(policy: EffectivePolicy, changes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    table = _table(policy)
    document: dict[str, Any] = {"policies": {policy.key: table}, "budgets": {}}
    for path, value in changes:
        *blocks, name = path.split(".")
        inside = document if blocks[:1] == ["budgets"] else table
        for block in blocks:
            inner = inside.get(block)
            if not isinstance(inner, dict):
                # A budget that was only a name becomes a table when a part of it is set.
                inner = inside[block] = {} if inner is None else {"name": inner}
            inside = cast("dict[str, Any]", inner)
        if blocks and blocks[0] in _BLOCKS:
            inside["enabled"] = True
        _forget_twin(inside, name)
        # The word is a value of its own for the jitter only.
        inside[name] = None if value == "none" and name != "jitter" else value
    return document


def _forget_twin(table: dict[str, Any], name: str) -> None:
    """A duration is given once: ``timeout`` and ``timeout_s`` are the same field."""
    table.pop(f"{name}_s", None)
    table.pop(name.removesuffix("_s"), None)


def _table(policy: EffectivePolicy) -> dict[str, Any]:
    blocks = {name: _block(getattr(policy, name)) for name in ("retry", *_BLOCKS)}
    return {**blocks, "idempotent": policy.idempotent, "id": policy.id}


def _block(block: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in block.__dataclass_fields__:
        value = getattr(block, name)
        if name == "budget":
            value = None if value is None else {"name": value.name, "cost": value.cost}
        values[name] = value
    return values


def _from_columns(row: PolicyRow) -> dict[str, Any]:
    """A policy of an archive whose writer kept no document of it."""
    retry = {
        "max_attempts": max(1, row.max_attempts),
        "initial_backoff_s": row.initial_backoff_us / _US,
        "max_backoff_s": row.max_backoff_us / _US,
        "backoff_multiplier": max(1.0, row.backoff_multiplier),
        "jitter": row.jitter or "full",
        "timeout_per_attempt_s": _seconds(row.timeout_per_attempt_us),
        "overall_timeout_s": _seconds(row.overall_timeout_us),
        "budget": row.budget_name or None,
    }
    hedge = {
        "enabled": row.hedge_enabled,
        "max_hedges": max(1, row.max_hedges),
        "hedge_delay_s": _seconds(row.hedge_delay_us) or 0.2,
        "trigger": row.hedge_trigger or "fixed_delay",
        "budget": row.hedge_budget_name or None,
    }
    circuit = {
        "enabled": row.circuit_enabled,
        "kind": row.circuit_kind or "consecutive",
        "threshold": row.circuit_threshold or 5,
        "cooldown_s": _seconds(row.circuit_cooldown_us) or 10.0,
    }
    return {"retry": retry, "hedge": hedge, "circuit": circuit, "id": row.policy_id}


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / _US


def _problem(what: str, wrong: str, advice: str) -> Problem:
    return Problem(
        file="",
        line=None,
        rule="wrong_value",
        key=repr(what),
        field="",
        value=None,
        wrong=wrong,
        advice=advice,
    )
