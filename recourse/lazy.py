"""Names of a package that come from their modules when they are first used."""

import sys
from importlib import import_module

# As ``typing`` says it; importing that would cost as much as starting Python does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["finder"]


def finder(
    package: str, homes: "Mapping[str, tuple[str, ...]]", modules: "tuple[str, ...]" = ()
) -> "Callable[[str], object]":
    """The ``__getattr__`` of a package that loads nothing of its own accord.

    Args:
        package: Its name.
        homes: Its modules, each with the public names that come from it.
        modules: Further modules that are found as the package's attributes.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    known = {home.partition(".")[0] for home in homes}.union(modules)

    def find(name: str) -> object:
        if name in home_of:
            found: object = getattr(import_module(f"{package}.{home_of[name]}"), name)
            # From now on it costs what every attribute costs.
            setattr(sys.modules[package], name, found)
            return found
        if name in known:
            return import_module(f"{package}.{name}")
        message = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(message)

    return find
