"""Tells the stories of labelled archives, on every core, and lays them beside their labels."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from recourse_observe.queries.archive import Archive, open_archive
from recourse_observe.story.score.cases import Answer, LabelError, Truth
from recourse_observe.story.score.match import Case, matched
from recourse_observe.story.tell import tell

__all__ = ["labelled", "scored"]

_FILE: Final = "labels.json"
_MARKER: Final = "_recourse.json"
_AROUND_US: Final = 60_000_000
_LEAST: Final = 3
_MOMENTS: Final = {
    "attempts": "started_at",
    "budget_decisions": "decided_at",
    "calls": "started_at",
    "circuit_transitions": "changed_at",
    "hedges": "spawned_at",
    "policies": "applied_at",
}


def labelled(directories: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Archives with their label files, below some directories.

    Raises:
        LabelError: There is none, or a label lies beside no archive.
    """
    files = sorted({path for one in directories for path in one.rglob(_FILE)})
    if not files:
        raise LabelError(", ".join(str(one) for one in directories), "is in none of its folders")
    return [(_archive_of(path), path) for path in files]


def scored(directories: Sequence[Path], *, jobs: int) -> list[Case]:
    """Every labelled archive, told and compared.

    Args:
        directories: Where to look.
        jobs: How many processes; one means this one.
    """
    found = labelled(directories)
    if jobs == 1:
        return [_case(one) for one in found]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_case, found))


def _archive_of(labels: Path) -> Path:
    """The archive that a label is about: its own folder, or the one below it."""
    folder = labels.parent
    near = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    for candidate in near:
        if (candidate / _MARKER).exists():
            return candidate
    raise LabelError(str(labels), "lies beside no archive")


def _case(found: tuple[Path, Path]) -> Case:
    archive_path, labels = found
    truth = Truth.from_json(json.loads(labels.read_text(encoding="utf-8")), str(labels))
    with open_archive(archive_path, trusted=True) as archive:
        document = tell(archive).to_json()
        answers = [
            Answer.from_json(told, is_grounded=_is_grounded(archive, told))
            for told in document["incidents"]
        ]
    return matched(truth, answers)


def _is_grounded(archive: Archive, told: Mapping[str, Any]) -> bool:
    """Whether every cited row exists, and three of them are of the keys and of the time."""
    rows = [_cited(archive, told, row) for row in told["evidence"]]
    return all(found for found, _ in rows) and sum(apt for _, apt in rows) >= _LEAST


def _cited(archive: Archive, told: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether a row exists, and whether it is of the incident."""
    moment = _MOMENTS[row["table"]]
    terms, values = dict(_terms(row)), {k: v for k, v in row.items() if k in {"key", "instance"}}
    values |= {name: row[name] for name in ("call_id", "attempt", "hedge_index") if name in row}
    if "at_ns" in row:
        terms["at_us"], values["at_us"] = f"epoch_us({moment}) = $at_us", row["at_ns"] // 1_000
    sql = f"SELECT key, epoch_us({moment}) AS at_us FROM {row['table']} WHERE {' AND '.join(terms.values())}"  # noqa: S608  # names are ours
    found = archive.sql(sql, values).to_pylist()
    low = told["onset_ns"] // 1_000 - _AROUND_US
    high = told["end_ns"] // 1_000 + _AROUND_US
    apt = any(one["key"] in told["affected_keys"] and low <= one["at_us"] < high for one in found)
    return bool(found), apt


def _terms(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("call_id", "attempt", "hedge_index", "key", "instance"):
        if name in row:
            yield name, f"{name} = ${name}"
