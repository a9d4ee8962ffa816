"""How objects that a call is made of are laid out, so that none is slow for what others were given."""

import gc
import sys
from typing import Any, Protocol

import pytest

from recourse.plan.call import Call, Run, laid_out
from recourse.plan.heard import Heard
from recourse.plan.unheard import Unheard


class Made(Protocol):
    """What has one attribute from its beginning, and may be given others."""

    now: int
    later: str | None
    latest: str | None


class Plain:
    later: str | None = None
    latest: str | None = None

    def __init__(self) -> None:
        self.now = 1


@laid_out
class LaidOut:
    later: str | None = None
    latest: str | None = None

    def __init__(self) -> None:
        self.now = 1


@laid_out
class Derived(LaidOut):
    last: str | None = None


def has_a_dictionary(made: Any) -> bool:
    """Whether the attributes are in a dictionary of the object's own."""
    return any(type(each) is dict for each in gc.get_referents(made))


def given_later(kind: type[Any]) -> Any:
    """The first object that is given what the many before it were not."""
    many: list[Made] = [kind() for _ in range(100)]
    made: Made = kind()
    made.later = made.latest = "now"
    assert [each.later for each in many] == [None] * 100
    return made


def test_what_only_later_objects_are_given_has_its_place_from_the_beginning() -> None:
    derived = given_later(Derived)
    derived.last = "now"

    assert not has_a_dictionary(given_later(LaidOut))
    assert not has_a_dictionary(derived)
    assert LaidOut().later is None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="known of CPython 3.11")
def test_without_that_the_interpreter_gives_later_objects_a_dictionary() -> None:
    assert has_a_dictionary(given_later(Plain))


def test_what_calls_are_made_of_has_its_place() -> None:
    for kind in (Run, Unheard, Heard, Call):
        made: Any = object.__new__(kind)
        for base in kind.__mro__:
            for name in vars(base).get("__annotations__", ()):
                setattr(made, name, None)
        assert not has_a_dictionary(made), kind
