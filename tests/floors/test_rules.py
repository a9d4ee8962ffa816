"""The page of rules says which tests prove each, and every rule has one."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGES = TESTS.parent / "docs" / "reference"
RULES: dict[str, dict[str, str]] = tomllib.loads((PAGES / "rules.toml").read_text(encoding="utf-8"))
TEST = re.compile(r"^(?:async )?def test_(?P<numbers>(?:r\d\d_)+)(?P<sentence>\w+)", re.MULTILINE)
NOTE = "<!-- Generated: RECOURSE_UPDATE_GOLDENS=1 python -m pytest tests/floors/test_rules.py -->"


def proofs() -> dict[str, dict[str, list[str]]]:
    """By rule and file, the sentences of its tests; a state machine proves the rules it is named after."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for test in TEST.finditer(path.read_text(encoding="utf-8")):
            for number in test["numbers"].upper().split("_")[:-1]:
                by_file = found.setdefault(number, {})
                sentence = test["sentence"].replace("_", " ")
                by_file.setdefault(path.relative_to(TESTS).as_posix(), []).append(sentence)
    return found


def page() -> Iterator[str]:
    found = proofs()
    yield from (NOTE, "", "# Rules and their proofs", "")
    count = sum(len(tests) for files in found.values() for tests in files.values())
    yield f"The executor keeps {sum(map(len, RULES.values()))} rules, and {count} tests carry their numbers."
    yield "A test's name is the sentence that it proves."
    for section, rules in RULES.items():
        yield from ("", f"## {section.replace('-', ' ').capitalize()}")
        for number, title in rules.items():
            yield from ("", f"### {number} {title}", "")
            for path, sentences in found[number].items():
                yield f"- `tests/{path}`"
                yield from (f"  - {sentence}" for sentence in sentences)


def test_every_rule_has_a_proof_and_every_number_is_a_rule() -> None:
    numbers = [number for rules in RULES.values() for number in rules]

    assert sorted(proofs()) == numbers == [f"R{index:02}" for index in range(1, 81)]


def test_the_page_of_rules_names_the_tests_that_there_are() -> None:
    golden = PAGES / "rules.md"
    written = "\n".join(page()) + "\n"
    if os.environ.get("RECOURSE_UPDATE_GOLDENS"):
        golden.write_text(written, encoding="utf-8")

    assert written == golden.read_text(encoding="utf-8")
