"""``import recourse`` loads nothing; its names come when they are first used."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import recourse

# What an application that only imports the package must not pay for.
UNUSED = (
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "datetime",
    "email",
    "enum",
    "hashlib",
    "http",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "random",
    "re",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "tomllib",
    "typing",
    "urllib",
)


def names_for_type_checkers() -> dict[str, str]:
    """Every name that the package imports for type checkers, with its module."""
    tree = ast.parse(Path(recourse.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_importing_the_package_loads_nothing_that_is_heavy() -> None:
    code = f"import recourse, sys\nprint(*[m for m in {UNUSED!r} if m in sys.modules])"

    # Isolated and without site: what an environment's own start-up files load is not ours.
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.split() == []


def test_every_name_comes_from_where_type_checkers_look_for_it() -> None:
    expected = names_for_type_checkers()

    assert sorted(expected) == list(recourse.__all__)
    for name, home in expected.items():
        assert getattr(recourse, name) is getattr(importlib.import_module(home), name)


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(recourse), "TokenBucket", raising=False)

    found = recourse.TokenBucket

    assert vars(recourse)["TokenBucket"] is found


def test_public_modules_are_there_without_an_import_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(vars(recourse), "errors", raising=False)

    found = getattr(recourse, "errors")  # noqa: B009  # type checkers want it imported

    assert found is sys.modules["recourse.errors"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'recourse' has no attribute 'Excutor'"):
        getattr(recourse, "Excutor")  # noqa: B009  # type checkers refuse it written plainly


def test_dir_lists_what_is_not_loaded_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(recourse), "HTTPSource", raising=False)

    assert {"HTTPSource", "__name__"} <= set(dir(recourse))
