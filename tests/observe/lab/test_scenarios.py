"""Scenarios: drawn from seeds, worlds of their own, and refused when they show nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from recourse_observe.lab import Outage, Poison, PolicyChange, Scenario, Slowdown
from recourse_observe.lab.labels import read_labels
from recourse_observe.lab.scenarios import make
from recourse_observe.lab.scenarios.catalogue import CATALOGUE, ROUND
from recourse_observe.lab.scenarios.draft import ACTIONS, Claim, Draft, edited, retried
from recourse_observe.lab.scenarios.harm import Harm
from recourse_observe.lab.scenarios.make import (
    UnknownScenarioError,
    draft_of,
    made,
    set_of,
    split_of,
)
from recourse_observe.lab.scenarios.measure import NotShownError, measured
from recourse_observe.story.actions import Action
from recourse_observe.story.findings import Cause

World = Callable[..., Scenario]
KEY = "stock.Reserve"
OUTAGE = Outage(start_s=20.0, end_s=45.0, dependency="stock")
CLAIM = Claim(cause="dependency_outage", keys=(KEY,), faults=(OUTAGE,))


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@pytest.mark.parametrize("seed", range(3))
def test_every_kind_draws_worlds_that_make_sense(name: str, seed: int) -> None:
    draft = draft_of(name, seed)

    assert draft == draft_of(name, seed) or any(claim.remedy for claim in draft.claims)
    assert draft.scenario.duration_s >= 400.0
    keys = {spec.key for spec in draft.scenario.keys}
    assert all(set(claim.keys) <= keys for claim in draft.claims)
    assert (not draft.claims) == (name == "healthy")
    assert all(fault in draft.scenario.faults for claim in draft.claims for fault in claim.faults)


def test_names_are_no_fingerprints() -> None:
    drafts = [draft_of("retry_storm", seed) for seed in range(12)]

    keys = [{spec.key for spec in draft.scenario.keys} for draft in drafts]

    assert len(frozenset().union(*keys)) == sum(map(len, keys))


def test_all_causes_have_a_kind_and_actions_that_exist() -> None:
    claimed = {claim.cause for name in ROUND for claim in draft_of(name, 1).claims}

    assert claimed == set(Cause)
    assert ACTIONS.keys() == set(Cause)
    assert {action for actions in ACTIONS.values() for action in actions} <= set(Action)


def test_the_seeds_are_split_and_a_set_has_all_kinds_and_healthy_days() -> None:
    chosen = set_of("held_out", 2, 100)

    assert {split_of(seed) for _, seed in chosen} == {"held_out"}
    assert {split_of(seed) for _, seed in set_of("development", 2, 100)} == {"development"}
    names = [name for name, _ in chosen]
    assert set(names) == set(CATALOGUE)
    assert names.count("healthy") >= 20


def test_an_incident_is_labelled_by_what_differs(world: World) -> None:
    (incident,) = measured(Draft(scenario=world(faults=(OUTAGE,)), claims=(CLAIM,)))

    start_ns = world().start_unix_ns
    assert 0 <= incident.onset_ns - start_ns - 20e9 < 1e9
    assert 0 <= start_ns + 45e9 - incident.end_ns < 1e9
    assert (incident.keys, incident.affected_keys) == ((KEY,), ())
    assert incident.retry_effect == "neutral"


def test_retries_that_rescue_are_said_to_help(world: World) -> None:
    part = replace(OUTAGE, share=0.4)
    claim = replace(CLAIM, faults=(part,))

    (incident,) = measured(Draft(scenario=world(faults=(part,)), claims=(claim,)))

    assert incident.retry_effect == "helped"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"keys": (KEY, "mail.Send")}, "mail.Send is hardly hit"),
        ({"least_share": 1.5}, "of the calls are harmed"),
        ({"check": lambda _: "it is not as it should be"}, "not as it should be"),
        ({"remedy": lambda scenario: scenario}, "the remedy leaves"),
    ],
)
def test_a_claim_that_does_not_show_is_refused(
    world: World, change: dict[str, object], problem: str
) -> None:
    claim = replace(CLAIM, **change)  # type: ignore[arg-type]  # one field of several kinds

    with pytest.raises(NotShownError, match=problem):
        measured(Draft(scenario=world(faults=(OUTAGE,)), claims=(claim,)))


def test_a_fault_that_harms_nobody_is_no_incident(world: World) -> None:
    harmless = Slowdown(start_s=20.0, end_s=45.0, dependency="stock", factor=1.01)
    claim = replace(CLAIM, faults=(harmless,))

    with pytest.raises(NotShownError, match="only 0 calls are harmed"):
        measured(Draft(scenario=world(faults=(harmless,)), claims=(claim,)))


def test_a_blip_is_no_incident(world: World) -> None:
    blip = replace(OUTAGE, end_s=25.0)
    claim = replace(CLAIM, faults=(blip,))

    with pytest.raises(NotShownError, match="it is a blip"):
        measured(Draft(scenario=world(faults=(blip,)), claims=(claim,)))


def test_a_remedy_that_works_is_accepted(world: World) -> None:
    claim = replace(CLAIM, remedy=lambda scenario: replace(scenario, faults=()))

    assert measured(Draft(scenario=world(faults=(OUTAGE,)), claims=(claim,)))


def test_a_world_that_is_sick_without_the_fault_is_refused(world: World) -> None:
    other = Poison(start_s=5.0, end_s=50.0, key=KEY, share=0.9)

    with pytest.raises(NotShownError, match="without the fault it is not well either"):
        measured(Draft(scenario=world(faults=(OUTAGE, other)), claims=(CLAIM,)))


def test_a_healthy_day_may_have_a_blip_and_nothing_longer(world: World) -> None:
    blip = replace(OUTAGE, end_s=27.0)

    assert measured(Draft(scenario=world(faults=(blip,)))) == ()
    with pytest.raises(NotShownError, match="is harmed for too long"):
        measured(Draft(scenario=world(faults=(OUTAGE,))))


def test_policies_are_edited_where_they_stand_and_where_they_are_rolled_out() -> None:
    draft = draft_of("bad_policy_rollout", 1)
    key = draft.claims[0].keys[0]

    calm = edited(draft.scenario, [key], lambda policy: retried(policy, max_attempts=7))

    found = [spec.policy for spec in calm.keys if spec.key == key]
    found += [fault.policy for fault in calm.of(PolicyChange)]
    assert {p.retry.max_attempts for p in found if p is not None and p.retry is not None} >= {7}


def test_an_unknown_kind_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownScenarioError, match="'stormy' is not known; use one of bad_policy"):
        draft_of("stormy", 1)


def test_what_never_shows_is_given_up(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    hopeless = Draft(scenario=world(duration_s=5.0), claims=(CLAIM,))
    monkeypatch.setattr(make, "draft_of", lambda *_: hopeless)

    with pytest.raises(NotShownError, match="dependency_outage"):
        made("dependency_outage", 1)


def test_harm_tells_what_losses_ended_with() -> None:
    empty = Harm(None, 0.0, 1.0, (), frozenset(), 0.0)  # type: ignore[arg-type]  # no run is asked

    assert (empty.lost_to("CircuitOpenError"), empty.outlasts_s) == (0.0, 1.0)


@pytest.mark.slow
def test_a_kind_is_made_and_written_with_its_labels(tmp_path: Path) -> None:
    one = make.write("poison_requests", 5, tmp_path / "archive")

    assert read_labels(tmp_path / "archive") == one.labels
    assert one.labels.incidents
    assert one.labels.healthy_s < one.scenario.duration_s
