from typing import Any

import pytest
from hypothesis import strategies as st

from recourse.policy import BudgetRef, CircuitPolicy, HedgePolicy, Policy, RetryPolicy, fields
from recourse.policy.fields import Field, Kind


def value_of(field: Field) -> st.SearchStrategy[Any]:
    """Anything that a person may give the field and that a block accepts, in bounds or not."""
    values: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.COUNT: st.integers(-(10**6), 10**6),
        Kind.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 99),
        Kind.SECONDS: st.floats(-10.0, 10_000.0) | st.timedeltas(),
        Kind.FLAG: st.booleans(),
        Kind.CHOICE: st.sampled_from(field.choices or ("",)),
        Kind.TEXT: st.text(max_size=5),
    }
    if field.kind is Kind.REF:
        return st.none() | st.text(max_size=5) | block_of(BudgetRef)
    return st.none() | values[field.kind]


def block_of(kind: type) -> st.SearchStrategy[Any]:
    names = {field.name: value_of(field) for field in fields.table(kind)}
    return st.fixed_dictionaries({}, optional=names).map(lambda given: kind(**given))


@pytest.fixture(scope="session")
def policies() -> st.SearchStrategy[Policy]:
    return st.builds(
        Policy,
        st.text(min_size=1, max_size=8),
        retry=st.none() | block_of(RetryPolicy),
        hedge=st.none() | block_of(HedgePolicy),
        circuit=st.none() | block_of(CircuitPolicy),
        idempotent=st.none() | st.booleans(),
        id=st.text(max_size=5),
    )
