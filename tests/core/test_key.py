import pickle

import pytest
from hypothesis import given, strategies as st

from recourse.errors import KeyCardinalityError, PolicyError
from recourse.key import OVERFLOW_KEY, PolicyKey, cardinality_problem, checked


@given(st.text(min_size=1))
def test_r01_a_key_is_exactly_its_text(text: str) -> None:
    key = PolicyKey.parse(text)

    assert str(key) == text
    assert PolicyKey.parse(key) == key == PolicyKey.parse(str(key))
    assert hash(key) == hash(PolicyKey(text))


@pytest.mark.parametrize(
    ("text", "namespace", "name"),
    [
        ("payments.Charge", "payments", "Charge"),
        ("pkg.Svc.Method", "pkg", "Svc.Method"),
        ("alone", "", "alone"),
        (".Hidden", "", "Hidden"),
        ("tail.", "tail", ""),
    ],
)
def test_r01_the_namespace_is_the_text_before_the_first_dot(
    text: str, namespace: str, name: str
) -> None:
    key = PolicyKey(text)

    assert (key.namespace, key.name) == (namespace, name)


def test_r01_keys_that_read_alike_but_are_written_differently_differ() -> None:
    assert PolicyKey("pkg.Svc.Method") != PolicyKey("pkg.Svc")
    assert PolicyKey("pkg.Svc.Method") == PolicyKey.parse("pkg.Svc.Method")


@pytest.mark.parametrize("text", ["", None, 7, b"payments.Charge"])
def test_a_key_that_is_no_text_or_empty_is_refused(text: object) -> None:
    with pytest.raises(PolicyError, match="a text that is not empty"):
        PolicyKey(text)  # type: ignore[arg-type]  # what an untyped caller may do


def test_r78_a_key_survives_pickling() -> None:
    key = PolicyKey("payments.Charge")

    assert pickle.loads(pickle.dumps(key)) == key


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("GET /users/123", "has a character that names of operations do not have: ' '"),
        ("users/list", "has a character that names of operations do not have: '/'"),
        ("users?page", "has a character that names of operations do not have: '?'"),
        ("users=1", "has a character that names of operations do not have: '='"),
        ("host:8080", "has a character that names of operations do not have: ':'"),
        ("user.123", "has a segment of digits only: '123'"),
        ("user.deadbeef01", "has a hexadecimal segment: 'deadbeef01'"),
        ("user.deadbeef", "has a hexadecimal segment: 'deadbeef'"),
        ("a" * 129, "is longer than 128 characters"),
    ],
)
def test_r02_a_key_that_carries_request_data_is_told_apart(key: str, problem: str) -> None:
    assert cardinality_problem(key) == problem
    with pytest.raises(KeyCardinalityError) as caught:
        checked(key)
    assert (caught.value.value, caught.value.why) == (key, problem)


@given(
    st.uuids().flatmap(lambda value: st.sampled_from([value.hex, str(value), str(value).upper()])),
    st.sampled_from(["user.{}", "{}.Get", "a.x{}y"]),
)
def test_r02_a_uuid_anywhere_in_a_key_is_noticed(value: str, shape: str) -> None:
    assert cardinality_problem(shape.format(value)) == "has a UUID in it"


@pytest.mark.parametrize(
    "key", ["user-service.GetUser", "pkg.Svc.Method", "facade", "v2.users", "added", OVERFLOW_KEY]
)
def test_r02_the_name_of_an_operation_passes(key: str) -> None:
    assert cardinality_problem(key) is None
    assert checked(key) == key
