"""A small search for better policies: few failed calls against little load, each with its risk.

Nothing is applied. Each suggestion names what it rests on, and what it would have cost in the quiet
part of the same archive.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from recourse.policy.model import EffectivePolicy
from recourse_observe.whatif.answer import Row, Suggestion
from recourse_observe.whatif.candidate import Candidate, edited
from recourse_observe.whatif.export import as_toml
from recourse_observe.whatif.model import Grounds, model_rows
from recourse_observe.whatif.process import Rules
from recourse_observe.whatif.runs import Runner, Scene, Task, carry_out

__all__ = ["edit_lists", "pareto", "suggestions", "toml_of"]

_MOST: Final = 4
_BUDGET: Final = (
    "retry.budget=suggested",
    "budgets.suggested.kind=retry_ratio",
    "budgets.suggested.ratio=0.1",
    "budgets.suggested.min_retries_per_s=1",
)
_BREAKER: Final = ("circuit.kind=failure_rate", "circuit.cooldown_s=5")
_EVIDENCE: Final = frozenset({"failed_calls", "attempts", "time_to_recovery"})
_RISK_ROWS: Final = ("failed_calls", "attempts_per_call", "latency_p99")


def edit_lists(policy: EffectivePolicy) -> list[tuple[str, ...]]:
    """What is tried, one change or two at a time."""
    retry = policy.retry
    tried: list[tuple[str, ...]] = [
        (f"retry.max_attempts={most}",) for most in (1, 2, 3, 4) if most != retry.max_attempts
    ]
    if retry.budget is None:
        tried += [_BUDGET, ("retry.max_attempts=3", *_BUDGET)]
    if str(retry.jitter) == "none":
        tried.append(("retry.jitter=full",))
    if not policy.circuit.enabled:
        tried.append(_BREAKER)
    if policy.hedge.enabled:
        tried += [
            ("hedge.enabled=false",),
            (f"hedge.hedge_delay_s={2 * policy.hedge.hedge_delay_s:g}",),
        ]
    if retry.timeout_per_attempt_s is not None:
        tried.append((f"retry.timeout_per_attempt_s={2 * retry.timeout_per_attempt_s:g}",))
    return tried


def suggestions(
    grounds: Grounds,
    scene: Scene,
    policies: Sequence[EffectivePolicy],
    rules: Callable[[Candidate | None], Rules],
    run: Runner,
) -> tuple[Suggestion, ...]:
    """The policies of the search that nothing tried beats in both failed calls and load.

    Args:
        grounds: What answers rest on.
        scene: The calls of the record.
        policies: Those that were in force.
        rules: Makes the rules of a candidate; of ``None``, those that were in force.
        run: Carries out runs.
    """
    found: list[tuple[Candidate, tuple[Row, ...]]] = []
    for edits in edit_lists(policies[0]):
        candidate = edited(policies, edits)
        followed = rules(candidate)
        rows = model_rows(grounds, run(grounds.tasks(followed)), followed)
        found.append((candidate, rows))
    points = [(_of(rows, "failed_calls"), _of(rows, "attempts")) for _, rows in found]
    now = (float(grounds.recorded.failed), float(grounds.recorded.attempts))
    best = [found[place] for place in pareto(points, now)][:_MOST]
    return tuple(_suggestion(grounds, scene, rules, *one) for one in best)


def pareto(points: Sequence[tuple[float, float]], now: tuple[float, float]) -> list[int]:
    """Places of the points that no other beats in both numbers, the least of the first number first.

    What is no better than now in either is left out.
    """
    chosen = []
    for place, (failed, load) in enumerate(points):
        beaten = any(
            other[0] <= failed and other[1] <= load and other != (failed, load) for other in points
        )
        twin = (failed, load) in points[:place]
        better = failed < 0.98 * now[0] or (load < 0.98 * now[1] and failed <= 1.02 * now[0])
        if better and not beaten and not twin:
            chosen.append(place)
    return sorted(chosen, key=lambda place: points[place])


def _of(rows: Sequence[Row], name: str) -> float:
    return next(row.candidate or 0.0 for row in rows if row.name == name)


def _suggestion(
    grounds: Grounds,
    scene: Scene,
    rules: Callable[[Candidate | None], Rules],
    candidate: Candidate,
    rows: tuple[Row, ...],
) -> Suggestion:
    quiet = _quiet_rows(grounds, scene, rules, candidate)
    risk = _risk(quiet)
    return Suggestion(
        edits=candidate.edits,
        rows=rows,
        quiet_rows=quiet,
        risk=risk,
        toml=toml_of(candidate, rows, risk),
    )


def _quiet_rows(
    grounds: Grounds, scene: Scene, rules: Callable[[Candidate | None], Rules], candidate: Candidate
) -> tuple[Row, ...]:
    """The candidate on the calls before the incident, at the dependency without its troubles."""
    record = grounds.record
    until_s = record.onset_s - 5.0
    calls = tuple(arrival for arrival in scene.arrivals if arrival.at_s < until_s)
    if not calls:
        return ()
    bare = replace(scene.record, length_s=until_s, onset_s=0.0, end_s=0.0)
    calm = Scene(bare, calls)
    spec = grounds.fitted.fittings[0].dependency
    before, after = (carry_out(calm, Task(spec, rules(one))) for one in (None, candidate))
    rested = replace(grounds, recorded=before.measured, before=(before,), apart=(0.0,))
    return tuple(
        row for row in model_rows(rested, [after], rules(candidate)) if row.name in _RISK_ROWS
    )


def _risk(rows: Sequence[Row]) -> str:
    found = {row.name: row for row in rows}
    failed = found.get("failed_calls")
    if failed is None:
        return "the archive has no quiet part before the incident to try it on"
    was, made = failed.recorded or 0.0, failed.candidate or 0.0
    slow = found["latency_p99"]
    return (
        f"in quiet {made:.0f} calls would fail where {was:.0f} do, and the 99th percentile of "
        f"latency would be {(slow.candidate or 0.0) * 1000:.0f} ms where it is "
        f"{(slow.recorded or 0.0) * 1000:.0f} ms"
    )


def toml_of(candidate: Candidate, rows: Sequence[Row], risk: str) -> str:
    """The candidate as a policy file, with the evidence as comments."""
    evidence = (
        f"{row.name}: {row.recorded:.4g} recorded, {row.candidate or 0.0:.4g} modelled "
        f"({row.low or 0.0:.4g} to {row.high or 0.0:.4g})"
        for row in rows
        if row.name in _EVIDENCE
    )
    said = "Suggested by recourse whatif; nothing is applied by itself."
    return as_toml(candidate, (said, "", *evidence, f"risk: {risk}"))
