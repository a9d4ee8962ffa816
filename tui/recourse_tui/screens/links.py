"""From a kept command line back to the place that it shows: the inverse of a link."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from recourse_observe.scope import Scope, ScopeError, parse_instant
from recourse_tui.screens.session import Place

__all__ = ["place_of"]


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
    if option == "--":
        return place, others
    if option == "--shapes":
        return replace(place, shape=True), others
    if not others and place.view == "call":
        return replace(place, call_id=option), []
    if place.view == "key" and not option.startswith("--") and place.scope.key is None:
        return _on(place, place.scope.of(option)), others
    if not others and place.view == "sql":
        return replace(place, query=option), []
    text, *others = others
    return _with(place, option, text), others


def _with(place: Place, option: str, text: str) -> Place:
    scope = place.scope
    changes: dict[str, Callable[[], Place]] = {
        "--since": lambda: _on(place, scope.during(parse_instant(text), scope.end_unix_us)),
        "--until": lambda: _on(place, scope.during(scope.start_unix_us, parse_instant(text))),
        "--b": lambda: _on(place, scope.during(*map(parse_instant, text.split("..")))),
        "--key": lambda: _on(place, scope.of(text)),
        "-k": lambda: _on(place, scope.of(text or None)),
        "--where": lambda: _on(place, scope.matching(text)),
        "--baseline": lambda: _on(place, replace(scope, baseline=text)),
        "--at": lambda: replace(place, at_us=parse_instant(text)),
        "--sort": lambda: replace(place, sort=text),
        "--set": lambda: replace(place, edits=(*place.edits, text)),
        "--sweep": lambda: replace(place, sweep=text),
        "-i": lambda: replace(place, incident=int(text)),
    }
    if option not in changes:
        raise ScopeError(option, "option", "one of " + ", ".join(changes))
    return changes[option]()


def _on(place: Place, scope: Scope) -> Place:
    return replace(place, scope=scope)
