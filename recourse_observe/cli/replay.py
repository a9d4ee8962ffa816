"""`recourse replay`: what happened, event by event, at the pace at which it did; and the exact state at a moment."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.loads import load_at, load_lines, load_of, loads_document
from recourse_observe.cli.options import Chosen, common, explain, opened, scoped, the_archive, warn
from recourse_observe.cli.output import write_json, write_lines
from recourse_observe.cli.which import incident_option
from recourse_observe.scope import instant, parse_instant
from recourse_observe.story.named import Reference
from recourse_observe.text import clock, count, percent, printable, table, times, zone_name

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.replay.asked import Asked
    from recourse_observe.replay.probes import Probe, Value
    from recourse_observe.replay.state import State
    from recourse_observe.replay.timeline import Event, Replay
    from recourse_observe.scope import Scope
    from recourse_observe.whatif import LoadPoint

__all__ = ["replay"]

_LONGEST_PAUSE_US = 2_000_000
_WINDOW_US = 10_000_000


@click.command()
@click.argument("archive", required=False)
@common
@scoped
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
    help="Archive seconds per second.",
)  # fmt: skip
@click.option("--no-wait", is_flag=True, help="All events at once.")
@click.option("--at", "moment", metavar="TIME", help="The state at this moment instead of events.")
@click.option(
    "--probe", "probes", multiple=True, metavar="WHAT",
    help="For example inflight(k), or a SELECT of one value with $at in it.",
)  # fmt: skip
@click.option("--bisect", "condition", metavar="CONDITION", help="When did it hold: fail>5%")
@click.option(
    "--set", "edits", multiple=True, metavar="FIELD=VALUE",
    help="And the load under a changed policy of -k KEY.",
)  # fmt: skip
@incident_option("Which --set is about:")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Events at most.")
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, without waiting.")
def replay(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    chosen: Chosen,
    speed: float,
    no_wait: bool,
    moment: str | None,
    probes: tuple[str, ...],
    condition: str | None,
    edits: tuple[str, ...],
    incident: Reference | None,
    limit: int | None,
    explained: bool,
    as_json: bool,
) -> int:
    """Play ARCHIVE again: its events with their pauses, or what held at one moment."""
    from recourse_observe.queries.statements import literal
    from recourse_observe.replay.asked import read_probe
    from recourse_observe.replay.load import MOST, load  # it brings DuckDB and Arrow
    from recourse_observe.replay.probes import parse_probe

    asked = [read_probe(text) for text in probes]
    wanted = parse_probe(condition) if condition is not None else None
    with opened(the_archive(archive, other), timeout) as found:
        scope = chosen.scope(found)
        points = load_of(found, scope.key, edits, incident)
        played = load(found, scope)
        if explained:
            explain(literal("replay_events", found.within(scope), limit=MOST))
        known = _Probes(found, scope, played, asked)
        if wanted is not None:
            return _bisect(played, wanted, as_json=as_json)
        if moment is not None:
            at_us = parse_instant(moment, day_unix_us=found.coverage().first_unix_us)
            if not played.start_us <= at_us <= played.end_us:
                ends = (
                    f"{clock(played.start_us)} to {clock(played.end_us)} {zone_name(played.end_us)}"
                )
                warn(
                    f"--at {moment} lies outside of what was recorded, {ends}; the nearest is told"
                )
            _state(played, at_us, known, points, as_json=as_json)
            return Exit.OK
        events = _events(played, _filtered(found, scope))
        shown = list(islice(events, limit)) if limit is not None or as_json else events
        if as_json:
            _document(played, list(shown), points)
        else:
            write_lines(load_lines(points))
            _play(shown, None if no_wait else speed, known)
        if limit is not None and next(events, None) is not None:
            warn(f"the first {count(limit)} events shown; raise --limit for more")
    return Exit.OK


class _Probes:
    """What was asked to be known, at any moment."""

    def __init__(
        self, archive: "Archive", scope: "Scope", played: "Replay", asked: "Sequence[Asked]"
    ) -> None:
        self._archive, self._scope, self._played, self._asked = archive, scope, played, asked

    def values(self, at_us: int) -> "list[tuple[Asked, Value]]":
        """Each probe with its value."""
        from recourse_observe.replay.asked import answer

        place = (self._archive, self._scope, self._played, at_us)
        return [(one, answer(one, *place)) for one in self._asked]

    def told(self, at_us: int) -> list[str]:
        """The same as a person reads it."""
        from recourse_observe.replay.asked import said

        return [
            f"{printable(one.text)} = {printable(said(one, value))}"
            for one, value in self.values(at_us)
        ]


def _filtered(archive: "Archive", scope: "Scope") -> frozenset[str] | None:
    """The calls that the filter chooses; ``None`` without a filter."""
    if not scope.where:
        return None
    return frozenset(archive.ask("member_ids", scope).column("call_id").to_pylist())


def _events(played: "Replay", ids: frozenset[str] | None) -> "Iterator[Event]":
    events = played.events(0, len(played))
    return (event for event in events if ids is None or event.call_id in ids)


def _play(
    events: "Iterator[Event] | Sequence[Event]", speed: float | None, probes: _Probes
) -> None:
    """Write events; between them wait as long as it took, at most two seconds."""
    from recourse.clock import SystemClock

    system, before = SystemClock(), None
    for event in events:
        if speed is not None and before is not None and event.at_us > before:
            pause_us = min((event.at_us - before) / speed, _LONGEST_PAUSE_US)
            system.sleep(pause_us / 1e6, system.mailbox())
        before = event.at_us
        write_lines(["  ".join((_line(event), *probes.told(event.at_us))).rstrip()])


def _line(event: "Event") -> str:
    from recourse_observe.replay.words import told, when

    glyph, about, what, rest = told(event)
    return (
        f"{when(event)} {glyph} {printable(event.key):<22} {printable(event.call_id)[:8]:<8} "
        f"{about:<8} {what:<16} {rest}"
    ).rstrip()


def _document(played: "Replay", events: "Sequence[Event]", points: "Sequence[LoadPoint]") -> None:
    write_json(
        "recourse.replay/1",
        {
            "start": instant(played.start_us),
            "end": instant(played.end_us),
            "markers": [
                {"at": instant(marker.at_us), "label": marker.label} for marker in played.markers
            ],
            "events": [asdict(event) for event in events],
            **loads_document(points),
        },
    )


def _state(
    played: "Replay",
    at_us: int,
    probes: _Probes,
    points: "Sequence[LoadPoint]",
    *,
    as_json: bool,
) -> None:
    state = played.at(at_us)
    if as_json:
        document = _state_document(state, probes.values(at_us))
        write_json("recourse.state/1", {**document, **loads_document(points)})
        return
    before = played.at(at_us - _WINDOW_US)
    rows = []
    for key in played.keys:
        recent = state.key(key).since(before.key(key))
        own = state.key(key)
        rows.append(
            (
                printable(key), percent(recent.failed_share), times(recent.attempts_per_call),
                count(own.attempts_open), count(own.calls_open), state.breaker(key) or "—",
                printable(state.policies.get(key, "—")),
            )
        )  # fmt: skip
    head = ("KEY", "FAIL 10 s", "AMP 10 s", "IN FLIGHT", "OPEN", "BREAKER", "POLICY")
    now = f"{clock(state.at_us, decimals=6)} {zone_name(state.at_us)}"
    write_lines([f"{now}, after {count(state.events)} events", ""])
    write_lines(table(head, rows, right="lrrrrll"))
    for name in dict.fromkeys(name for name, _ in state.budgets):
        write_lines([f"budget {printable(name)}: {_budget(state, name)}"])
    write_lines(probes.told(at_us))
    write_lines(load_at(points, at_us))


def _budget(state: "State", name: str) -> str:
    budget = state.budget(name)
    if budget is None or budget.level is None:
        return "level not recorded"
    since = f", refusing since {clock(budget.empty_since_us)}" if budget.empty_since_us else ""
    return f"{budget.level:,.4g} left{since}"


def _state_document(state: "State", values: "Sequence[tuple[Asked, Value]]") -> dict[str, Any]:
    return {
        "at": instant(state.at_us),
        "events": state.events,
        "keys": {key: counts._asdict() for key, counts in state.keys.items()},
        "budgets": [
            {"name": name, "instance": instance, **budget._asdict()}
            for (name, instance), budget in state.budgets.items()
        ],
        "breakers": [
            {"key": key, "instance": instance, "state": word}
            for (key, instance), word in state.breakers.items()
        ],
        "policies": dict(state.policies),
        "probes": [{"probe": probe.text, "value": value} for probe, value in values],
    }


def _bisect(played: "Replay", condition: "Probe", *, as_json: bool) -> int:
    from recourse_observe.replay.probes import bisect

    found = bisect(condition, played)
    if as_json:
        start, end = found or (None, None)
        write_json(
            "recourse.bisect/1",
            {
                "condition": condition.text,
                "since": None if start is None else instant(start),
                "until": None if end is None else instant(end),
            },
        )
    elif found is None:
        write_lines([f"{printable(condition.text)} never held"])
    else:
        first, last = map(instant, found)
        write_lines([f"{printable(condition.text)} held first in --since {first} --until {last}"])
    return Exit.OK
