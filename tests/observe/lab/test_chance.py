"""Draws follow from the seed and from what they are for."""

import statistics

from recourse_observe.lab.chance import Chance, Stream


def test_the_same_draw_gives_the_same_number_and_another_one_another() -> None:
    chance = Chance(7)

    again = Chance(7).unit(Stream.SERVICE, 3, 1, 2)

    assert chance.unit(Stream.SERVICE, 3, 1, 2) == again
    others = [
        Chance(8).unit(Stream.SERVICE, 3, 1, 2),
        chance.unit(Stream.BACKOFF, 3, 1, 2),
        chance.unit(Stream.SERVICE, 4, 1, 2),
        chance.unit(Stream.SERVICE, 3, 2, 2),
        chance.unit(Stream.SERVICE, 3, 1, 0),
    ]
    assert len({again, *others}) == 6


def test_numbers_are_spread_evenly_and_neighbours_have_nothing_in_common() -> None:
    chance = Chance(1)

    drawn = [chance.unit(Stream.ARRIVAL, number) for number in range(20_000)]

    assert min(drawn) > 0.0
    assert max(drawn) < 1.0
    assert abs(statistics.fmean(drawn) - 0.5) < 0.01
    assert abs(statistics.correlation(drawn[:-1], drawn[1:])) < 0.02


def test_normal_numbers_have_the_spread_of_the_standard_normal_distribution() -> None:
    drawn = [Chance(2).normal(Stream.SERVICE, number) for number in range(5_000)]

    assert abs(statistics.fmean(drawn)) < 0.05
    assert abs(statistics.stdev(drawn) - 1.0) < 0.05


def test_gaps_are_those_of_a_poisson_process() -> None:
    gaps_s = [Chance(3).gap_s(Stream.ARRIVAL, number, 0, 4.0) for number in range(5_000)]

    assert abs(statistics.fmean(gaps_s) - 0.25) < 0.02
    assert abs(statistics.stdev(gaps_s) - 0.25) < 0.02
