import sys
from types import ModuleType
from typing import Any

import pytest

from recourse.classify import (
    AlwaysRetryOnError,
    AutoClassifier,
    ByException,
    ClassifierRegistry,
    HTTPClassifier,
)
from recourse.clock import SystemClock
from recourse.errors import PolicyError


def test_the_three_of_the_core_are_there() -> None:
    registry = ClassifierRegistry()

    found = {name: type(registry.find(name)) for name in ("always", "auto", "http")}

    assert found == {"always": AlwaysRetryOnError, "auto": AutoClassifier, "http": HTTPClassifier}
    assert registry.names == ("always", "auto", "grpc", "http", "redis", "sqlstate")


def test_the_users_are_found_and_win_over_ours() -> None:
    mine = ByException({OSError: "retryable"})

    registry = ClassifierRegistry({"mine": mine, "auto": mine})

    assert [registry.find("mine"), registry.find("auto")] == [mine, mine]
    assert "mine" in registry.names


def test_an_unknown_name_finds_nothing() -> None:
    assert ClassifierRegistry().find("htpp") is None


def test_what_cannot_classify_is_refused_by_name() -> None:
    with pytest.raises(PolicyError, match=r"classifiers\.mine .* an object with classify"):
        ClassifierRegistry({"mine": object()})  # type: ignore[dict-item]  # the mistake


@pytest.mark.parametrize(
    ("name", "module", "attribute"),
    [
        ("grpc", "recourse.integrations.grpc", "GRPCClassifier"),
        ("redis", "recourse.integrations.redis", "RedisClassifier"),
        ("sqlstate", "recourse.integrations.sql", "SQLStateClassifier"),
    ],
)
def test_a_classifier_of_an_integration_is_loaded_once_when_it_is_asked_for(
    name: str, module: str, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration: Any = ModuleType(module)
    setattr(integration, attribute, AlwaysRetryOnError)
    monkeypatch.setitem(sys.modules, module, integration)
    registry = ClassifierRegistry()

    found = registry.find(name)

    assert isinstance(found, AlwaysRetryOnError)
    assert registry.find(name) is found


@pytest.mark.parametrize("integration", [None, ModuleType("recourse.integrations.grpc")])
def test_an_integration_that_is_missing_or_empty_finds_nothing(
    integration: ModuleType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "recourse.integrations.grpc", integration)

    assert ClassifierRegistry().find("grpc") is None


def test_a_date_in_retry_after_is_read_on_the_registrys_clock(
    http_error: Any, clock: SystemClock
) -> None:
    registry = ClassifierRegistry(clock=clock)
    error = http_error(503, headers={"Retry-After": "Sun, 06 Nov 1994 12:00:30 GMT"})

    found = {
        name: classifier.classify(None, error).retry_after_s
        for name in ("auto", "http")
        if (classifier := registry.find(name)) is not None
    }

    assert found == {"auto": 30.0, "http": 30.0}
