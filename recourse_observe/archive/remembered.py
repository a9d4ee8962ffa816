"""What a look at an archive's files found, as text for the next look.

A cache, and never the truth, as the index is: an entry counts only while its file has the size, the time
of change and the inode that it names. Whoever reads a file verifies its pages all the same.
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from recourse_observe.archive.cache import MOST_BYTES, place
from recourse_observe.archive.names import FileName
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.validate import FoundFile

__all__ = ["Remembered", "recall", "written"]

_FORM: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An earlier look.

    Attributes:
        files: What was found, by path.
        whole: Those whose every page was read.
    """

    files: Mapping[Path, FoundFile] = field(default_factory=dict)
    whole: frozenset[Path] = frozenset()


def written(root: Path, files: Iterable[FoundFile], whole: Collection[Path]) -> bytes:
    """What is known of an archive's files, as :func:`recall` reads it."""
    shapes: dict[str, int] = {}
    entries = []
    for file in files:
        shape = json.dumps([file.table, file.columns, dict(file.renamed)])
        entries.append(
            (
                os.fspath(file.path.relative_to(root)),
                shapes.setdefault(shape, len(shapes)),
                file.rows,
                file.size_bytes,
                file.modified_ns,
                file.inode,
                dict(file.metadata),
                {name: list(map(_said, pair)) for name, pair in file.bounds.items()},
                file.path in whole,
            )
        )
    said = {
        "form": _FORM,
        "root": os.path.realpath(root),
        "shapes": list(map(json.loads, shapes)),
        "files": entries,
    }
    return json.dumps(said).encode()


def recall(root: str | os.PathLike[str]) -> Remembered:
    """What an earlier look found; nothing when there was none, or its words make no sense."""
    try:
        with place(root).open("rb") as file:
            said = json.loads(file.read(MOST_BYTES + 1))
        if (said["form"], said["root"]) != (_FORM, os.path.realpath(root)):
            return Remembered()
        shapes = [_shape(*one) for one in said["shapes"]]
        found = [_file(Path(root), shapes, *entry) for entry in said["files"]]
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError):
        return Remembered()
    return Remembered(
        files={file.path: file for file, _ in found},
        whole=frozenset(file.path for file, is_whole in found if is_whole),
    )


def _shape(table: str, columns: Sequence[Sequence[str]], renamed: Mapping[str, str]) -> Any:
    return {
        "table": {name: name for name in TABLES}[table],
        "columns": tuple((str(name), str(kind)) for name, kind in columns),
        "renamed": {str(name): str(theirs) for name, theirs in renamed.items()},
    }


def _file(root: Path, shapes: Sequence[Any], *entry: Any) -> tuple[FoundFile, bool]:
    name, shape, rows, size_bytes, modified_ns, inode, metadata, bounds, is_whole = entry
    path = root / name
    found = FoundFile(
        path=path,
        rows=int(rows),
        size_bytes=int(size_bytes),
        modified_ns=int(modified_ns),
        inode=int(inode),
        name=FileName.parse(path.name),
        metadata={str(key): str(value) for key, value in metadata.items()},
        bounds={key: (_heard(least), _heard(most)) for key, (least, most) in bounds.items()},
        **shapes[shape],
    )
    return found, bool(is_whole)


def _said(value: object) -> object:
    return [value.isoformat()] if isinstance(value, datetime) else value


def _heard(value: Any) -> Any:
    return datetime.fromisoformat(value[0]) if isinstance(value, list) else value
