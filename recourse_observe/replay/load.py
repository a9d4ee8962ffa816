"""From an archive to a replay: every event of a stretch of time, and what held before the first."""

from typing import TYPE_CHECKING, Any, Final

from recourse_observe.replay.state import Budget, Columns, KeyCounts, State
from recourse_observe.replay.timeline import Replay, build
from recourse_observe.scope import ScopeError, instant

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["MOST", "load"]

MOST: Final = 3_000_000
"""Events of one replay at most: they are kept in memory."""


class ArrowEvents:
    """Events as an Arrow table has them."""

    def __init__(self, table: Any) -> None:  # a pyarrow.Table, which has no types
        self._columns = [table.column(name) for name in Columns._fields]
        self._count: int = table.num_rows

    def __len__(self) -> int:
        return self._count

    def part(self, first: int, last: int) -> Columns:
        """Events by number, as columns."""
        count = max(0, min(last, self._count) - first)
        return Columns(*(column.slice(first, count).to_pylist() for column in self._columns))


def load(archive: "Archive", scope: "Scope", *, most: int = MOST) -> Replay:
    """Everything that happened in the time of a scope, of its key or of all.

    Its filter is not applied: a state is that of all calls.

    Raises:
        ScopeError: More than ``most`` events happened.
    """
    scope = archive.within(scope)
    table = archive.ask("replay_events", scope, limit=most + 1)
    if table.num_rows > most:
        last = instant(table.column("at_us")[most - 1].as_py())
        allowed = f"a shorter time: the first {most:,} events end at {last}"
        raise ScopeError(_stretch(scope), "replay of", allowed)
    # The last moment inside, which may be that of the last event.
    end_us = max(scope.start_unix_us, scope.end_unix_us - 1)
    return build(_opening(archive, scope), ArrowEvents(table), end_us)


def _stretch(scope: "Scope") -> str:
    return f"{instant(scope.start_unix_us)}..{instant(scope.end_unix_us)}"


def _opening(archive: "Archive", scope: "Scope") -> State:
    keys: dict[str, KeyCounts] = {}
    budgets: dict[tuple[str, str], Budget] = {}
    breakers: dict[tuple[str, str], str] = {}
    policies: dict[str, str] = {}
    for row in archive.ask("replay_opening", scope).to_pylist():
        key, number = row["policy_key"], row["number"]
        match row["kind"]:
            case "budget":
                budgets[row["word"], row["instance"]] = Budget(
                    number, allowed=True, empty_since_us=None
                )
            case "breaker":
                breakers[key, row["instance"]] = row["word"]
            case "policy":
                policies[key] = row["word"]
            case name:
                keys[key] = keys.get(key, KeyCounts())._replace(**{name: int(number)})
    return State(
        at_us=scope.start_unix_us,
        keys=keys, budgets=budgets, breakers=breakers, policies=policies,
    )  # fmt: skip
