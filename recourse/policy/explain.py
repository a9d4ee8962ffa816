"""Where each value of a policy comes from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from recourse.errors import PolicyNotFoundError
from recourse.policy.environment import DISABLE, MAX_ATTEMPTS, Environment
from recourse.policy.model import EffectivePolicy
from recourse.policy.normalize import Change, Why
from recourse.policy.parse import PolicyFile
from recourse.policy.values import values

__all__ = ["ExplainedValue", "Explanation", "Origin", "explain"]

_NO_CHANGE: Final = Change("", None, None, Why.DEFAULT)
_PLAIN: Final = Environment()


class Origin(StrEnum):
    """What gave a value."""

    FILE = "file"
    DEFAULT = "default"
    CLAMPED = "clamped"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedValue:
    """One value that a call follows, and where it comes from.

    Attributes:
        path: Dotted path, for example ``retry.max_attempts``.
        value: What is followed.
        origin: What gave it.
        place: ``file:line`` for what is written in a file, the variable for the environment.
        given: What was written, where something else is followed.
        why: Why something else is followed, as normalising says it.
    """

    path: str
    value: Any  # whatever the field holds
    origin: Origin
    place: str = ""
    given: Any = None
    why: Why | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The policy that a key's calls follow, value by value.

    Attributes:
        key: The key that was asked for.
        policy: What is followed.
        section: Where it is written: ``policies.KEY`` or ``default``.
        values: Every value, in the order of the fields.
    """

    key: str
    policy: EffectivePolicy
    section: str
    values: tuple[ExplainedValue, ...]


def explain(file: PolicyFile, key: str, environment: Environment = _PLAIN) -> Explanation:
    """The policy of a key under a policy file and an environment.

    Raises:
        PolicyNotFoundError: The file has no policy for the key, and no default.
    """
    section: tuple[str, ...] = ("policies", key)
    policy = file.policy(key)
    if policy is None:
        policy, section = file.default, ("default",)
    if policy is None:
        raise PolicyNotFoundError(key)
    used = policy.normalize("file")
    return Explanation(
        key=key,
        policy=environment.applied(used),
        section=".".join(section),
        values=_explained(file, section, used, environment),
    )


def _explained(
    file: PolicyFile, section: tuple[str, ...], used: EffectivePolicy, environment: Environment
) -> tuple[ExplainedValue, ...]:
    normal, final = values(used), values(environment.applied(used))
    changes = {change.path: change for change in used.normalization.changes}
    return tuple(
        _of_environment(path, normal[path], value, environment)
        if value != normal[path]
        else _of_file(file, section, value, changes.get(path, _NO_CHANGE), path)
        for path, value in final.items()
    )


def _of_environment(path: str, given: Any, value: Any, environment: Environment) -> ExplainedValue:
    variable = DISABLE if environment.disabled else MAX_ATTEMPTS
    return ExplainedValue(
        path=path, value=value, origin=Origin.ENVIRONMENT, place=variable, given=given
    )


def _of_file(
    file: PolicyFile, section: tuple[str, ...], value: Any, change: Change, path: str
) -> ExplainedValue:
    clamped = change.why is not Why.DEFAULT
    if not clamped and not file.says(section, path):
        return ExplainedValue(path=path, value=value, origin=Origin.DEFAULT)
    line = file.line(section, path)
    return ExplainedValue(
        path=path,
        value=value,
        origin=Origin.CLAMPED if clamped else Origin.FILE,
        place=file.name if line is None else f"{file.name}:{line}",
        given=change.given if clamped else None,
        why=change.why if clamped else None,
    )
