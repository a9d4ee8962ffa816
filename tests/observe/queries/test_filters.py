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


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (
            "total>300",
            "filter 'total>300' cannot be read; use a duration with its unit: total>300ms",
        ),
        ("beauty>3", "filter 'beauty>3' cannot be read; use a number: attempts>2, retries>0,"),
        ("-", "filter '-' cannot be read; use a term such as lost, key:pay* or attempts>2"),
    ],
)
def test_what_is_refused_is_told_with_what_was_typed(where: str, told: str) -> None:
    with pytest.raises(ScopeError) as refused:
        compile_filter(where)

    assert str(refused.value).startswith(told)
