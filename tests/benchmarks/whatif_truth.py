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
from typing import Any, NamedTuple

from recourse import Policy
from recourse_observe.lab import BudgetSpec, run
from recourse_observe.lab.recording import record
from recourse_observe.queries.archive import open_archive
from recourse_observe.whatif import Answer, Kind, ask
from recourse_observe.whatif.candidate import edited
from recourse_observe.whatif.scene import stretch
from tests.benchmarks import whatif_pairs, whatif_pool_pairs
from tests.benchmarks.whatif_verdicts import Verdict, line, put, report


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
