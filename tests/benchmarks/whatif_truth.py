"""What-if answers against the truth: incidents, run again under the other policy.

    python -m tests.benchmarks.whatif_truth --pairs 300 --first-seed 41000 --jobs 2 --out truth.jsonl

A pair is one incident and one candidate policy. The incident is recorded as an archive, the archive is
asked, and the same incident (same seed) is run under the candidate: that is the truth. Static replay
of recorded outcomes answers beside it. Incidents come from the laboratory, or with `--source pool` from
a simulator that shares no code with laboratory, fit or executor.

Every pair is added to the file of `--out` when it is done, and those in it are not run again: a run that
was stopped goes on where it was. The last thing printed is what docs/concepts/what-if.md says of it;
`--pairs 0` prints that for what the file holds, and `--into docs/concepts/what-if.md` puts it there, each
source at its place. Seeds below 41000 have been looked at; report others.
"""

import argparse
import json
import multiprocessing
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from recourse import Policy
from recourse_observe.lab import BudgetSpec, run
from recourse_observe.lab.recording import record
from recourse_observe.queries.archive import open_archive
from recourse_observe.whatif import Answer, Kind, Sense, ask
from recourse_observe.whatif.candidate import edited
from recourse_observe.whatif.scene import stretch
from tests.benchmarks import whatif_pairs, whatif_pool_pairs

HELD_OUT = 41_000
MARKS = {
    "lab": ("<!-- measured -->", "<!-- end of measured -->"),
    "pool": ("<!-- measured elsewhere -->", "<!-- end of measured elsewhere -->"),
}


class Ended(NamedTuple):
    """A call of the truth."""

    started_us: int
    failed: bool
    attempts: int


class Source(NamedTuple):
    """Where incidents come from."""

    key: str
    family: str
    edits: tuple[str, ...]
    calls: list[Ended]


