"""How much slower it was at first: what came from outside, told from what a queue made of it."""

import random
from collections.abc import Callable

import pytest

from recourse_observe.whatif.onset import first_step
from recourse_observe.whatif.record import Record, Tried

Maker = Callable[..., Tried]
Recorder = Callable[..., Record]
EDGES = (21.0, 40.0)
SERVICE = tuple(sorted(random.Random(3).lognormvariate(-2.0, 0.4) for _ in range(400)))  # noqa: S311  # a test
TIMEOUT_S = 0.5


@pytest.fixture
def slowed(tried: Maker, recorded: Recorder) -> Callable[..., Record]:
    """Ten attempts a second for 40 s, as many times as slow as is told of the moment."""

    def made(times: Callable[[float], float], **given: object) -> Record:
        rng = random.Random(5)  # noqa: S311  # a test
        attempts = []
        for number in range(400):
            needs_s = times(number / 10) * rng.choice(SERVICE)
            cut = {"outcome": "retryable", "reason": "attempt_timeout"}
            ended = cut if needs_s > TIMEOUT_S else {}
            took_s = min(TIMEOUT_S, needs_s)
            attempts.append(tried(number, number / 10, duration_s=took_s, **ended))
        return recorded(attempts, **given)

    return made


def test_what_is_slow_at_once_came_from_outside(slowed: Callable[..., Record]) -> None:
    step = first_step(slowed(lambda at_s: 3.0 if at_s >= 20 else 1.0), SERVICE, EDGES)

    assert step is not None
    assert step.at_s == pytest.approx(20.0, abs=0.6)
    assert step.slowdown == pytest.approx(3.0, rel=0.25)


def test_what_gets_worse_after_some_seconds_is_not_what_came_from_outside(
    slowed: Callable[..., Record],
) -> None:
    queued = slowed(lambda at_s: 20.0 if at_s >= 24 else 2.0 if at_s >= 20 else 1.0)

    step = first_step(queued, SERVICE, EDGES)

    assert step is not None
    assert step.at_s == pytest.approx(20.0, abs=1.1)
    assert step.slowdown == pytest.approx(2.0, rel=0.25)


def test_where_quiet_goes_up_and_down_a_slight_step_is_none(
    slowed: Callable[..., Record],
) -> None:
    def calm(at_s: float) -> float:
        return 5.0 if at_s >= 20 else 2.2 if at_s >= 17 else 1.0

    def wavering(at_s: float) -> float:
        return calm(at_s) if at_s >= 17 else 1.0 if at_s % 4 < 2 else 2.2

    of_calm = first_step(slowed(calm), SERVICE, EDGES)
    of_wavering = first_step(slowed(wavering), SERVICE, EDGES)

    assert of_calm is not None
    assert of_wavering is not None
    assert of_calm.at_s < 19 < of_wavering.at_s


def test_trouble_that_was_slight_for_long_is_looked_for_where_the_incident_begins(
    slowed: Callable[..., Record],
) -> None:
    late = slowed(lambda at_s: 20.0 if at_s >= 32 else 2.0 if at_s >= 20 else 1.0, onset_s=20.0)

    step = first_step(late, SERVICE, (33.0, 40.0))

    assert step is not None
    assert step.at_s < 30
    assert step.slowdown == pytest.approx(2.0, rel=0.25)


def test_where_nobody_asked_nothing_can_be_told(recorded: Recorder, tried: Maker) -> None:
    assert first_step(recorded([tried(0, 1.0)]), SERVICE, EDGES) is None


def test_failing_answers_and_losers_of_races_say_nothing_of_how_slow_it_is(
    tried: Maker, recorded: Recorder
) -> None:
    errors = [tried(n, 20 + n / 10, outcome="retryable", reason="http_503") for n in range(100)]
    losers = [tried(n, 20 + n / 10, outcome="cancelled", reason="hedge_lost") for n in range(100)]

    assert first_step(recorded([*errors, *losers]), SERVICE, EDGES) is None
