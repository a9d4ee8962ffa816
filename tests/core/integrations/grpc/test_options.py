import json

import pytest

from recourse.integrations.grpc import own_retries, without_own_retries

RETRIES = json.dumps({
    "methodConfig": [
        {
            "name": [{"service": "payments.Payments", "method": "Charge"}],
            "retryPolicy": {"maxAttempts": 4},
        },
        {"hedgingPolicy": {}},
        {"name": [{}], "timeout": "1s"},
    ]
})  # fmt: skip


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], []),
        (
            [("grpc.service_config", RETRIES)],
            [
                "retryPolicy with 4 attempts for payments.Payments.Charge",
                "hedgingPolicy with several attempts for every method",
            ],
        ),
        ([("grpc.service_config", RETRIES), ("grpc.enable_retries", 0)], []),
        ([("grpc.service_config", "{"), ("grpc.enable_retries", 1)], ["the service config is no JSON"]),
        ([("grpc.service_config", "[1]")], []),
        ([("grpc.service_config", '{"methodConfig": 3}')], []),
    ],
)  # fmt: skip
def test_a_channel_that_repeats_calls_itself_is_found(
    options: list[tuple[str, object]], found: list[str]
) -> None:
    assert own_retries(options) == found
    assert own_retries(without_own_retries(options)) == []
