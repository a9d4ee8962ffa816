"""A place as the command line that shows it, and back: a link is a command."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from recourse_observe.scope import EVERYTHING, Scope, ScopeError, instant, parse_instant, to_argv
from recourse_tui.screens.place import Place

__all__ = ["argv_of", "place_of"]

_OPEN: Final = (EVERYTHING.start_unix_us, EVERYTHING.end_unix_us)


def argv_of(place: Place) -> tuple[str, ...]:
    """The command line of a place, without ``recourse`` and without the archive."""
    argv = _options(place)
    match place.view:
        case "call" if place.call_id:
            beside = ("--against", place.against) if place.against else ()
            argv = ("call", *beside, *_word(place.call_id))
        case "sql" if place.query:
            argv = (*argv, *_word(place.query))
        case "story" if place.incident:
            argv = ("story", "-i", str(place.incident))
        case "calls":
            how = ("--shapes",) if place.shape else ("--sort", place.sort)
            argv = (*argv, *how)
        case "replay":
            at = ("--at", instant(place.at_us)) if place.at_us >= 0 else ()
            argv = (*argv, *at, *_candidate(place))
        case "key" if place.scope.key is not None:
            view, *rest = _options(replace(place, scope=place.scope.of(None)))
            argv = (view, place.scope.key, *rest)
        case "compare":
            argv = _compare(place)
        case "whatif":
            argv = _whatif(place)
        case "notes":
            argv = ("notes",)
        case _:
            pass
    return argv


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
        "--against": lambda: replace(place, against=text),
        "--set": lambda: replace(place, edits=(*place.edits, text)),
        "--sweep": lambda: replace(place, sweep=text),
        "-i": lambda: replace(place, incident=int(text)),
    }
    if option not in changes:
        raise ScopeError(option, "option", "one of " + ", ".join(changes))
    return changes[option]()


def _on(place: Place, scope: Scope) -> Place:
    return replace(place, scope=scope)


def _word(text: str) -> tuple[str, ...]:
    """A word that is no option, whatever it begins with: a comment, a strange id."""
    return ("--", text) if text.startswith("-") else (text,)


def _options(place: Place) -> tuple[str, ...]:
    view, _, *rest = to_argv(place.view, "", place.scope)
    return (view, *rest)


def _compare(place: Place) -> tuple[str, ...]:
    """The brush is B; A is what was before it, or the other keys."""
    scope = place.scope
    if _OPEN[0] == scope.start_unix_us or _OPEN[1] == scope.end_unix_us:
        return _options(place)
    _, *rest = _options(replace(place, scope=scope.during(*_OPEN)))
    window = f"{instant(scope.start_unix_us)}..{instant(scope.end_unix_us)}"
    return ("compare", "--b", window, *rest)


def _whatif(place: Place) -> tuple[str, ...]:
    sweep = ("--sweep", place.sweep) if place.sweep else ()
    incident = ("-i", str(place.incident)) if place.incident else ()
    edits = (word for edit in place.edits for word in ("--set", edit))
    return ("whatif", "-k", place.scope.key or "", *edits, *sweep, *incident)


def _candidate(place: Place) -> tuple[str, ...]:
    """What stands below what was recorded; nothing without a candidate."""
    if place.candidate is None:
        return ()
    incident = ("-i", str(place.incident)) if place.incident else ()
    return (*(word for edit in place.edits for word in ("--set", edit)), *incident)
