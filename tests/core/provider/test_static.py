import pytest

from recourse.errors import PolicyError, PolicyNotFoundError
from recourse.key import PolicyKey
from recourse.policy import Policy, RetryPolicy
from recourse.provider import Provider, StaticProvider


def test_a_key_gets_its_own_policy() -> None:
    provider: Provider = StaticProvider([Policy("a.B"), Policy("c.D", id="mine")])

    found = provider.get(PolicyKey("c.D"))

    assert found == Policy("c.D", id="mine").normalize("static")


def test_r06_a_key_without_policy_and_default_is_not_found() -> None:
    with pytest.raises(PolicyNotFoundError) as caught:
        StaticProvider([Policy("a.B")]).get(PolicyKey("x.Y"))

    assert caught.value.key == "x.Y"


def test_a_default_is_followed_under_the_calls_own_key() -> None:
    default = Policy("any", retry=RetryPolicy(max_attempts=2))

    found = StaticProvider([], default=default).get(PolicyKey("x.Y"))

    assert (found.key, found.id, found.source) == ("x.Y", "any", "default")
    assert found.retry.max_attempts == 2


def test_two_policies_for_one_key_are_refused() -> None:
    with pytest.raises(
        PolicyError, match=r"policies 'a\.B' is not allowed; use one policy per key"
    ):
        StaticProvider([Policy("a.B"), Policy("a.B", id="again")])


def test_what_is_no_policy_is_refused_with_the_value() -> None:
    with pytest.raises(PolicyError, match=r"policies 3 is not allowed; use a list of policies"):
        StaticProvider(3)  # type: ignore[arg-type]  # as a program without types may do it
    with pytest.raises(PolicyError, match=r"policies 'a\.B' is not allowed; use values of Policy"):
        StaticProvider([], default="a.B")  # type: ignore[arg-type]  # likewise


def test_a_static_provider_answers_at_once_and_always_the_same() -> None:
    provider = StaticProvider([Policy("c.D"), Policy("a.B")])

    assert (provider.immediate, provider.constant) == (True, True)
    assert repr(provider) == "StaticProvider(a.B, c.D; default=False)"
