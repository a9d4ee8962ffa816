import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from recourse import Executor, Policy, RetryPolicy


def _beside(name: str) -> ModuleType:
    """A module of this folder, which commands import by its name."""
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


clients = _beside("http_clients")
faults = _beside("fault_server")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a client's name with each kind, unless it chooses itself."""
    chosen = [marker.args[0] for marker in metafunc.definition.iter_markers("parametrize")]
    if "name" in metafunc.fixturenames and "name" not in chosen:
        metafunc.parametrize("name", clients.KINDS)


@pytest.fixture
def server() -> Iterator[Any]:
    with faults.FaultServer() as running:
        yield running


@pytest.fixture
def answer() -> Any:
    """The class of scripted answers."""
    return faults.Answer


@pytest.fixture
def opened() -> Iterator[Callable[..., Any]]:
    """Opens a governed client by name; closes it after the test."""
    with ExitStack() as stack:
        yield lambda name, **options: stack.enter_context(clients.opened(name, **options))


@pytest.fixture
def governing() -> Callable[..., Executor]:
    """Makes an executor whose calls all follow one policy that hardly waits."""

    def make(
        *,
        retry: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        **policy: Any,
    ) -> Executor:
        quick = {"initial_backoff_s": 0.001, "max_backoff_s": 0.001, "jitter": "none"}
        every = Policy("every", retry=RetryPolicy(**{**quick, **(retry or {})}), **policy)
        return Executor(default_policy=every, **(options or {}))

    return make
