"""What could be changed, at a glance: what is counted in a moment, and the names of what only a model tells.

Fewer attempts leave a prefix of what was recorded, which one query counts. A budget, a breaker or jitter takes
the whole record and a simulation: minutes, so they are named here and asked on demand.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from recourse_observe.queries.followed import every_followed
from recourse_observe.scope import EVERYTHING
from recourse_observe.story.actions import Action
from recourse_observe.whatif.answer import Edit, Kind, Row, Suggestion
from recourse_observe.whatif.prefix import Prefix, prefix_rows
from recourse_observe.whatif.scene import around

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope
    from recourse_observe.story.asked import Span
    from recourse_observe.story.findings import Incident

__all__ = ["Glance", "glance", "of_search"]

_FEW: Final = (2, 1)
"""How many attempts are tried."""
_MODELLED: Final[Mapping[Action, str]] = {
    Action.ENABLE_BUDGET: "budget 10%",
    Action.ENABLE_CIRCUIT: "breaker",
    Action.ENABLE_JITTER: "full jitter",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One change of a key's policy, and what is known of it.

    Attributes:
        name: What is changed, for a person.
        kind: ``EXACT``: the load is counted, and no more calls are lost than that where less load
            cannot harm. ``MODEL``: both are what a simulation says, or not known before one runs.
        load: Attempts of those that were made, less one: -0.25 is a quarter fewer.
        lost: Calls.
    """

    name: str
    kind: Kind
    load: float | None = None
    lost: int | None = None


def glance(archive: "Archive", incident: "Incident", span: "Span") -> tuple[Glance, ...]:
    """The changes that are worth asking about, on the incident's first key.

    Args:
        archive: An open archive.
        incident: What is asked about.
        span: The same incident as it was found.
    """
    where = around(incident.id, span)
    scope = EVERYTHING.of(incident.keys[0]).during(where.start_us, where.end_us)
    policies = every_followed(archive, scope)
    most = policies[0].max_attempts if policies else 0
    names = {f"max_attempts {few}": few for few in _FEW if few < most}
    # Where something reacts to outcomes, or not every call is there, nothing is a prefix.
    reacts = any(p.hedge_enabled or p.circuit_enabled or p.budget_name for p in policies)
    if reacts or len(policies) > 1 or archive.coverage().sampled:
        cuts = [Glance(name=name, kind=Kind.MODEL) for name in names]
    else:
        cuts = [_cut(archive, scope, where.onset_us, *one) for one in names.items()]
    modelled = (_MODELLED[action] for action in incident.actions if action in _MODELLED)
    return (*cuts, *(Glance(name=name, kind=Kind.MODEL) for name in modelled))


def of_search(found: Iterable[Suggestion], known: Iterable[Glance]) -> tuple[Glance, ...]:
    """What was counted, then what a search for better policies found, in the same words."""
    counted = (one for one in known if one.kind is Kind.EXACT)
    return (*counted, *map(_searched, found))


def _searched(one: Suggestion) -> Glance:
    return Glance(
        name=" + ".join(dict.fromkeys(_named(one.edits))),
        kind=Kind.MODEL,
        load=_change(one.rows, "attempts"),
        lost=_likely(one.rows, "failed_calls"),
    )


def _cut(archive: "Archive", scope: "Scope", onset_us: int, name: str, most: int) -> Glance:
    (found,) = archive.rows(Prefix, "whatif_prefix", scope, most=most, onset_us=onset_us)
    bound = next(row for row in prefix_rows(found, most) if row.name == "failed_calls")
    return Glance(
        name=name,
        kind=Kind.EXACT,
        load=found.kept / found.attempts - 1 if found.attempts else None,
        lost=round(bound.high or 0),
    )


def _named(edits: Sequence[Edit]) -> Iterator[str]:
    for edit in edits:
        block, _, field = edit.path.partition(".")
        if block == "budgets":
            ratio = edit.after.get("ratio")
            yield "budget" if ratio is None else f"budget {ratio:.0%}"
        elif block == "circuit":
            yield "breaker"
        elif edit.path == "retry.jitter":
            yield f"{edit.after} jitter"
        elif not field.startswith("budget"):
            yield f"{field.removesuffix('_s')} {edit.after}"


def _change(rows: Sequence[Row], name: str) -> float | None:
    row = next(row for row in rows if row.name == name)
    return row.candidate / row.recorded - 1 if row.candidate is not None and row.recorded else None


def _likely(rows: Sequence[Row], name: str) -> int | None:
    row = next(row for row in rows if row.name == name)
    return None if row.candidate is None else round(row.candidate)
