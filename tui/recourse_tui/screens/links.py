"""From a kept command line back to the place that it shows: the inverse of a link."""

from collections.abc import Sequence
from dataclasses import replace

from recourse_observe.scope import ScopeError, parse_instant
from recourse_tui.screens.session import Place

__all__ = ["place_of"]

_OPTIONS = ("--since", "--until", "--key", "--where", "--baseline", "--sort", "--at", "-i")


def place_of(argv: Sequence[str], views: Sequence[str]) -> Place | None:
    """The place that a command line shows; ``None`` when it is none of ours.

    Args:
        argv: Without ``recourse`` and without the archive.
        views: Names of screens.
    """
    if not argv or argv[0] not in views:
        return None
    place = Place(view=argv[0], shape=False)
    rest = list(argv[1:])
    try:
        while rest:
            place, rest = _take(place, rest)
    except ValueError:  # also of a scope, and of a missing value
        return None
    return place


def _take(place: Place, rest: list[str]) -> tuple[Place, list[str]]:
    option, *others = rest
    if option == "--shapes":
        return replace(place, shape=True), others
    if not others and place.view == "call":
        return replace(place, call_id=option), []
    if not others and place.view == "sql":
        return replace(place, query=option), []
    text, *others = others
    return _with(place, option, text), others


def _with(place: Place, option: str, text: str) -> Place:
    scope = place.scope
    match option:
        case "--since":
            scope = scope.during(parse_instant(text), scope.end_unix_us)
        case "--until":
            scope = scope.during(scope.start_unix_us, parse_instant(text))
        case "--key":
            scope = scope.of(text)
        case "--where":
            scope = scope.matching(text)
        case "--baseline":
            scope = replace(scope, baseline=text)
        case "--at":
            place = replace(place, at_us=parse_instant(text))
        case "--sort":
            place = replace(place, sort=text)
        case "-i":
            place = replace(place, incident=int(text))
        case _:
            raise ScopeError(option, "option", "one of " + ", ".join(_OPTIONS))
    return replace(place, scope=scope)
