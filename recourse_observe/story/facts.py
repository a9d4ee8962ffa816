"""The facts of an incident: each is a query, its row, and the sentence that follows from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.statements import literal
from recourse_observe.scope import EVERYTHING, Scope
from recourse_observe.story import narrate
from recourse_observe.story.detectors.bad_policy_rollout import changes
from recourse_observe.story.findings import Cause, Fact, Measures, Role
from recourse_observe.story.picture import Picture

__all__ = ["Teller", "looked_at", "measures"]

_ROOTS: Final = {
    Cause.BAD_POLICY_ROLLOUT: "policy",
    Cause.BUDGET_MISSING: "budget",
    Cause.BUDGET_STARVATION: "budget",
    Cause.CALLER_CANCELLATION: "disposition",
    Cause.CIRCUIT_FLAPPING: "breaker",
    Cause.CIRCUIT_STUCK_OPEN: "breaker",
    Cause.CONTROL_PLANE_OUTAGE: "disposition",
    Cause.DEPENDENCY_BROWNOUT: "latency",
    Cause.HEDGE_RUNAWAY: "hedges",
    Cause.LOAD_SURGE: "load",
    Cause.RETRY_STORM: "ours",
    Cause.SINGLE_PROCESS_FAULT: "process",
    Cause.SYNCHRONIZED_RETRIES: "ours",
    Cause.TIMEOUT_TOO_TIGHT: "latency",
}
_ROLES: Final = {
    "breaker": Role.GUARD,
    "budget": Role.GUARD,
    "disposition": Role.IMPACT,
    "end": Role.END,
    "fewer": Role.IMPACT,
    "hedges": Role.OURS,
    "impact": Role.IMPACT,
    "latency": Role.IMPACT,
    "load": Role.IMPACT,
    "others": Role.IMPACT,
    "ours": Role.OURS,
    "policy": Role.SUSPECT,
    "process": Role.IMPACT,
    "reason": Role.IMPACT,
    "worst_minute": Role.IMPACT,
}
_ORDER: Final = (Role.ROOT, Role.SUSPECT, Role.IMPACT, Role.OURS, Role.GUARD, Role.END)
_AROUND_US: Final = 60_000_000
_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Gathers the facts of one incident.

    Attributes:
        scope: From before the incident until after it, every key.
        known: The rows of facts that were asked for already.
    """

    archive: Archive
    known: Mapping[str, Mapping[str, Any] | None]
    picture: Picture
    scope: Scope
    cause: Cause

    def facts(self) -> tuple[Fact, ...]:
        """All facts, the root first."""
        found = list(self._gather())
        return tuple(
            sorted(found, key=lambda fact: (_ORDER.index(fact.role), fact.at_unix_ns or 0))
        )

    def _gather(self) -> Iterator[Fact]:
        onset = self.picture.onset_us
        yield from self._ask("impact", onset)
        yield from self._ask("reason", onset)
        yield from self._ask("latency", onset)
        yield from self._ask("load", onset)
        yield from self._ask("ours", onset)
        yield from self._ask("budget", None, moment="first_denied_us")
        yield from self._ask("breaker", None, moment="first_open_us")
        yield from self._ask("others", onset, affected=list(self.picture.affected))
        yield from self._ask("fewer", onset, affected=list(self.picture.affected))
        if self.picture.end_us - onset > _MINUTE_US:
            yield from self._ask("worst_minute", None, moment="minute_us")
        yield from self._ask("disposition", onset)
        if self.picture.during.hedges or self.picture.before.hedges:
            yield from self._ask("hedges", onset)
        if len(self.picture.instances) > 1:
            yield from self._ask("process", onset, instance=self.picture.worst_instance[0])
        yield from self._policies()
        yield from self._ask("end", self.picture.end_us)

    def _policies(self) -> Iterator[Fact]:
        low = max(self.scope.start_unix_us, self.picture.onset_us - _AROUND_US)
        near = [c for c in changes(self.picture) if low <= c.at_us <= self.picture.end_us]
        versions = dict.fromkeys(change.later.policy_version for change in near)
        for version in versions:
            yield from self._ask(
                "policy",
                None,
                moment="first_us",
                version=version,
                from_us=low,
                to_us=self.picture.end_us + 1,
            )

    def _ask(
        self, kind: str, at_us: int | None, *, moment: str = "", **values: object
    ) -> Iterator[Fact]:
        given = {
            "keys": list(self.picture.keys),
            "onset_us": self.picture.onset_us,
            "offset_us": self.picture.end_us,
        } | values
        sql = literal(f"fact_{kind}", self.scope, **given)
        row = self.known[kind] if kind in self.known else _row(self.archive, sql)
        if row is None:
            return
        at = row.get(moment) if moment else at_us
        yield Fact(
            role=self._role(kind),
            kind=kind,
            at_unix_ns=None if at is None else at * 1_000,
            text=narrate.sentence(kind, row),
            sql=sql,
            values=row,
        )

    def _role(self, kind: str) -> Role:
        root = _ROOTS.get(self.cause, "reason")
        return Role.ROOT if kind == root else _ROLES[kind]


def looked_at(archive: Archive, known: Mapping[str, Mapping[str, Any] | None]) -> tuple[Fact, ...]:
    """What was looked at in an archive as a whole.

    Args:
        archive: What is asked for the rest.
        known: The rows of facts that are known already.
    """
    found = []
    for kind in ("looked", "worst_key", "recorders"):
        sql = literal(f"fact_{kind}", EVERYTHING)
        row = known[kind] if kind in known else _row(archive, sql)
        if row is not None:
            text = narrate.sentence(kind, row)
            found.append(
                Fact(role=Role.LOOKED, kind=kind, at_unix_ns=None, text=text, sql=sql, values=row)
            )
    return tuple(found)


def measures(facts: tuple[Fact, ...], picture: Picture) -> Measures:
    """The numbers of an incident that its headline and the triage show."""
    rows: dict[str, Mapping[str, Any]] = {fact.kind: fact.values for fact in facts}
    impact, ours, latency = rows["impact"], rows["ours"], rows.get("latency", {})
    reason = rows.get("reason", {})
    admitted = ours["admitted_before"]
    return Measures(
        calls=impact["calls"],
        lost=impact["lost"],
        attempts=ours["attempts"],
        retries=ours["retries"],
        rescued=ours["rescued"],
        wasted=ours["wasted"],
        hedges=picture.during.hedges,
        denied=rows["budget"]["denied"],
        rejected=rows["breaker"]["rejected"],
        amplification_before=round(ours["attempts_before"] / admitted, 4) if admitted else 0.0,
        reason=reason.get("reason") or rows.get("disposition", {}).get("disposition") or "",
        reason_share=_share(reason.get("attempts"), reason.get("of_attempts")),
        reason_share_before=_share(reason.get("attempts_before"), reason.get("of_attempts_before")),
        p99_us=latency.get("p99_us"),
        p99_before_us=latency.get("p99_before_us"),
    )


def _share(part: int | None, whole: int | None) -> float:
    return round((part or 0) / whole, 4) if whole else 0.0


def _row(archive: Archive, sql: str) -> dict[str, Any] | None:
    rows = archive.answer(sql).records
    return rows[0] if rows else None
