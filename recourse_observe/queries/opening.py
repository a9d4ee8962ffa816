"""Opening an archive: where it lies, who reads it, and what must be given back afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from recourse_observe.archive.cache import keep
from recourse_observe.archive.limits import Limits
from recourse_observe.archive.remote import RemoteStore

if TYPE_CHECKING:
    import os

    from recourse_observe.archive.opened import LocalStore

__all__ = ["opened_store"]


def opened_store(
    path: "str | os.PathLike[str]",
    held: ExitStack,
    *,
    trusted: bool,
    limits: Limits | None,
    forks: bool,
) -> "LocalStore | RemoteStore":
    """The tables of an archive: in this process where it is trusted, otherwise in one of their own.

    Args:
        path: A directory, one Parquet file, a bundle, or a pattern.
        held: What is to be closed after the store.
        trusted: Whether the archive is of our own making.
        limits: What a worker may use.
        forks: Whether the worker may begin as a copy of this process.

    Raises:
        ArchiveError: Nothing of it can be read.
    """
    place = held.enter_context(_unpacked(path))
    keeping = partial(keep, path) if place is path else None  # what a bundle held goes away
    if trusted:
        return _trusted(place, keeping)
    return _watched(partial(RemoteStore, place, limits=limits, forks=forks, keeping=keeping))


@contextmanager
def _unpacked(path: "str | os.PathLike[str]") -> "Iterator[str | os.PathLike[str]]":
    """What can be read: the path itself, or what a bundle there holds, as long as it is needed."""
    if not Path(path).is_file():
        yield path
        return
    from recourse_observe.archive.bundle import is_bundle, unbundled  # they bring Arrow

    if not is_bundle(path):
        yield path
        return
    with unbundled(path) as folder:
        yield folder


def _trusted(
    path: "str | os.PathLike[str]", keeping: Callable[[bytes], object] | None
) -> "LocalStore":
    from recourse_observe.archive.opened import LocalStore  # it brings all of Arrow

    return LocalStore(path, keeping=keeping)


def _watched(begin: Callable[[], RemoteStore]) -> RemoteStore:
    for needed in ("duckdb", "pyarrow"):
        if find_spec(needed) is None:  # said by us: the worker would end without a word
            raise ModuleNotFoundError(needed, name=needed)
    store = begin()
    try:
        store.wait()
    except BaseException:
        store.close()
        raise
    return store
