"""`recourse lab`: incidents made to order, by running the real executor in a simulated world."""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.output import write_json, write_lines
from recourse_observe.cli.score import score
from recourse_observe.text import count, duration, percent, plural, table

if TYPE_CHECKING:
    from recourse_observe.lab import Run, Scenario
    from recourse_observe.lab.scenarios.make import Made

__all__ = ["lab"]

_RUN = "recourse.lab-run/1"
_NEW_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group()
def lab() -> None:
    """Make incidents in a simulated world, with the real executor, the same for each seed."""


lab.add_command(score)


@lab.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_scenarios(*, as_json: bool) -> int:
    """List the kinds of scenarios."""
    from recourse_observe.lab.scenarios.catalogue import CATALOGUE

    rows = [{"scenario": name, "says": CATALOGUE[name].says} for name in sorted(CATALOGUE)]
    if as_json:
        write_json("recourse.lab-list/1", {"scenarios": rows})
    else:
        write_lines(table(["SCENARIO", "WHAT HAPPENS"], [(r["scenario"], r["says"]) for r in rows]))
    return Exit.OK


@lab.command("run", short_help="Make one scenario's archive.")
@click.argument("scenario", metavar="SCENARIO")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Another seed is other luck.",
)
@click.option("--out", type=_NEW_DIRECTORY, required=True, metavar="DIR", help="A new directory.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Policies to try instead of the scenario's own.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def run_scenario(
    *, scenario: str, seed: int, out: Path, policy_file: str | None, as_json: bool
) -> int:
    """Make one scenario and write its archive to DIR, with what is true of it in `labels.json`.

    With --policy the same world runs under other policies: the same requests, the same faults, the
    same luck. Its archive has no labels, because they were measured without.
    """
    _demand_known(scenario)
    _demand_new(out)
    from recourse_observe.lab.recording import record
    from recourse_observe.lab.scenarios.make import made
    from recourse_observe.lab.scenarios.measure import NotShownError

    _say(f"drawing {scenario!r} until it shows what it is about")
    try:
        one = made(scenario, seed)
    except NotShownError as problem:
        message = f"scenario {scenario!r} with seed {seed} never shows ({problem}); try another"
        raise click.ClickException(message) from None
    if policy_file is None:
        done = record(one.scenario, out)
        one.labels.write(out)
        if as_json:
            found = len(one.labels.incidents)
            write_json(_RUN, {**_counts(out, done), "incidents": found})
        else:
            write_lines([_summary(out, done), *_incidents(one)])
        return Exit.OK
    before, after = _under(one.scenario, policy_file, out)
    if as_json:
        write_json(_RUN, {**_counts(out, after), "keys": _keys(before, after)})
    else:
        write_lines([_summary(out, after), *_compared(before, after)])
    return Exit.OK


