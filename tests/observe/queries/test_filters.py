import pytest

from recourse_observe.queries.filters import compile_filter
from recourse_observe.scope import ScopeError


def test_no_term_means_every_call() -> None:
    assert compile_filter("") == ("true", {})


@pytest.mark.parametrize(
    "where", ["total>300", "attempts>many", "attempts>", "beauty>3", "total>2h", "key:'open", "''"]
)
def test_a_term_that_cannot_mean_anything_is_refused(where: str) -> None:
    with pytest.raises(ScopeError, match=r"^filter .* cannot be read; use "):
        compile_filter(where)


def test_values_are_parameters_and_never_text() -> None:
    condition, values = compile_filter("key:x';DROP x';y -reason:z*")

    assert "DROP" not in condition
    assert "z*" in values.values()
