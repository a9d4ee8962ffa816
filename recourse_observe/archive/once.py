"""Each row once, although for a moment it lies in two files: which of a table's files count."""

from collections.abc import Collection, Sequence

from recourse_observe.archive.validate import FoundFile

__all__ = ["each_once"]


def each_once(
    files: Sequence[FoundFile], unpublished: Collection[tuple[str, int]]
) -> tuple[FoundFile, ...]:
    """Files whose rows stand nowhere else.

    Left out: what a compacted file replaces, a part of one whose last part is not there, a file
    published twice or copied under another name, and the tables of a segment whose publication did
    not get as far as ``calls``.
    """
    replaced = frozenset[str]().union(*(file.replaces for file in files))
    names = {file.path.name for file in files}
    kept: dict[object, FoundFile] = {}
    originals = {_likeness(file) for file in files if file.name is not None}
    for file in files:
        last_part = file.metadata.get("recourse.part_of", file.path.name)
        if file.path.name in replaced or last_part not in names:
            continue
        if file.name is None:
            if "recourse.instance" not in file.metadata or _likeness(file) not in originals:
                kept[file.path] = file
        elif (whose := (file.name.instance, file.name.sequence)) not in unpublished:
            kept.setdefault(whose, file)
    return tuple(kept.values())


def _likeness(file: FoundFile) -> tuple[object, ...]:
    """What two files have in common only when one is a copy: whose it is, its times and its size."""
    return tuple(sorted(file.metadata.items())), file.rows, file.size_bytes