@lab.command("set", short_help="Make labelled archives of all kinds.")
@click.option(
    "--split",
    type=click.Choice(["development", "held_out"]),
    default="development",
    show_default=True,
    help="Which half of the seeds; nothing is ever tuned on the second.",
)
@click.option(
    "--count",
    "how_many",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="How many archives.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=99_999),
    default=1,
    show_default=True,
    help="Another seed is other luck.",
)
@click.option("--out", type=_NEW_DIRECTORY, required=True, metavar="DIR", help="A new directory.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="How many processes."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def make_set(*, split: str, how_many: int, seed: int, out: Path, jobs: int, as_json: bool) -> int:
    """Make scenarios of all kinds, each an archive with its labels in a directory of its own."""
    _demand_new(out)
    from recourse_observe.lab.scenarios.make import set_of

    wanted = set_of(split, seed, how_many)
    names = [f"{i:04d}-{name}-{number}" for i, (name, number) in enumerate(wanted)]
    tasks = [
        (name, number, str(out / folder))
        for (name, number), folder in zip(wanted, names, strict=True)
    ]
    failed = []
    for done, (folder, problem) in enumerate(_all_made(tasks, jobs), 1):
        _say(f"{done}/{how_many} {Path(folder).name}{problem and ': ' + problem}")
        if problem:
            failed.append(folder)
    if as_json:
        made = [name for name in names if str(out / name) not in failed]
        document = {"out": str(out), "split": split, "archives": made, "failed": failed}
        write_json("recourse.lab-set/1", document)
    else:
        write_lines([f"{out}: {plural(how_many - len(failed), 'archive')} of split {split}"])
    return Exit.ERROR if failed else Exit.OK


def _all_made(tasks: list[tuple[str, int, str]], jobs: int) -> Iterator[tuple[str, str]]:
    """Make every archive, in so many processes; gives where, and what went wrong."""
    if jobs == 1:
        yield from map(_make, tasks)
        return
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(_make, tasks)


def _make(task: tuple[str, int, str]) -> tuple[str, str]:
    from recourse_observe.lab.scenarios.make import write
    from recourse_observe.lab.scenarios.measure import NotShownError

    name, seed, path = task
    try:
        write(name, seed, Path(path))
    except NotShownError as problem:
        return path, str(problem)
    return path, ""


def _under(scenario: "Scenario", policy_file: str, out: Path) -> "tuple[Run, Run]":
    """The runs under the scenario's policies, and under those of a file; the second is written."""
    from dataclasses import replace

    from recourse.policy.load import load
    from recourse_observe.lab import PolicyChange, run
    from recourse_observe.lab.recording import record

    told = load(policy_file)
    specs = []
    for spec in scenario.keys:
        found = told.policy(spec.key) or told.default
        used = spec.policy if found is None else replace(found, key=spec.key)
        specs.append(replace(spec, policy=used))
    if all(new.policy is old.policy for new, old in zip(specs, scenario.keys, strict=True)):
        known = ", ".join(spec.key for spec in scenario.keys)
        _say(f"{policy_file!r} has a policy for none of this scenario's keys: {known}")
    changed = {new.key for new, old in zip(specs, scenario.keys, strict=True) if new != old}
    faults = tuple(
        fault
        for fault in scenario.faults
        if not (isinstance(fault, PolicyChange) and str(fault.policy.key) in changed)
    )
    other = replace(scenario, keys=tuple(specs), faults=faults, budget_file=told)
    return run(scenario), record(other, out)


def _counts(out: Path, done: "Run") -> dict[str, Any]:
    lost = sum(not call.succeeded for call in done.calls)
    return {"out": str(out), "calls": len(done.calls), "lost": lost}


def _keys(before: "Run", after: "Run") -> list[dict[str, Any]]:
    """Lost calls and attempts of each key, as they were and with the file."""
    rows = []
    for spec in before.scenario.keys:
        (lost, attempts), (lost_with, attempts_with) = (
            _of_key(done, spec.key) for done in (before, after)
        )
        own = {"key": str(spec.key), "lost": lost, "attempts": attempts}
        rows.append({**own, "lost_with_file": lost_with, "attempts_with_file": attempts_with})
    return rows


def _summary(out: Path, done: "Run") -> str:
    lost = sum(not call.succeeded for call in done.calls)
    calls = len(done.calls)
    return (
        f"{out}: {count(calls)} calls in {duration(round(done.scenario.duration_s * 1e6))}, "
        f"{count(lost)} lost ({percent(lost / max(1, calls))})"
    )


def _incidents(one: "Made") -> list[str]:
    found = len(one.labels.incidents)
    return [f"{plural(found, 'incident')}; labels.json says what really happened"]


def _compared(before: "Run", after: "Run") -> list[str]:
    """Lost calls and attempts of each key under both policies."""
    head = ["KEY", "LOST", "WITH FILE", "ATTEMPTS", "WITH FILE"]
    rows = []
    for spec in before.scenario.keys:
        counts = [_of_key(done, spec.key) for done in (before, after)]
        rows.append([spec.key, *(count(n) for pair in zip(*counts, strict=True) for n in pair)])
    return table(head, rows, right="lrrrr")


def _of_key(done: "Run", key: str) -> tuple[int, int]:
    lost = sum(call.key == key and not call.succeeded for call in done.calls)
    return lost, sum(attempt.key == key for attempt in done.attempts)


def _demand_known(name: str) -> None:
    from recourse_observe.lab.scenarios.catalogue import CATALOGUE

    if name not in CATALOGUE:
        near = difflib.get_close_matches(name, CATALOGUE, n=1)
        hint = f"; did you mean {near[0]!r}" if near else ""
        message = f"scenario {name!r} is not known{hint}; see recourse lab list"
        raise click.UsageError(message, click.get_current_context())


def _demand_new(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        message = f"directory {str(out)!r} is not empty; give a new one"
        raise click.UsageError(message, click.get_current_context())


def _say(sentence: str) -> None:
    """Progress, for people: on stderr, so that stdout stays data."""
    sys.stderr.write(f"{sentence}\n")
