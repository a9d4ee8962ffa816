"""`recourse policy`: policy files checked, explained and compared. Nothing is called, no archive is read."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, assert_never

import click

from recourse.budget.kinds import out_of_bounds
from recourse.duration import is_finite_number
from recourse.errors import PolicyNotFoundError
from recourse.policy.diff import diff as policy_diff
from recourse.policy.environment import POLICY_FILE, Environment
from recourse.policy.explain import ExplainedValue, Explanation, Origin, explain as explained
from recourse.policy.lint import lint as unwise
from recourse.policy.load import load
from recourse.policy.model import EffectivePolicy
from recourse.policy.parse import PolicyFile
from recourse.policy.problems import PolicyFileError, Problem, shown, suggestion
from recourse.policy.schema import schema as json_schema
from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import warn
from recourse_observe.cli.output import write_json, write_lines
from recourse_observe.text import plural, printable, table

__all__ = ["policy"]

_MISTAKE: Final = "mistake"
_UNWISE: Final = "unwise"
_FILE: Final = click.Path(exists=True, dir_okay=False)
_AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group()
def policy() -> None:
    """Check, explain and compare policy files; nothing is called."""


# ---------------------------------------------------------------- lint


@policy.command(short_help="Mistakes, and what is unwise.")
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE…")
@click.option("--strict", is_flag=True, help="Take what is unwise for a mistake.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when anything was found.")
@_AS_JSON
def lint(*, files: Sequence[str], strict: bool, exit_code: bool, as_json: bool) -> int:
    """Tell the mistakes in FILE, and what is unwise.

    A mistake keeps a file from being followed: it exits with 1 even without --exit-code.
    """
    found = [one for path in files for one in _examined(path, strict=strict)]
    mistakes = sum(level == _MISTAKE for level, _ in found)
    if as_json:
        content = [_as_data(level, problem) for level, problem in found]
        write_json("recourse.policy_lint/1", {"files": len(files), "problems": content})
    else:
        write_lines(f"{printable(str(one))} [{level}: {one.rule}]" for level, one in found)
    counted = f"{plural(mistakes, 'mistake')}, {len(found) - mistakes} unwise"
    warn(f"{plural(len(files), 'file')}: {counted if found else 'nothing to complain about'}")
    if exit_code and found:
        return Exit.FOUND
    return Exit.ERROR if mistakes else Exit.OK


def _examined(path: str, *, strict: bool) -> list[tuple[str, Problem]]:
    """What is wrong with a file and what is unwise in it, in the order of its lines."""
    file, mistakes = _read(path)
    found = [(_MISTAKE, problem) for problem in mistakes]
    if file is not None:
        found += [(_MISTAKE if strict else _UNWISE, problem) for problem in unwise(file)]
        found += [(_MISTAKE, problem) for problem in out_of_bounds(file)]
    return sorted(found, key=lambda one: one[1].line or 0)


def _read(path: str) -> tuple[PolicyFile | None, tuple[Problem, ...]]:
    """What a file says, as far as it can be followed, and what is wrong with the rest of it."""
    try:
        return load(path), ()
    except PolicyFileError as wrong:
        return wrong.rest, wrong.problems


def _as_data(level: str, problem: Problem) -> dict[str, Any]:
    return {"level": level, **asdict(replace(problem, value=_plain(problem.value)))}


# ---------------------------------------------------------------- explain


@policy.command(short_help="What calls of a key follow, and why.")
@click.argument("key")
@click.argument("file", required=False, type=_FILE)
@_AS_JSON
def explain(*, key: str, file: str | None, as_json: bool) -> int:
    """Show what calls of KEY follow under FILE, and why.

    RECOURSE_POLICY_FILE stands in for FILE; the other switches of the environment are applied.
    """
    environment = Environment.of(os.environ)
    path = file or environment.policy_file
    if not path:
        message = f"give a policy file, or name it with {POLICY_FILE}"
        raise click.UsageError(message, click.get_current_context())
    found = load(path)
    try:
        explanation = explained(found, key, environment)
    except PolicyNotFoundError:
        warn(_nowhere(key, path, found))
        return Exit.ERROR
    if as_json:
        values = [{**asdict(one), "value": _plain(one.value)} for one in explanation.values]
        facts = {"key": key, "file": path, "section": explanation.section}
        version = explanation.policy.version
        write_json("recourse.policy/1", {**facts, "version": version, "values": values})
    else:
        write_lines(_explanation_lines(explanation, path))
    return Exit.OK


def _nowhere(key: str, place: str, *files: PolicyFile) -> str:
    """What to say of a key that no policy is followed for."""
    keys = [str(one.key) for file in files for one in file.policies]
    advice = suggestion(key, keys) if keys else "no key has one there"
    return f"key {key!r} has no policy in {place}, and there is no [default]; {advice}"


def _explanation_lines(explanation: Explanation, path: str) -> Iterator[str]:
    section = printable(f"[{explanation.section}] of {path}")
    version = explanation.policy.version
    yield f"{printable(explanation.key)} follows {section}, version {version}"
    yield ""
    rows = [[one.path, _shown(one.value), _origin(one)] for one in explanation.values]
    yield from table(["FIELD", "VALUE", "ORIGIN"], rows)


def _origin(one: ExplainedValue) -> str:
    place = printable(one.place)
    match one.origin:
        case Origin.DEFAULT:
            return "default"
        case Origin.FILE:
            return place
        case Origin.CLAMPED:
            return f"{place} says {_shown(one.given)} ({one.why})"
        case Origin.ENVIRONMENT:
            return f"{place} (was {_shown(one.given)})"
        case _:
            assert_never(one.origin)


# ---------------------------------------------------------------- diff


@dataclass(frozen=True, slots=True)
class _Changed:
    """One value that differs between two files; ``None`` means that there is none."""

    key: str
    field: str
    before: Any  # whatever the field holds
    after: Any


@policy.command(short_help="What differs under another file.")
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.option("-k", "--key", "only", metavar="KEY", help="Only what calls of this key follow.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when something differs.")
@_AS_JSON
def diff(*, old: str, new: str, only: str | None, exit_code: bool, as_json: bool) -> int:
    """Show what differs for calls under NEW.

    Effective values are compared: a key without a policy of its own follows [default].
    """
    files = load(old), load(new)
    if only is not None and not any(_followed(file, only) for file in files):
        warn(_nowhere(only, f"{old} and {new}", *files))
        return Exit.ERROR
    changes = list(_changes(*files, only))
    if as_json:
        content = [
            {**asdict(one), "before": _plain(one.before), "after": _plain(one.after)}
            for one in changes
        ]
        write_json("recourse.policy_diff/1", {"differences": content})
    elif changes:
        rows = [
            [printable(one.key), printable(one.field), _shown(one.before), _shown(one.after)]
            for one in changes
        ]
        write_lines(table(["KEY", "FIELD", "BEFORE", "AFTER"], rows))
    warn(plural(len(changes), "difference") if changes else "no difference")
    return Exit.FOUND if exit_code and changes else Exit.OK


def _changes(old: PolicyFile, new: PolicyFile, only: str | None) -> Iterator[_Changed]:
    keys = dict.fromkeys(str(one.key) for file in (old, new) for one in file.policies)
    for key in keys if only is None else (only,):
        yield from _between(key, _followed(old, key), _followed(new, key))
    if only is not None:
        return
    for name in ("default", "fallback"):
        before, after = getattr(old, name), getattr(new, name)
        yield from _between(
            f"[{name}]", before and before.normalize("file"), after and after.normalize("file")
        )
    for name in dict.fromkeys([*old.budgets, *new.budgets]):
        was, now = old.budgets.get(name, {}), new.budgets.get(name, {})
        for field in dict.fromkeys([*was, *now]):
            if was.get(field) != now.get(field):
                yield _Changed(f"budgets.{name}", field, was.get(field), now.get(field))


def _followed(file: PolicyFile, key: str) -> EffectivePolicy | None:
    found = file.policy(key) or file.default
    return None if found is None else found.normalize("file")


def _between(
    key: str, before: EffectivePolicy | None, after: EffectivePolicy | None
) -> Iterator[_Changed]:
    if before is None or after is None:
        if before is not after:
            versions = (None if one is None else one.version for one in (before, after))
            yield _Changed(key, "policy", *versions)
        return
    for one in policy_diff(before, after):
        yield _Changed(key, one.path, one.before, one.after)


# ---------------------------------------------------------------- schema


@policy.command(short_help="The JSON Schema of a policy file.")
def schema() -> int:
    """Print the JSON Schema of a policy file, for editors."""
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return Exit.OK


# ---------------------------------------------------------------- values


def _shown(value: Any) -> str:
    """A value as a cell."""
    match value:
        case None | "":
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return printable(str(value))


def _plain(value: Any) -> Any:
    """A value that JSON has a word for, or its text."""
    has_word = value is None or isinstance(value, bool | str) or is_finite_number(value)
    return value if has_word else shown(value)
