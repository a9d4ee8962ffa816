"""What is asked at a moment: a probe of the state, or a query of one value in which ``$at`` is that moment."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from recourse_observe.replay.probes import Probe, Value, evaluate, parse_probe, shown
from recourse_observe.scope import Scope
from recourse_observe.text import moment

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.replay.timeline import Replay

__all__ = ["Asked", "SqlProbe", "answer", "read_probe", "said"]

_SQL: Final = re.compile(r"\s*(select|with|from)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlProbe:
    """A query; the first column of its first row is the answer."""

    text: str


Asked: TypeAlias = Probe | SqlProbe


def read_probe(text: str) -> Asked:
    """A probe as somebody typed it: SQL, or one of the state.

    Raises:
        ScopeError: It is neither; the text says what would be.
    """
    return SqlProbe(text=text.strip()) if _SQL.match(text) else parse_probe(text)


def answer(asked: Asked, archive: "Archive", scope: Scope, replay: "Replay", at_us: int) -> Value:
    """What is said of one moment; ``None`` when there is nothing to say.

    Args:
        asked: The probe.
        archive: What a query asks.
        scope: What ``$brush`` and ``$key`` mean in it.
        replay: What a probe of the state asks.
        at_us: The moment, ``$at`` in a query.

    Raises:
        QueryError: The query is wrong, or does more than read.
    """
    match asked:
        case Probe():
            return evaluate(asked, replay, at_us)
        case SqlProbe():
            return _queried(asked, archive, scope, at_us)


def said(asked: Asked, value: Value) -> str:
    """A value as a person reads it."""
    if isinstance(asked, Probe):
        return shown(asked, value)
    return "—" if value is None else value if isinstance(value, str) else f"{value:,.6g}"


def _queried(asked: SqlProbe, archive: "Archive", scope: Scope, at_us: int) -> Value:
    from recourse_observe.queries.console import ask  # it brings Arrow

    at: datetime = moment(at_us).replace(tzinfo=None)
    params = {"at": at, "key": scope.key or ""}
    rows = ask(archive, asked.text, scope, params=params, limit=1).table.to_pylist()
    value = next(iter(rows[0].values()), None) if rows else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number or value is None else str(value)
