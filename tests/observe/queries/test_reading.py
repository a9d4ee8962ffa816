"""What a comparison says: which dimensions hardly differ, whether it is a matter of place, and the sentences."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.queries.account import Account, account
from recourse_observe.queries.archive import Archive, open_archive
from recourse_observe.queries.compare import Side, compared
from recourse_observe.queries.contrast import Contrast
from recourse_observe.queries.folds import Alike, Fold, folded, folds
from recourse_observe.queries.measured import MEASURES, Measured, change, is_much
from recourse_observe.queries.placement import Place, Placement, Verdict, placements
from recourse_observe.queries.policies import FieldChange, PolicyDiff
from recourse_observe.queries.reading import Reading, read
from recourse_observe.queries.rows import KeyRow, PolicyRow
from recourse_observe.scope import Scope

pytestmark = pytest.mark.slow
S = 1_000_000
T0 = 1_795_255_200 * S
NAMES = ("A", "B")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Two minutes of one key on two servers and five processes; in the second one server fails all."""
    tables: dict[str, list[dict[str, Any]]] = {"calls": [], "attempts": [], "policies": []}
    for i in range(240):
        started, fails = T0 + i * S // 2, i >= 120 and i % 2 == 0
        common = {"call_id": f"{i:04d}", "key": "pay", "instance": f"p-{i % 5}"}
        common |= {"policy_version": "v1" if i < 120 else "v2"}
        lost = {"success": False, "disposition": "exhausted", "final_outcome": "retryable"}
        tables["calls"].append(
            common | {"started_at": started, "duration_us": 9_000 if i < 120 else 90_000}
            | (lost | {"final_reason": "http_503"} if fails else {})
        )  # fmt: skip
        tables["attempts"].append(
            common | {"started_at": started, "duration_us": 9_000 if i < 120 else 90_000}
            | {"peer": f"host-{i % 2}"}
            | ({"outcome": "retryable", "reason": "http_503"} if fails else {})
        )  # fmt: skip
    for at, version in ((T0, "v1"), (T0 + 60 * S, "v2")):
        policy = {"applied_at": at, "key": "pay", "policy_version": version, "event": "applied"}
        tables["policies"].append(policy | {"max_attempts": 2 if version == "v1" else 1})
    place: Path = write_archive(tmp_path_factory.mktemp("reading") / "two-servers", tables)
    with open_archive(place, trusted=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def told(archive: Archive) -> Account:
    first, second = (
        Scope(start_unix_us=T0 + n * 60 * S, end_unix_us=T0 + (n + 1) * 60 * S, key="pay")
        for n in (0, 1)
    )
    sides = (Side(archive=archive, scope=one) for one in (first, second))
    return account(compared(*sides), archive, archive)


def test_a_reading_says_what_differs_and_what_does_not(told: Account) -> None:
    sentences = [one.told for one in told.reading().sentences]

    assert sentences == [
        "B lost 60 of 120 calls (50.0%), A 0 of 120 calls (0.0%). [E1] [E2]",
        "http_503 ended 50.0% of the attempts of B, 0.0% of those of A. [E3] [E4]",
        "It is a matter of the peer: in B host-0 fails 100.0% of its attempts, host-1 0.0%. [E5]",
        "They followed different policies: max_attempts 2 in A, 1 in B. [E6] [E7]",
        "Calls came as often: 2.0 a second, in A 2.0. [E1] [E2]",
        "Of a hundred calls the slowest had an attempt of 90 ms in B, 9.0 ms in A. [E1] [E2]",
    ]


def test_every_number_of_a_reading_comes_from_its_queries(told: Account, archive: Archive) -> None:
    reading = told.reading()
    answers = {one.name: archive.answer(one.sql).records for one in reading.evidence}
    lost, reason, place, policy, *_ = reading.sentences

    (a,), (b,) = (answers[name] for name in lost.evidence)
    assert lost.values == {
        "a_calls": a["calls"], "a_lost": a["lost"], "b_calls": b["calls"], "b_lost": b["lost"],
    }  # fmt: skip
    row = next(one for one in answers[reason.evidence[1]] if one["entry"] == "http_503")
    assert reason.values["share_b"] == row["attempts"] / row["of_attempts"]
    peers = [one for one in answers[place.evidence[0]] if one["dimension"] == "peer"]
    shares = sorted(one["failed"] / one["attempts"] for one in peers)
    assert [place.values["best"], place.values["worst"]] == shares
    applied = [answers[name][-1]["max_attempts"] for name in policy.evidence]
    assert policy.values == {"max_attempts": applied}
    assert all(one.evidence for one in reading.sentences)


def test_swapped_names_stay_with_their_numbers(told: Account) -> None:
    assert (
        told.reading(("B", "A")).sentences[0].text.startswith("A lost 60 of 120 calls (50.0%), B")
    )


def test_one_side_without_calls_has_nothing_to_read(told: Account) -> None:
    found = replace(told.found, measures_a=None)

    assert read(found, told.sides, told.places) == Reading()


def test_a_dimension_of_many_alike_values_is_one_line(told: Account) -> None:
    lines = folded(told.found.contrasts, told.folds)
    fold = next(one for one in lines if isinstance(one, Fold))
    alike = next(one for one in lines if isinstance(one, Alike))
    opened = folded(told.found.contrasts, told.folds, unfolded=frozenset({"instance"}))

    assert (fold.name, fold.told) == ("instance (5 values)", "max |Δ| 0.0")
    assert "service" in alike.dimensions
    assert alike.told == "one value, the same on both sides"
    assert alike.name.startswith("attempt, hedge, ")
    assert fold.dimensions == ("instance",)
    assert sum(isinstance(one, Contrast) and one.dimension == "instance" for one in opened) == 5
    assert fold.to_json() == {
        "dimension": "instance", "values": 5, "of_values": 5, "max_difference": 0.0, "verdict": "open",
    }  # fmt: skip


def place(entry: str | None, failed: int, attempts: int = 100) -> Place:
    return Place(entry=entry, attempts=attempts, failed=failed)


def placed(*places: Place, failed: int = 100, named: int = 100) -> Placement:
    return Placement(dimension="peer", places=places, failed=failed, named=named)


@pytest.mark.parametrize(
    ("placement", "verdict", "said"),
    [
        (placed(failed=0), Verdict.NOTHING_FAILED, ""),
        (placed(place("a", 50), place("b", 45)), Verdict.EVEN, " → not a peer problem"),
        (placed(place("a", 99), place("b", 1)), Verdict.UNEVEN, ", but a fails 99.0%, b 1.0%"),
        (placed(place("a", 60), place("b", 40)), Verdict.OPEN, ""),
        (placed(place("a", 60)), Verdict.OPEN, ""),
        (placed(), Verdict.OPEN, ""),
        (placed(place("a", 0), named=10), Verdict.UNNAMED, ", but most failed attempts name none"),
    ],
)
def test_equal_shares_clear_a_dimension_only_when_it_fails_alike(
    placement: Placement, verdict: Verdict, said: str
) -> None:
    values = [
        Contrast(
            dimension="peer", entry=name, share_a=0.2, share_b=0.2 + n / 100, share_others=None
        )
        for n, name in enumerate("abcde")
    ]
    (fold,) = folds(values, {"peer": 900}, {"peer": placement})

    assert placement.verdict is verdict
    assert fold.told == f"max |Δ| 4.0{said}"
    assert fold.name == "peer (5 of 900 values)"


def test_places_with_few_attempts_are_not_judged(archive: Archive, told: Account) -> None:
    found = placements(archive, told.found.b)

    assert [one.entry for one in found["peer"].places] == ["host-0", "host-1"]
    assert found["instance"].places == ()
    assert (found["peer"].failed, found["peer"].named) == (60, 60)
    assert place(None, 0, attempts=0).failing == 0.0


def test_placement_that_is_even_or_has_no_names_is_said(told: Account) -> None:
    even = {"peer": placed(place("a", 50), place("b", 45))}
    unnamed = {"peer": placed(place("a", 0), named=10)}

    texts = [
        [one.text for one in read(told.found, told.sides, places).sentences][2]
        for places in (even, unnamed)
    ]
    assert texts == [
        "In B attempts fail alike by peer (at most 5.0 points apart): none stands out.",
        "Most failed attempts of B have no peer recorded, which so cannot be judged.",
    ]


def test_losses_that_are_alike_or_none_are_said_so(told: Account) -> None:
    def first(lost_a: int, lost_b: int) -> str:
        a, b = told.found.measures_a, told.found.measures_b
        assert a is not None
        assert b is not None
        found = replace(told.found, measures_a=replace(a, lost=lost_a), measures_b=replace(b, lost=lost_b))  # fmt: skip
        return read(found, told.sides, {}).sentences[0].text

    assert first(0, 0) == "Neither side lost a call: 120 in A, 120 in B."
    assert first(60, 60).startswith("Both lost about the same share of their calls: B 60 of 120")


def contrast(entry: str | None, a: float, b: float, others: float | None = None) -> Contrast:
    return Contrast(dimension="reason", entry=entry, share_a=a, share_b=b, share_others=others)


@pytest.mark.parametrize(
    ("contrasts", "text"),
    [
        ([contrast("http_503", 0.0, 0.05)], "No reason of failure differs by ten points (at most 5.0)."),
        ([contrast("success", 0.0, 0.9)], None),
        (
            [contrast(None, 0.5, 0.1, 0.4)],
            "no recorded reason ended 10.0% of the attempts of B, 50.0% of those of A; other keys meanwhile had 40.0%.",
        ),
        (
            [contrast("http_429", 0.0, 0.5, 0.45)],
            "http_429 ended 50.0% of the attempts of B, 0.0% of those of A; other keys meanwhile had 45.0%, too: it is not this key alone.",
        ),
    ],
)  # fmt: skip
def test_the_reason_that_differs_most_is_said(
    contrasts: list[Contrast], text: str | None, told: Account
) -> None:
    found = replace(told.found, contrasts=tuple(contrasts), policy=None)
    sentences = [one.text for one in read(found, told.sides, {}).sentences]

    assert (text in sentences) if text else all("ended" not in one for one in sentences)


def test_load_and_guards_are_said_when_they_differ(told: Account) -> None:
    a, b = told.found.measures_a, told.found.measures_b
    assert a is not None
    assert b is not None
    few = replace(told.found, measures_b=replace(b, calls=20, attempts=60, denied=3, rejected=1))
    many = replace(told.found, measures_b=replace(b, calls=600, attempts=100))
    none = replace(told.found, measures_a=replace(a, calls=0, attempts=0), policy=None)

    def texts(found: Any) -> list[str]:
        return [one.text for one in read(found, told.sides, {}).sentences]

    assert (
        "Each call made more attempts in B, 3.00\N{MULTIPLICATION SIGN}, than in A, 1.00\N{MULTIPLICATION SIGN}; "
        "calls came less often: 0.3 a second, in A 2.0." in texts(few)
    )
    assert "Budgets denied 3 attempts in B, 0 in A." in texts(few)
    assert "Breakers refused 1 call in B, 0 in A." in texts(few)
    assert any("fewer attempts" in one and "came more often" in one for one in texts(many))
    assert not any("a second" in one or "Each call" in one for one in texts(none))


def test_policies_that_are_the_same_unknown_or_unresolved_are_said(told: Account) -> None:
    known = told.found.policy
    assert known is not None
    assert known.a is not None

    def text(a: PolicyRow | None, b: PolicyRow | None) -> str:
        found = replace(told.found, policy=PolicyDiff(a=a, b=b), contrasts=())
        return read(found, told.sides, {}).sentences[1].text

    other = replace(
        known.a, max_attempts=9, jitter="none", circuit_enabled=True, hedge_enabled=True,
        initial_backoff_us=5_000, budget_name="b", policy_version="",
    )  # fmt: skip
    assert text(known.a, known.a).startswith("Most calls of both followed the same policy (v1)")
    assert text(known.a, None) == "Which policy was followed is not recorded."
    failed = replace(known.a, event="resolve_failed")
    assert text(known.a, failed) == "In B no policy could be resolved."
    assert PolicyDiff(a=known.a, b=failed).changes == ()
    assert text(known.a, other).endswith("; and 2 more fields.")
    assert PolicyDiff(a=None, b=other).versions == ("—", "—")
    told_fields = {one.label: one.told for one in PolicyDiff(a=known.a, b=other).changes}
    assert told_fields["breaker"] == ("off", "on")
    assert told_fields["first backoff"][1] == "5.0 ms"
    assert FieldChange(name="budget_name", a=None, b="x").told == ("—", "x")


def key_row(**values: int | None) -> KeyRow:
    named = ("calls", "lost", "attempts", "retries", "rescued", "hedges", "denied", "rejected", "failed_attempts")  # fmt: skip
    given = dict.fromkeys(named, 0) | {"p50_us": None, "p99_us": None, "call_p99_us": None} | values
    return KeyRow(key="k", **given)  # type: ignore[arg-type]


def test_a_change_is_told_in_points_in_numbers_or_in_percent() -> None:
    by_name = {one.name: one for one in MEASURES}
    a = Measured(row=key_row(calls=100, attempts=100, p50_us=0, p99_us=1_000))
    b = Measured(row=key_row(calls=100, attempts=1_500, lost=20, p50_us=5, p99_us=400))
    nobody = Measured(row=None)

    said = {name: (change(one, a, b), is_much(one, a, b)) for name, one in by_name.items()}
    assert said["calls"] == ("", 0)
    assert said["calls lost"] == ("+20", 1)
    assert said["of its calls"] == ("+20.0 pts", 1)
    assert said["attempts/call"] == ("+1,400%", 1)
    assert said["attempt p50"] == ("new", 1)
    assert said["attempt p99"] == ("-60.0%", -1)
    assert said["first attempt fails"] == ("", 0)
    assert (change(by_name["calls"], nobody, b), is_much(by_name["calls"], nobody, b)) == ("", 0)
    assert by_name["calls"].told(nobody) == "—"
