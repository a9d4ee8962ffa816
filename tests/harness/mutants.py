"""Show how many mutants of each file the tests have noticed, and how each other one differs.

    mutmut run                           # once, or again after a change: it goes on where it was
    python tests/harness/mutants.py      # the scores, as a table
    python tests/harness/mutants.py -v   # and what nobody has noticed

Reads what ``mutmut run`` has left in ``mutants/``.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path


def verdict(code: int | None) -> str:
    """What one mutant's exit code says."""
    match code:
        case None:
            return "not run"
        case 0:
            return "lived"
        case 33:
            return "untested"
        case _:
            return "noticed"


def results(folder: Path) -> Iterator[tuple[str, dict[str, int | None]]]:
    """Each mutated file with the exit codes of its mutants."""
    for path in sorted((folder / "recourse").rglob("*.meta")):
        codes: dict[str, int | None] = json.loads(path.read_text(encoding="utf-8"))[
            "exit_code_by_key"
        ]
        if codes:
            yield path.relative_to(folder).as_posix().removesuffix(".meta"), codes


def table(folder: Path) -> Iterator[str]:
    """The scores, as Markdown."""
    total = Counter[str]()
    yield "| file | mutants | noticed | lived | untested | not run | score |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, codes in results(folder):
        count = Counter(map(verdict, codes.values()))
        total += count
        yield row(f"`{name}`", count)
    yield row("all", total)


def row(name: str, count: Counter[str]) -> str:
    """One line of the table; the score is a share of what was run."""
    run = count.total() - count["not run"]
    score = f"{count['noticed'] / run:.1%}" if run else ""
    cells = (count.total(), count["noticed"], count["lived"], count["untested"], count["not run"])
    return f"| {name} | {' | '.join(map(str, cells))} | {score} |"


def unnoticed(folder: Path) -> Iterator[str]:
    """The names of the mutants that no test has noticed."""
    for _, codes in results(folder):
        yield from (name for name, code in codes.items() if verdict(code) in ("lived", "untested"))


def main() -> int:
    """Print the table, and with ``-v`` what the mutants are that lived."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-v", "--verbose", action="store_true", help="show the mutants that lived")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("mutants"))
    arguments = parser.parse_args()
    if not (arguments.folder / "recourse").is_dir():
        print(f"folder {str(arguments.folder)!r} holds no mutants; make them with: mutmut run")
        return 2
    print("\n".join(table(arguments.folder)))
    if arguments.verbose:
        for name in unnoticed(arguments.folder):
            subprocess.run(["mutmut", "show", name], cwd=arguments.folder.parent, check=False)  # noqa: S607  # of the same environment
    return 0


if __name__ == "__main__":
    sys.exit(main())
