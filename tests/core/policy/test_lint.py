import pytest

from recourse.policy.lint import lint
from recourse.policy.load import loads
from recourse.policy.problems import PolicyFileError

GOOD = '[policies."a.B"]\nretry.timeout_per_attempt = "1s"\n'


def found(text: str) -> list[str]:
    """What lint says of a policy that is good but for this text."""
    return [str(problem) for problem in lint(loads(text, "p.toml"))]


def test_a_good_policy_is_left_alone() -> None:
    assert found(GOOD) == []
    assert found("") == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            GOOD + "hedge.max_hedges = 1\n",
            (
                "p.toml:3: a.B hedge has no budget; "
                "name one in hedge.budget, or a slow dependency gets twice the load"
            ),
        ),
        (
            '[policies."a.B"]\nid = "x"\n',
            (
                "p.toml:1: a.B retry has no timeout at all; "
                "set retry.timeout_per_attempt or retry.overall_timeout"
            ),
        ),
        (
            GOOD + "retry.max_attempts = 4\nretry.overall_timeout_s = 3\n",
            (
                "p.toml:4: a.B retry.overall_timeout_s 3.0 is less than 4 attempts of 1 s need; "
                "set it to 4 s or more, or shorten the attempts"
            ),
        ),
        (
            GOOD + "idempotent = false\nretry.max_attempts = 2\n",
            (
                "p.toml:4: a.B retry.max_attempts 2 allows retries of an operation that must not be "
                "repeated; set it to 1, or say idempotent = true"
            ),
        ),
        (
            GOOD
            + "idempotent = false\nretry.max_attempts = 1\n"
            + 'hedge = { budget = "h" }\n[budgets.h]\nkind = "unlimited"',
            (
                "p.toml:5: a.B hedge hedges an operation that must not be repeated; "
                "remove it, or say idempotent = true"
            ),
        ),
        (
            GOOD.replace("a.B", "GET /users/1"),
            (
                "p.toml:1: GET /users/1 has a character that names of operations do not have: ' '; "
                "name the operation, for example 'user-service.GetUser'"
            ),
        ),
        (
            GOOD + "retry.max_attempts = 11\n",
            (
                "p.toml:3: a.B retry.max_attempts 11 is not followed (clamped_high); "
                "10 is used; write that"
            ),
        ),
        (
            GOOD
            + 'retry.budget = { name = "pay", cost = 9 }\n'
            + '[budgets.pay]\nkind = "token_bucket"\ncapacity = 5\nrefill_per_s = 1\n',
            (
                "p.toml:3: a.B retry.budget.cost 9 is more than budget 'pay' can ever hold (5); "
                "lower the cost or raise the capacity, or every retry is denied"
            ),
        ),
        (
            GOOD
            + 'hedge.budget = { name = "grpc", cost = 11 }\n'
            + '[budgets.grpc]\nkind = "grpc_throttle"\nmax_tokens = 10.0\n',
            (
                "p.toml:3: a.B hedge.budget.cost 11 is more than budget 'grpc' can ever hold (10); "
                "lower the cost or raise the capacity, or every retry is denied"
            ),
        ),
        (
            GOOD
            + 'retry.budget = "paymets"\n'
            + '[budgets.payments]\nkind = "token_bucket"\ncapacity = 5\nrefill_per_s = 1\n',
            (
                "p.toml:3: a.B retry.budget.name 'paymets' is none of the budgets of this file; "
                "did you mean 'payments'?"
            ),
        ),
        (
            GOOD
            + 'hedge = { hedge_delay = "1s", budget = "h" }\n'
            + '[budgets.h]\nkind = "unlimited"\n',
            (
                "p.toml:3: a.B hedge.hedge_delay_s 1.0 is not before an attempt's timeout of 1 s, so "
                "that no hedge starts; shorten it, or give attempts more time"
            ),
        ),
        (
            GOOD + 'retry.classifier = "htpp"\n',
            (
                "p.toml:3: a.B retry.classifier 'htpp' is not among the names that are always there; "
                "did you mean 'http'? else register it under another name"
            ),
        ),
        (
            GOOD + 'hedge = { trigger = "fixed_dealy", budget = "elsewhere" }\n',
            (
                "p.toml:3: a.B hedge.trigger 'fixed_dealy' is not among the names that are always "
                "there; did you mean 'fixed_delay'? else register it under another name"
            ),
        ),
        (
            "[default.hedge]\n[default.retry]\noverall_timeout = '1s'\n",
            (
                "p.toml:1: default hedge has no budget; "
                "name one in hedge.budget, or a slow dependency gets twice the load"
            ),
        ),
        (
            "[fallback]\n",
            (
                "p.toml:1: fallback retry has no timeout at all; "
                "set retry.timeout_per_attempt or retry.overall_timeout"
            ),
        ),
    ],
)
def test_each_rule_tells_what_is_unwise_where_and_what_to_do(text: str, problem: str) -> None:
    assert found(text) == [problem]


