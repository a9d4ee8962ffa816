"""``import recourse`` loads nothing; its names come when they are first used."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import recourse
import recourse.provider

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


# What a call needs only when its policies come from a file or from afar.
FROM_AFAR = (
    "http.client",
    "recourse.policy.parse",
    "recourse.provider.file",
    "recourse.provider.http_source",
    "recourse.provider.remote",
    "tomllib",
    "urllib.request",
)


def loaded(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of the modules a fresh process has loaded after running the code."""
    # Isolated and without site: what an environment's own start-up files load is not ours.
    prelude = f"import sys; sys.path = {sys.path!r}"
    epilogue = f"print(*[name for name in {names!r} if name in sys.modules])"
    command = [sys.executable, "-I", "-S", "-c", f"{prelude}\n{code}\n{epilogue}"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.split()


def names_for_type_checkers(package: ModuleType) -> dict[str, str]:
    """Every name that a package imports for type checkers, with its module."""
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_importing_the_package_loads_nothing_that_is_heavy() -> None:
    assert loaded("import recourse", UNUSED) == []


def test_a_call_loads_nothing_that_only_policies_from_afar_need() -> None:
    assert loaded("import recourse; recourse.call('svc.Op', int)", FROM_AFAR) == []


@pytest.mark.parametrize("package", [recourse, recourse.provider])
def test_every_name_comes_from_where_type_checkers_look_for_it(package: ModuleType) -> None:
    expected = names_for_type_checkers(package)

    assert sorted(expected) == list(package.__all__)
    for name, home in expected.items():
        assert getattr(package, name) is getattr(importlib.import_module(home), name)


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
