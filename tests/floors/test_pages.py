"""What a page of the guides uses, it also tells to install; what it links to is there; what it shows is so."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recourse_observe.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = [*sorted(DOCS.glob("[ach]*/*.md")), ROOT / "README.md"]
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
STORY = re.compile(r"<!-- story -->\n(?:```text\n.*?\n```\n)?", re.DOTALL)
ARCHIVE = {"archive", "cli", "tui"}
BRINGS: dict[str, set[str]] = {
    "click": {"cli", "tui"},
    "duckdb": ARCHIVE,
    "pyarrow": ARCHIVE,
    "recourse_observe.archive": ARCHIVE,
    "recourse_observe.cli": {"cli", "tui"},
    "recourse_observe.story": ARCHIVE,
    "recourse_observe.whatif": ARCHIVE,
    "opentelemetry": {"otel"},
    "botocore": {"boto3"},
    "grpc": {"grpc"},
    "httpx2": {"openai"},
    "ibis": {"ibis-framework"},
    "urllib3": {"requests", "urllib3"},
}
"""Modules that come with an extra or a distribution of another name."""


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def imported(page: Path) -> set[str]:
    blocks = PYTHON.findall(page.read_text(encoding="utf-8"))
    found = set(re.findall(r"^ *(?:import|from) ([\w.]+)", "".join(blocks), re.MULTILINE))
    if any("import open_archive" in block for block in blocks):
        found.add("recourse_observe.archive")
    return found


def homes(module: str, page: Path) -> set[str]:
    """What may bring the module; nothing where it is ours, Python's, or what the reader comes from."""
    for name, found in BRINGS.items():
        if module == name or module.startswith(f"{name}."):
            return found
    top = module.partition(".")[0]
    own = top in {"recourse", "recourse_observe", "control_plane", "pytest"}
    leaves = page.stem.startswith("migrate-from-") and top in page.stem.replace("-", "_")
    return set() if own or leaves or top in sys.stdlib_module_names else {top}


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_what_its_blocks_need(page: Path) -> None:
    installs = re.findall(r"pip install([^`]+)", page.read_text(encoding="utf-8"))
    named = {word for install in installs for word in re.findall(r"[\w-]+", install)}

    missing = {
        module
        for module in imported(page)
        if (all_of := homes(module, page)) and not all_of & named
    }

    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_links_to_what_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", prose(page))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_no_paragraph_stands_twice() -> None:
    seen: dict[str, Path] = {}
    twice = []
    for page in GUIDES:
        for paragraph in prose(page).split("\n\n"):
            words = " ".join(paragraph.split())
            if len(words) > 120 and seen.setdefault(words, page) is not page:
                twice.append((words, page.name, seen[words].name))

    assert twice == []


def excerpt(story: str) -> Iterator[str]:
    """What a story says at first, and the first of each kind of what it rests on."""
    _, head, findings, *_ = story.split("\n\n")
    texts = re.split(r"\n(?=  \S)", findings)
    kinds = ("ROOT", "OURS", "GUARD", "END")
    yield head
    yield ""
    yield from (next(text for text in texts if f" {kind} " in text) for kind in kinds)


@pytest.mark.slow
def test_the_readme_shows_what_the_story_says(capsys: pytest.CaptureFixture[str]) -> None:
    """RECOURSE_UPDATE_GOLDENS=1 rewrites it."""
    sample, page = "sample-data/checkout-outage", ROOT / "README.md"
    assert main(["story", str(ROOT / sample)]) == 0
    shown = "\n".join(excerpt(capsys.readouterr().out))
    block = f"<!-- story -->\n```text\n$ recourse story {sample}\n{shown}\n```\n"

    found = STORY.sub(lambda _: block, page.read_text(encoding="utf-8"), count=1)
    if os.environ.get("RECOURSE_UPDATE_GOLDENS"):
        page.write_text(found, encoding="utf-8")

    assert page.read_text(encoding="utf-8") == found