class Verdict(NamedTuple):
    """How an answer compares with the truth."""

    seed: int
    family: str
    edits: tuple[str, ...]
    calls: int
    recorded: int
    truth: int
    predicted: float | None
    low: float | None
    high: float | None
    replayed: float
    bound: float | None
    refusal: str | None
    attempts_recorded: int
    attempts_truth: int
    attempts_predicted: float | None
    attempts_bound: float | None
    cpu_s: float
    sense: str | None = None

    @property
    def floor(self) -> float:
        """A difference that matters: a fiftieth of the calls, and more than chance."""
        return max(20.0, 0.02 * self.calls)

    @property
    def matters(self) -> bool:
        """Whether the policy changed how many calls failed."""
        return abs(self.truth - self.recorded) >= self.floor

    @property
    def inside(self) -> bool:
        """Whether the truth is in the interval."""
        return (self.low or 0.0) <= self.truth <= (self.high or 0.0)

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves the recorded number out, and so knows the direction."""
        return self.predicted is not None and not (
            (self.low or 0.0) <= self.recorded <= (self.high or 0.0)
        )

    @property
    def is_told(self) -> bool:
        """Whether there is an answer, and it says in which direction it goes."""
        return self.predicted is not None and self.sense != Sense.NOT_KNOWN

    @property
    def crossed(self) -> bool:
        """Whether the truth is beyond a bound."""
        calls = self.bound is not None and self.truth > self.bound
        return calls or (
            self.attempts_bound is not None and self.attempts_truth > self.attempts_bound
        )

    def sign_right(self, said: float) -> bool:
        """Whether an answer moves in the direction of the truth."""
        return (said - self.recorded) * (self.truth - self.recorded) > 0

    def seen_right(self, said: float) -> bool:
        """The same, and far enough to be noticed."""
        moved, really = abs(said - self.recorded), abs(self.truth - self.recorded)
        return self.sign_right(said) and moved >= min(self.floor, 0.25 * really)

    def error(self, said: float) -> float:
        """How far an answer is from the truth, in parts of it; few failed calls count as the floor."""
        return abs(said - self.truth) / max(self.truth, self.floor)


# ---------------------------------------------------------------- one pair


def of_laboratory(seed: int, folder: Path) -> Source:
    """Record an incident of the laboratory, and find out."""
    found = whatif_pairs.pair(seed)
    spec = found.scenario.keys[0]
    assert spec.policy is not None
    record(found.scenario, folder)
    candidate = edited([spec.policy.normalize()], found.edits)
    effective = candidate.policies[0]
    policy = Policy(
        spec.key,
        retry=effective.retry,
        hedge=effective.hedge,
        circuit=effective.circuit,
        idempotent=effective.idempotent,
    )
    budgets = tuple(
        BudgetSpec(name=name, refill_per_s=table["min_retries_per_s"], ratio=table["ratio"])
        for name, table in candidate.budgets.items()
    )
    truth = run(whatif_pairs.under(found.scenario, policy, budgets))
    made = Counter(one.number for one in truth.attempts)
    start_us = found.scenario.start_unix_ns // 1000
    calls = [
        Ended(start_us + round(one.started_s * 1e6), not one.succeeded, made[one.number])
        for one in truth.calls
    ]
    return Source(spec.key, found.family, found.edits, calls)


def of_pool(seed: int, folder: Path) -> Source:
    """Record an incident of the shared processor, and find out."""
    found = whatif_pool_pairs.pair(seed)
    whatif_pool_pairs.written(found, folder)
    start_us = whatif_pool_pairs.T0_US
    calls = [
        Ended(start_us + round(one.started_s * 1e6), bool(one.reason), len(one.runs))
        for one in found.truth
    ]
    return Source(whatif_pool_pairs.KEY, found.family, found.edits, calls)


SOURCES = {"lab": of_laboratory, "pool": of_pool}


def judge(seed: int, source: str = "lab") -> Verdict:
    """Ask about one pair, and find out."""
    began_s = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        truth = SOURCES[source](seed, Path(folder))
        with open_archive(folder) as archive:
            answer = ask(archive, truth.key, edits=truth.edits)
            onset_us = stretch(archive, truth.key, answer.incident).onset_us
    calls = [one for one in truth.calls if onset_us <= one.started_us < answer.end_unix_us]
    return compared(seed, truth, answer, calls, time.process_time() - began_s)


def compared(
    seed: int, truth: Source, answer: Answer, calls: Sequence[Ended], cpu_s: float
) -> Verdict:
    """The answer beside the truth."""
    model, attempts = answer.row("failed_calls", Kind.MODEL), answer.row("attempts", Kind.MODEL)
    bound, attempts_bound = (answer.row(n, Kind.BOUND) for n in ("failed_calls", "attempts"))
    replay = answer.row("failed_calls", Kind.REPLAY)
    assert model is not None
    assert attempts is not None
    assert replay is not None
    return Verdict(
        seed=seed,
        family=truth.family,
        edits=truth.edits,
        calls=len(calls),
        recorded=int(model.recorded or 0),
        truth=sum(one.failed for one in calls),
        predicted=model.candidate,
        low=model.low,
        high=model.high,
        replayed=replay.candidate or 0.0,
        bound=None if bound is None else bound.high,
        refusal=answer.refusal,
        attempts_recorded=int(attempts.recorded or 0),
        attempts_truth=sum(one.attempts for one in calls),
        attempts_predicted=attempts.candidate,
        attempts_bound=None if attempts_bound is None else attempts_bound.high,
        cpu_s=round(cpu_s, 2),
        sense=None if model.direction is None else str(model.direction.sense),
    )


# ---------------------------------------------------------------- many pairs


def table(verdicts: Sequence[Verdict]) -> Iterable[str]:
    """The numbers that count, of all pairs and by family, as Markdown."""
    yield (
        "| | pairs | refused | policy matters | direction not known | right | right of all | noticed "
        "| error | inside 90 % | replay: right | replay: error |"
    )
    yield "| --- |" + " ---: |" * 11
    families = sorted({one.family for one in verdicts})
    yield _row("all", verdicts)
    for family in families:
        yield _row(family.replace("_", " "), [one for one in verdicts if one.family == family])


def report(verdicts: Sequence[Verdict]) -> str:
    """What there is to say of all pairs, as Markdown."""
    seeds = [one.seed for one in verdicts]
    looked_at = ", of which some were looked at" if min(seeds, default=0) < HELD_OUT else ""
    head = (
        f"{len(seeds)} pairs, seeds {min(seeds, default=0)} to {max(seeds, default=0)}{looked_at}:"
    )
    return "\n".join([head, "", *table(verdicts), "", *notes(verdicts)])


def put(text: str, path: Path, source: str) -> None:
    """Replace what a page says was measured with incidents of this source."""
    page = path.read_text()
    begin, end = MARKS[source]
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    assert first, f"{path} has no {begin}"
    assert last, f"{path} has no {end}"
    path.write_text(f"{before}{first}\n{text}\n{last}{after}")


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    said = [one for one in verdicts if one.predicted is not None]
    matter = [one for one in said if one.matters]
    told = [one for one in matter if one.is_told]
    cells = [
        str(len(verdicts)),
        _share(one.refusal is not None for one in verdicts),
        str(len(matter)),
        str(len(matter) - len(told)),
        _share(one.sign_right(one.predicted or 0.0) for one in told),
        _share(one.sign_right(one.predicted or 0.0) for one in matter),
        _share(one.seen_right(one.predicted or 0.0) for one in told),
        _middle(one.error(one.predicted or 0.0) for one in matter),
        _share(one.inside for one in said),
        _share(one.sign_right(one.replayed) for one in matter),
        _middle(one.error(one.replayed) for one in matter),
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def notes(verdicts: Sequence[Verdict]) -> Iterable[str]:
    """What the table has no column for."""
    bounds = [one for one in verdicts if one.bound is not None]
    everywhere = _middle(one.error(one.predicted) for one in verdicts if one.predicted is not None)
    yield f"- median error of all answers: {everywhere}"
    sure = [one for one in verdicts if one.matters and one.is_sure]
    yield (
        f"- the interval leaves the recorded number out in {len(sure)} pairs of those that matter; "
        f"direction right: {_share(one.sign_right(one.predicted or 0.0) for one in sure)}"
    )
    silent = sum(not one.is_told for one in verdicts)
    yield (
        f"- refused, or the direction not known: {silent} of {len(verdicts)} pairs; of those that "
        f"do not matter {sum(not one.is_told for one in verdicts if not one.matters)}"
    )
    yield f"- bounds: {len(bounds)}, crossed: {sum(one.crossed for one in bounds)}"
    reasons = Counter(one.refusal.partition(",")[0] for one in verdicts if one.refusal is not None)
    by_measure = Counter(" ".join(reason.split()[:9]) for reason in reasons.elements())
    yield from (f"- refused {count} times: {reason}" for reason, count in by_measure.most_common())
    yield f"- CPU seconds of a pair: {_middle(one.cpu_s for one in verdicts)} (median)"


def _share(hits: Iterable[bool]) -> str:
    known = list(hits)
    return f"{sum(known) / len(known):.2f}" if known else ""


def _middle(values: Iterable[float]) -> str:
    known = list(values)
    return f"{median(known):.2f}" if known else ""


def line(one: Verdict) -> str:
    """One pair in one line: `+` inside the interval, `!` outside of it."""
    said = f"refused: {one.refusal}"
    if one.predicted is not None:
        said = f"model {one.predicted:.0f} [{one.low:.0f}, {one.high:.0f}]"
    mark = " " if one.predicted is None else "+" if one.inside else "!"
    return (
        f"{mark} {one.seed} {one.family} {' '.join(one.edits)}: recorded {one.recorded} of "
        f"{one.calls}, truth {one.truth}, {said} {one.sense or ''}, replay {one.replayed:.0f}, {one.cpu_s:.1f} s"
    )


def _judged(source: str, seed: int) -> Verdict | str:
    try:
        return judge(seed, source)
    except Exception:  # noqa: BLE001  # one broken pair must not lose the others
        return f"{seed}: {traceback.format_exc()}"


def known(path: Path | None) -> list[Verdict]:
    """The pairs of a file."""
    if path is None or not path.exists():
        return []
    tables: list[dict[str, Any]] = [json.loads(text) for text in path.read_text().splitlines()]
    return [Verdict(**{**one, "edits": tuple(one["edits"])}) for one in tables]


def measured(seeds: Sequence[int], given: argparse.Namespace) -> Iterable[Verdict]:
    """Run many pairs, and keep each when it is done."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(given.jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        for one in pool.imap_unordered(partial(_judged, given.source), seeds):
            if isinstance(one, str):
                sys.stderr.write(one + "\n")
                continue
            if given.out is not None:
                with given.out.open("a") as file:
                    file.write(json.dumps(one._asdict()) + "\n")
            yield one


def main() -> None:
    """Run many pairs and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--source", choices=sorted(SOURCES), default="lab")
    parser.add_argument("--out", type=Path, help="one line of JSON for each pair")
    parser.add_argument("--into", type=Path, help="a page that says what was measured")
    given = parser.parse_args()
    verdicts = known(given.out)
    seeds = range(given.first_seed, given.first_seed + given.pairs)
    done = {one.seed for one in verdicts}
    try:
        for one in measured([seed for seed in seeds if seed not in done], given):
            verdicts.append(one)
            sys.stderr.write(f"{len(verdicts)}: {line(one)}\n")
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
    print(report(verdicts))
    if given.into is not None:
        put(report(verdicts), given.into, given.source)


if __name__ == "__main__":
    main()
