import pytest

from recourse.errors import PolicyNotFoundError
from recourse.policy import Policy, RetryPolicy, Why
from recourse.policy.diff import Difference, diff
from recourse.policy.environment import Environment
from recourse.policy.explain import ExplainedValue, Origin, explain
from recourse.policy.load import loads
from recourse.policy.parse import parse
from recourse.policy.values import values

FILE = loads(
    """\
[default.retry]
max_attempts = 2

[policies."a.B".retry]
max_attempts = 99
initial_backoff = "100ms"
budget = { name = "pay", cost = 2 }

[policies."a.B".hedge]
""",
    "p.toml",
)


def explained(key: str, environment: Environment | None = None) -> dict[str, ExplainedValue]:
    explanation = explain(FILE, key, environment or Environment())
    return {value.path: value for value in explanation.values}


def test_every_value_of_the_policy_is_explained_in_the_order_of_the_fields() -> None:
    explanation = explain(FILE, "a.B")

    shown = {value.path: value.value for value in explanation.values}
    assert shown == values(explanation.policy)
    assert list(shown)[:3] == [
        "retry.max_attempts",
        "retry.initial_backoff_s",
        "retry.max_backoff_s",
    ]
    assert (explanation.key, explanation.section) == ("a.B", "policies.a.B")


def test_a_value_comes_from_a_line_a_default_or_a_clamp() -> None:
    shown = explained("a.B")

    assert [
        shown[path]
        for path in (
            "retry.max_attempts",
            "retry.initial_backoff_s",
            "retry.max_backoff_s",
            "retry.budget.name",
            "hedge.enabled",
            "hedge.budget.name",
            "circuit.probe_ttl_s",
        )
    ] == [
        ExplainedValue(
            path="retry.max_attempts",
            value=10,
            origin=Origin.CLAMPED,
            place="p.toml:5",
            given=99,
            why=Why.CLAMPED_HIGH,
        ),
        ExplainedValue(
            path="retry.initial_backoff_s", value=0.1, origin=Origin.FILE, place="p.toml:6"
        ),
        ExplainedValue(path="retry.max_backoff_s", value=2.0, origin=Origin.DEFAULT),
        ExplainedValue(path="retry.budget.name", value="pay", origin=Origin.FILE, place="p.toml:7"),
        ExplainedValue(path="hedge.enabled", value=True, origin=Origin.DEFAULT),
        ExplainedValue(path="hedge.budget.name", value=None, origin=Origin.DEFAULT),
        ExplainedValue(path="circuit.probe_ttl_s", value=10.0, origin=Origin.DEFAULT),
    ]


@pytest.mark.parametrize(
    ("environment", "variable", "used"),
    [
        (Environment(max_attempts=3), "RECOURSE_MAX_ATTEMPTS", 3),
        (Environment(disabled=True, max_attempts=3), "RECOURSE_DISABLE", 1),
    ],
)
def test_a_value_may_come_from_the_environment(
    environment: Environment, variable: str, used: int
) -> None:
    assert explained("a.B", environment)["retry.max_attempts"] == ExplainedValue(
        path="retry.max_attempts",
        value=used,
        origin=Origin.ENVIRONMENT,
        place=variable,
        given=10,
    )


def test_a_key_that_the_file_does_not_list_follows_the_default() -> None:
    explanation = explain(FILE, "other.Key")

    assert explanation.section == "default"
    assert explained("other.Key")["retry.max_attempts"].place == "p.toml:2"


def test_a_budget_that_is_written_as_its_name_comes_from_there() -> None:
    file = loads('[policies."a.B"]\nretry.budget = "pay"\n', "p.toml")

    shown = {value.path: value for value in explain(file, "a.B").values}

    assert shown["retry.budget.name"].place == "p.toml:2"
    assert shown["retry.budget.cost"].origin is Origin.DEFAULT


def test_a_key_without_policy_and_default_is_not_found() -> None:
    with pytest.raises(PolicyNotFoundError):
        explain(loads("", "p.toml"), "a.B")


def test_without_lines_the_file_alone_is_the_place() -> None:
    file = parse({"default": {"retry": {"max_attempts": 2}}}, file="p.json")

    (found,) = [v for v in explain(file, "a.B").values if v.path == "retry.max_attempts"]

    assert (found.origin, found.place) == (Origin.FILE, "p.json")


def test_two_policies_differ_value_by_value() -> None:
    before = Policy("a.B", retry=RetryPolicy(max_attempts=2)).normalize()
    after = Policy(
        "a.B",
        retry=RetryPolicy(max_attempts=4, budget="pay"),
        idempotent=True,
    ).normalize()

    assert diff(before, after) == (
        Difference("retry.max_attempts", 2, 4),
        Difference("retry.budget.name", None, "pay"),
        Difference("retry.budget.cost", None, 1),
        Difference("idempotent", None, after=True),
    )
    assert diff(before, before) == ()
