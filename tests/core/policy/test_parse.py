import pickle
import tomllib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recourse.policy import BudgetRef, CircuitPolicy, HedgePolicy, Policy, RetryPolicy
from recourse.policy.lines import toml_lines
from recourse.policy.parse import PolicyFile, parse, parse_policy
from recourse.policy.problems import PolicyFileError, Problem

WHOLE = """\
"$schema" = "./recourse.schema.json"

[default.retry]
max_attempts = 2

[fallback]
id = "careful"

[policies."payments.Charge"]
idempotent = true
id = "pol-a"
circuit = {}

[policies."payments.Charge".retry]
max_attempts = 4
initial_backoff = "100ms"
overall_timeout_s = 5
timeout_per_attempt_s = "1.5s"
jitter = "equal"
budget = "payments"

[policies."payments.Charge".hedge]
trigger = "p95"
budget = { name = "hedges", cost = 2 }

[policies.plain]

[budgets.payments]
kind = "token_bucket"
capacity = 50
refill_per_s = 5
"""

WRONG = """\
[policies."payments.Charge"]
idempotent = "yes"
ide = 4
[policies."payments.Charge".retry]
max_atempts = 3
timeout_per_attempt = 2
overall_timeout = "2 parsecs"
overall_timeout_s = 2
jitter = "ful"
max_backoff_s = nan
budget = { cost = 2 }
initial_backoff = true
[policies.x]
hedge = 5
retry.budget = 7
[policies.""]
[budgets.pay]
[polices]
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(PolicyFileError) as caught:
        parse(tomllib.loads(text), file="p.toml", lines=toml_lines(text))
    return str(caught.value).splitlines()


def data_problems(data: Any) -> list[str]:
    with pytest.raises(PolicyFileError) as caught:
        parse(data)
    return str(caught.value).splitlines()


def test_a_whole_document_becomes_policies() -> None:
    read = parse(tomllib.loads(WHOLE), file="p.toml", lines=toml_lines(WHOLE))

    assert read.policies == (
        Policy(
            "payments.Charge",
            idempotent=True,
            id="pol-a",
            circuit=CircuitPolicy(),
            retry=RetryPolicy(
                max_attempts=4,
                initial_backoff_s=0.1,
                overall_timeout_s=5.0,
                timeout_per_attempt_s=1.5,
                jitter="equal",
                budget=BudgetRef("payments"),
            ),
            hedge=HedgePolicy(trigger="p95", budget=BudgetRef("hedges", 2)),
        ),
        Policy("plain"),
    )
    assert read.default == Policy("default", retry=RetryPolicy(max_attempts=2))
    assert read.fallback == Policy("fallback", id="careful")
    assert read.budgets == {"payments": {"kind": "token_bucket", "capacity": 50, "refill_per_s": 5}}
    assert (read.policy("plain"), read.policy("other")) == (Policy("plain"), None)


def test_an_empty_document_says_nothing() -> None:
    assert parse({}) == parse(None) == PolicyFile()


@pytest.mark.parametrize(
    "name", ["max_attempts", "jitter", "overall_timeout_s", "max_backoff", "budget", "classifier"]
)
def test_null_is_nothing_given(name: str) -> None:
    (read,) = parse({"policies": {"a.B": {"retry": {name: None}, "hedge": None}}}).policies

    assert (read.normalize().retry, read.hedge) == (RetryPolicy(), None)


def test_every_mistake_is_told_at_once_with_its_line_key_field_and_what_is_allowed() -> None:
    assert problems_of(WRONG) == [
        "p.toml:2: payments.Charge idempotent 'yes' is not allowed; use true or false",
        "p.toml:3: payments.Charge ide is not known; did you mean 'id'?",
        "p.toml:5: payments.Charge retry.max_atempts is not known; did you mean 'max_attempts'?",
        (
            "p.toml:6: payments.Charge retry.timeout_per_attempt 2 could be seconds or milliseconds; "
            "give it a unit, for example '2s', or write timeout_per_attempt_s = 2"
        ),
        (
            "p.toml:7: payments.Charge retry.overall_timeout '2 parsecs' is not allowed; use a number "
            "of 0 or more with a unit, for example '250ms', '1.5s' or '2m'"
        ),
        (
            "p.toml:8: payments.Charge retry.overall_timeout_s 2 is given twice; keep one of "
            "overall_timeout and overall_timeout_s"
        ),
        "p.toml:9: payments.Charge retry.jitter 'ful' is not allowed; did you mean 'full'?",
        (
            "p.toml:10: payments.Charge retry.max_backoff_s nan is not allowed; use a finite number "
            "of seconds, or a text such as '250ms'"
        ),
        "p.toml:11: payments.Charge retry.budget.name is missing; name the budget",
        (
            "p.toml:12: payments.Charge retry.initial_backoff True is not allowed; use a finite number "
            "of seconds, or a text such as '250ms'"
        ),
        "p.toml:14: x hedge 5 is no table; write a table of names and values",
        (
            "p.toml:15: x retry.budget 7 is no table; write the name of a budget, or a table such "
            "as { name = 'x', cost = 2 }"
        ),
        "p.toml:16: policies '' is not allowed; use a text that is not empty",
        (
            "p.toml:17: budgets.pay kind is missing; say which kind of budget it is, for example "
            "kind = 'token_bucket'"
        ),
        "p.toml:18: polices is not known; did you mean 'policies'?",
    ]


def test_an_unknown_name_far_from_all_others_is_answered_with_what_is_allowed() -> None:
    assert data_problems({"policies": {"a.B": {"xyzzy": 1}}}) == [
        "a.B xyzzy is not known; use one of circuit, hedge, id, idempotent, retry"
    ]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "policy file [] is no table; write a table of names and values"),
        ({"policies": 5}, "policies 5 is no table; write a table of names and values"),
        ({"policies": {"a.B": "x"}}, "a.B 'x' is no table; write a table of names and values"),
        ({"default": 5}, "default 5 is no table; write a table of names and values"),
        ({"budgets": {"b": 5}}, "budgets.b 5 is no table; write a table of names and values"),
        (
            {"policies": {7: {}}},
            "policies holds the name 7, which is no text; put the name in quotes",
        ),
        (
            {"policies": {None: {}}},
            "policies holds the name null, which is no text; put the name in quotes",
        ),
        (
            {"policies": {"payments": {"Charge": {"retry": {"max_attempts": 4}}}}},
            'payments Charge is not known; put the key in quotes: "payments.Charge"',
        ),
        (
            {"policies": {"a.B": {"circuit": {"thrishold": {"retry": 1}}}}},
            "a.B circuit.thrishold is not known; did you mean 'threshold'?",
        ),
        (
            {"policies": {"a.B": {"retires": {"max_attempts": 4}}}},
            "a.B retires is not known; did you mean 'retry'?",
        ),
        (
            {"default": {"retry": {"budget": {"name": 3}}}},
            "default retry.budget.name 3 is not allowed; use a name",
        ),
        (
            {"default": {"retry": {"budget": {"name": []}}}},
            "default retry.budget.name [] is not allowed; use a name",
        ),
        (
            {"default": {"retry": {"budget": {"name": ""}}}},
            "default retry.budget.name is missing; name the budget",
        ),
        (
            {"default": {"id": "x" * 99, "retry": {"classifier": 5}}},
            "default retry.classifier 5 is not allowed; use a name",
        ),
        (
            {"default": {"retry": {"jitter": ["full"]}}},
            "default retry.jitter ['full'] is not allowed; did you mean 'full'?",
        ),
        (
            {"default": {"retry": {"max_attempts": "x" * 99}}},
            (
                f"default retry.max_attempts '{'x' * 58}… is not allowed; "
                "use a whole number from 1 to 10"
            ),
        ),
    ],
)
def test_data_of_a_wrong_shape_is_told_as_such(data: Any, problem: str) -> None:
    assert problem in data_problems(data)


def test_null_means_not_given() -> None:
    read = parse({"default": {"retry": {"max_attempts": None, "budget": None}, "hedge": None}})

    assert read.default is not None
    assert read.default.normalize().retry == RetryPolicy()
    assert read.default.hedge is None


def test_values_out_of_bounds_are_no_mistake_here_but_clamped_later() -> None:
    policy = parse_policy("a.B", {"retry": {"max_attempts": 99}})

    assert policy == Policy("a.B", retry=RetryPolicy(max_attempts=99))
    assert policy.normalize().normalization.clamped == ("retry.max_attempts",)


def test_one_policy_is_read_like_a_table_of_the_document() -> None:
    with pytest.raises(PolicyFileError, match=r"remote: a\.B retry\.max_attempts 'x'"):
        parse_policy("a.B", {"retry": {"max_attempts": "x"}}, file="remote")


def test_r78_the_error_survives_pickling_with_its_problems() -> None:
    problem = Problem(
        file="p.toml",
        line=3,
        rule="unknown",
        key="a.B",
        field="x",
        value=None,
        wrong="is",
        advice="do",
    )
    error = PolicyFileError([problem])

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), copy.args, copy.problems) == (PolicyFileError, error.args, (problem,))
    assert str(copy) == "p.toml:3: a.B x is; do"


def test_a_line_is_that_of_the_key_or_of_the_nearest_table_around_it() -> None:
    read = parse(tomllib.loads(WHOLE), file="p.toml", lines=toml_lines(WHOLE))
    charge = ("policies", "payments.Charge")

    lines = {
        "retry.max_attempts": read.line(charge, "retry.max_attempts"),
        "retry.initial_backoff_s": read.line(charge, "retry.initial_backoff_s"),
        "hedge.budget.cost": read.line(charge, "hedge.budget.cost"),
        "circuit.threshold": read.line(charge, "circuit.threshold"),
        "": read.line(charge),
        "unknown": read.line(("policies", "other")),
    }

    assert lines == {
        "retry.max_attempts": 15,
        "retry.initial_backoff_s": 16,
        "hedge.budget.cost": 24,
        "circuit.threshold": 12,
        "": 9,
        "unknown": 9,
    }


def test_the_document_remembers_what_was_written() -> None:
    read = parse(tomllib.loads(WHOLE))
    charge = ("policies", "payments.Charge")

    assert [
        read.says(charge, field)
        for field in ("retry.initial_backoff_s", "hedge.budget.cost", "retry.max_backoff_s")
    ] == [True, True, False]
    assert read.line(charge, "retry.max_attempts") is None


def test_a_table_that_only_stands_in_the_headers_of_others_has_a_line() -> None:
    text = '# mistyped\n[polices."a.B"]\nretry.max_attempts = 2\n'

    with pytest.raises(PolicyFileError) as caught:
        parse(tomllib.loads(text), file="p.toml", lines=toml_lines(text))

    assert str(caught.value) == "p.toml:2: polices is not known; did you mean 'policies'?"


def test_a_scan_for_lines_survives_what_it_cannot_read() -> None:
    lines = toml_lines(
        '[ a . "b.c" ] # x\n[["]]\nx = 1\ny.z = 2\n[a."b.c"]\n= 3\n[[list]]\n"q r" = 1\n'
    )

    assert lines.known == {
        ("a",): 1,
        ("a", "b.c"): 1,
        ("a", "b.c", "x"): 3,
        ("a", "b.c", "y"): 4,
        ("a", "b.c", "y", "z"): 4,
        ("list",): 7,
        ("list", "q r"): 8,
    }


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["retry", "hedge", "budget"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["policies", "default", "fallback", "budgets"]), json_like))
def test_no_document_at_all_breaks_the_reader(data: dict[str, Any]) -> None:
    try:
        read = parse(data)
    except PolicyFileError:
        return

    keys = [policy.normalize().key for policy in read.policies]
    assert keys == list(data.get("policies") or {})


def test_a_value_too_large_to_be_written_is_told_by_its_kind() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert data_problems({"policies": deep, "default": {"retry": {"max_backoff_s": 16**9999}}}) == [
        "policies a too large list is no table; write a table of names and values",
        (
            "default retry.max_backoff_s a too large int is not allowed; use a finite number of "
            "seconds, or a text such as '250ms'"
        ),
    ]


def test_tables_in_tables_without_end_are_one_mistake() -> None:
    text = "[default]\n" + ".".join("a" * 5000) + " = 1\n"

    assert problems_of(text) == [
        "p.toml:2: default a is not known; use one of circuit, hedge, id, idempotent, retry"
    ]


def test_a_policy_for_a_key_called_default_is_not_the_default() -> None:
    with pytest.raises(PolicyFileError) as caught:
        parse({"default": {"id": "good"}, "policies": {"default": {"id": 5}, "a.B": {}}})

    rest = caught.value.rest
    assert rest is not None
    assert (rest.default, rest.policies) == (Policy("default", id="good"), (Policy("a.B"),))
    assert list(rest.partial) == [("policies", "default")]
