"""Whoever is excused from a rule says why."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BARE = re.compile(r"# (?:noqa: [A-Z0-9, ]+|pragma: no \w+)$", re.MULTILINE)


def test_an_exception_from_a_rule_carries_its_reason() -> None:
    files = [
        path
        for folder in ("recourse", "recourse_observe", "tui", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
    ]

    bare = [
        f"{path.name}: {found}"
        for path in files
        for found in BARE.findall(path.read_text(encoding="utf-8"))
    ]

    assert bare == []
