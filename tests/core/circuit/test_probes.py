from recourse.circuit.probes import Probes


def test_of_probes_that_never_came_back_the_last_hundred_are_remembered() -> None:
    probes = Probes()
    for second in range(101):
        probes.take(float(second), 1, 0.5)
    before = len(probes._expires_s)

    probes.take(101.0, 1, 0.5)

    assert (before, len(probes._expires_s)) == (101, 101)
    assert [probes.settle(number) for number in (1, 2, 2, 102, None)] == [
        False,
        True,
        False,
        True,
        False,
    ]
