"""How answers to what-if questions compare with the truth: one by one, and as a page says it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from recourse_observe.whatif import Sense

HELD_OUT = 41_000
MARKS = {
    "lab": ("<!-- measured -->", "<!-- end of measured -->"),
    "pool": ("<!-- measured elsewhere -->", "<!-- end of measured elsewhere -->"),
}


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