@pytest.mark.parametrize(
    "text",
    [
        GOOD + "retry.max_attempts = 3\nretry.overall_timeout_s = 3\n",
        GOOD + 'retry.budget = "elsewhere"\n',
        GOOD
        + 'retry.budget = { name = "b", cost = 5 }\n[budgets.b]\nkind = "adaptive_credit"\ncapacity = 5\n',
        GOOD + 'retry.budget = { name = "b", cost = 9 }\n[budgets.b]\nkind = "inflight_ratio"\n',
        GOOD + 'retry.classifier = "payments"\n',
        GOOD + 'hedge = { trigger = "p75", budget = "elsewhere" }\n',
        GOOD + 'retry.classifier = "grpc"\nhedge = { trigger = "p99", budget = "elsewhere" }\n',
        GOOD + "hedge = { enabled = false, hedge_delay_s = 9, trigger = 'p9' }\n",
        GOOD + 'hedge = { hedge_delay_s = 0.9, budget = "elsewhere" }\n',
        GOOD + 'hedge = { hedge_delay_s = 9, trigger = "p95", budget = "elsewhere" }\n',
        "[default]\nretry.overall_timeout_s = 5\nhedge = { hedge_delay_s = 9, budget = 'x' }\n",
        GOOD + 'retry.budget = ""\n[budgets.b]\nkind = "unlimited"\n',
        GOOD + "idempotent = false\nretry.max_attempts = 1\n",
    ],
)
def test_what_just_fits_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_problems_come_in_the_order_of_the_lines_with_their_rules() -> None:
    text = '[policies."a.B"]\nhedge = {}\n[default]\n[policies."c.D"]\nretry.max_attempts = 0\n'

    assert [(problem.line, problem.rule) for problem in lint(loads(text, "p.toml"))] == [
        (1, "no_timeout"),
        (2, "hedge_without_budget"),
        (3, "no_timeout"),
        (5, "clamped"),
        (5, "no_timeout"),
    ]


def test_of_a_policy_with_mistakes_what_is_out_of_bounds_is_told_and_nothing_else() -> None:
    text = """
[policies."a.B"]
retry.max_attempts = 99
retry.jitter = "ful"
retry.initial_backoff = "9s"
[fallback]
id = 5
circuit.threshold = 0
"""
    with pytest.raises(PolicyFileError) as caught:
        loads(text, "p.toml")

    assert caught.value.rest is not None
    assert [str(problem) for problem in lint(caught.value.rest)] == [
        "p.toml:3: a.B retry.max_attempts 99 is not followed (clamped_high); 10 is used; write that",
        "p.toml:8: fallback circuit.threshold 0 is not followed (clamped_low); 1 is used; write that",
    ]


def test_a_budget_that_has_a_mistake_is_there_all_the_same() -> None:
    text = GOOD + 'retry.budget = "b"\n[budgets.b]\nkind = "unlimitde"\n'
    with pytest.raises(PolicyFileError) as caught:
        loads(text, "p.toml")

    assert caught.value.rest is not None
    assert lint(caught.value.rest) == ()
