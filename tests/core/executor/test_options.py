"""What an executor refuses to be made with, and that it says why."""

from typing import Any

import pytest

from recourse import AlwaysRetryOnError, BaseObserver, Executor, Policy, PolicyError
from recourse.testing import VirtualClock

KEY = "svc.Op"


class Source:
    def get(self, key: object) -> Policy:
        return Policy(str(key))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policies": Policy(KEY)}, "policies Policy(key='svc.Op'"),
        ({"policies": 3}, "policies 3 is not allowed; use a list of policies"),
        ({"observers": 3}, "observers 3 is not allowed; use a list of observers"),
        ({"observers": BaseObserver()}, "observers <recourse.observer.BaseObserver"),
        ({"classifiers": [AlwaysRetryOnError()]}, "classifiers [<recourse.classify.builtin."),
        ({"classifiers": 0}, "classifiers 0 is not allowed; use a mapping from names to"),
        ({"classifiers": {"x": AlwaysRetryOnError}}, "classifiers.x <class 'recourse.classify."),
        ({"default_classifier": ["auto"]}, "default_classifier ['auto'] is not allowed; use the"),
        ({"triggers": "p95"}, "triggers 'p95' is not allowed; use a mapping from names to trigg"),
        ({"circuits": {}}, "circuits {} is not allowed; use a Circuits"),
        ({"provider": Source}, "provider <class '"),
        ({"clock": VirtualClock}, "clock <class 'recourse.testing.virtual_clock.VirtualClock'>"),
        ({"clock": 0}, "clock 0 is not allowed; use a clock, for example a VirtualClock"),
        (
            {"random": object.__new__},
            "random <built-in method __new__ of type object at 0x",
        ),
        ({"redact": "***"}, "redact '***' is not allowed; use a function from text to text"),
        ({"capture_messages": "no"}, "capture_messages 'no' is not allowed; use True or False"),
    ],
)
def test_r05_an_option_of_the_wrong_type_names_itself_and_its_value(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        Executor(**options)

    assert str(caught.value).startswith(message)


def test_r05_observers_and_policies_may_come_from_generators() -> None:
    observer = BaseObserver()
    executor = Executor((Policy(key) for key in (KEY,)), observers=(one for one in (observer,)))  # type: ignore[arg-type]  # what a Sequence is for

    assert executor.call(KEY, lambda: 7) == 7
    assert executor.observers == (observer,)
    assert Executor(observers=None).observers == ()  # type: ignore[arg-type]  # likewise
