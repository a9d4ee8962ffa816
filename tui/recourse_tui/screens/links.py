"""A place as the command line that shows it, and back: a link is a command."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from recourse_observe.scope import EVERYTHING, Scope, ScopeError, instant, parse_instant, to_argv
from recourse_observe.story.named import Reference, UnknownIncidentError, incident_named, name_of
from recourse_tui.screens.place import Place

if TYPE_CHECKING:
    from recourse_observe.story.findings import StoryDocument

__all__ = ["argv_of", "moment_of", "numbered", "place_of"]

_OPEN: Final = (EVERYTHING.start_unix_us, EVERYTHING.end_unix_us)


def argv_of(place: Place, story: "StoryDocument | None" = None) -> tuple[str, ...]:
    """The command line of a place, without ``recourse`` and without the archive.

    Args:
        place: A screen, and what it is about.
        story: Names the incident, once it is told.
    """
    about = ("-i", _called(place.incident, story)) if place.incident else ()
    argv = _options(place)
    match place.view:
        case "call" if place.call_id:
            beside = ("--against", place.against) if place.against else ()
            argv = ("call", *beside, *_word(place.call_id))
        case "sql" if place.query:
            argv = (*argv, *_word(place.query))
        case "story" if place.incident:
            argv = ("story", *about)
        case "calls":
            how = ("--shapes",) if place.shape else ("--sort", place.sort)
            argv = (*argv, *how)
        case "replay":
            at = ("--at", instant(place.at_us)) if place.at_us >= 0 else ()
            edits = (*_edits(place), *about) if place.candidate is not None else ()
            argv = (*argv, *at, *edits)
        case "key" if place.scope.key is not None:
            view, *rest = _options(replace(place, scope=place.scope.of(None)))
            argv = (view, place.scope.key, *rest)
        case "compare":
            argv = _compare(place)
        case "whatif":
            sweep = ("--sweep", place.sweep) if place.sweep else ()
            argv = ("whatif", "-k", place.scope.key or "", *_edits(place), *sweep, *about)
        case "notes":
            argv = ("notes",)
        case _:
            pass
    return argv


def place_of(
    argv: Sequence[str], views: Sequence[str], story: "StoryDocument | None" = None
) -> Place | None:
    """The place that a command line shows; ``None`` when it is none of ours.

    Args:
        argv: Without ``recourse`` and without the archive.
        views: Names of screens.
        story: Knows the incident that is named, once it is told.

    Raises:
        UnknownIncidentError: The incident that it is about is not there, or not known yet.
    """
    if not argv or argv[0] not in views:
        return None
    place = Place(view=argv[0], shape=False)
    rest = list(argv[1:])
    try:
        while rest:
            place, rest = _take(place, rest, story)
    except UnknownIncidentError:
        raise
    except ValueError:  # also of a scope, and of a missing value
        return None
    return place


def moment_of(argv: Sequence[str]) -> int | None:
    """The moment that a command line is about: of a replay where it stands, else where the brush begins."""
    options = dict(pairwise(argv))
    text = options.get("--at") or options.get("--since") or ""
    try:
        return parse_instant(text)
    except ScopeError:
        return None


def numbered(text: str, story: "StoryDocument | None") -> int:
    """The number of an incident that somebody named.

    Raises:
        UnknownIncidentError: There is no such incident, or none is known yet.
        ScopeError: The words name none.
    """
    reference = Reference.read(text)
    if story is not None:
        return incident_named(reference, story).id
    if reference.number:
        return reference.number
    raise UnknownIncidentError(text, "incident", "or not yet: screen 1 finds incidents")


def _called(number: int, story: "StoryDocument | None") -> str:
    known = story.incidents if story is not None else ()
    return name_of(known[number - 1]) if 1 <= number <= len(known) else str(number)


def _take(place: Place, rest: list[str], story: "StoryDocument | None") -> tuple[Place, list[str]]:
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
    return _with(place, option, text, story), others


def _with(place: Place, option: str, text: str, story: "StoryDocument | None") -> Place:
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
        "-i": lambda: replace(place, incident=numbered(text, story)),
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


def _edits(place: Place) -> tuple[str, ...]:
    return tuple(word for edit in place.edits for word in ("--set", edit))
