"""Which policy calls followed, of those that were applied one after the other."""

from typing import TYPE_CHECKING, Final

from recourse_observe.queries.console import ask

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import PolicyRow
    from recourse_observe.scope import Scope

__all__ = ["every_followed", "followed"]

_VERSIONS: Final = """
SELECT policy_version FROM calls
WHERE $brush AND policy_version IS NOT NULL
GROUP BY policy_version ORDER BY count(*) DESC, policy_version
"""


def followed(archive: "Archive", scope: "Scope") -> "PolicyRow | None":
    """The policy that most calls of a scope followed, as it was applied last.

    When nobody recorded which one calls followed: the last that was applied before the scope ends.
    """
    applied = _applied(archive, scope)
    most = next(iter(_used(archive, scope, applied)), None)
    return most or (applied[-1] if applied else None)


def every_followed(archive: "Archive", scope: "Scope") -> "tuple[PolicyRow, ...]":
    """The policies that calls of a scope say they followed, the most frequent first."""
    return _used(archive, scope, _applied(archive, scope))


def _applied(archive: "Archive", scope: "Scope") -> "tuple[PolicyRow, ...]":
    return archive.policies(scope.matching("").during(0, scope.end_unix_us))


def _used(
    archive: "Archive", scope: "Scope", applied: "tuple[PolicyRow, ...]"
) -> "tuple[PolicyRow, ...]":
    known = {row.policy_version: row for row in applied}
    versions = ask(archive, _VERSIONS, scope).table.column("policy_version").to_pylist()
    return tuple(known[version] for version in versions if version in known)
