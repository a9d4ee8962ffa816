"""The samples of the laboratory: sound, small, made again by their seeds, and told as their story.md says."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from recourse_observe import open_archive
from recourse_observe.lab.labels import read_labels
from recourse_observe.lab.recording import record
from recourse_observe.lab.scenarios.make import draft_of
from recourse_observe.story.findings import Cause
from recourse_observe.story.render import as_markdown
from recourse_observe.story.tell import tell

SAMPLES = Path(__file__).parents[2] / "sample-data"
ALL_MB = 25


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_samples", SAMPLES / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()
NAMES = sorted(GENERATOR.SEEDS)


def rows(root: Path, table: str) -> list[dict[str, Any]]:
    with open_archive(root, trusted=True) as archive:
        told: list[dict[str, Any]] = archive.sql(f"SELECT * FROM {table} ORDER BY ALL").to_pylist()  # noqa: S608  # a table of ours
        return told


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_told_right_and_as_its_story_says(name: str) -> None:
    folder = SAMPLES / GENERATOR.folder_of(name)
    (truth,) = read_labels(folder).incidents

    with open_archive(folder, trusted=True) as archive:
        assert archive.warnings == ()
        story = tell(archive)

    golden, text = folder / "story.md", as_markdown(story)
    if os.environ.get("RECOURSE_UPDATE_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert [incident.cause for incident in story.incidents] == [truth.cause]


@pytest.mark.slow
def test_a_sample_is_made_again_by_its_seed(tmp_path: Path) -> None:
    name = "poison_requests"

    record(draft_of(name, GENERATOR.SEEDS[name]).scenario, tmp_path)

    kept = SAMPLES / GENERATOR.folder_of(name)
    assert all(rows(tmp_path, table) == rows(kept, table) for table in ("calls", "attempts"))


def test_every_cause_has_a_sample() -> None:
    assert set(NAMES) == set(Cause) - {Cause.UNKNOWN}


def test_the_samples_are_small() -> None:
    sizes = [path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()]

    assert sum(sizes) <= ALL_MB * 1024 * 1024
