"""What is generated from the field table: the schema and the reference page."""

import json
import re
from typing import Any

from recourse.policy import CircuitPolicy, HedgePolicy, Policy, RetryPolicy, fields
from recourse.policy.reference import reference
from recourse.policy.schema import schema


def properties(block: str) -> dict[str, Any]:
    found: dict[str, Any] = schema()["$defs"][block]["properties"]
    return found


def test_the_schema_is_plain_json_and_knows_every_part_of_a_document() -> None:
    document = json.loads(json.dumps(schema()))

    assert sorted(document["properties"]) == [
        "$schema",
        "budgets",
        "default",
        "fallback",
        "policies",
    ]
    assert sorted(document["$defs"]) == [
        "BudgetRef",
        "CircuitPolicy",
        "HedgePolicy",
        "Policy",
        "RetryPolicy",
    ]


def test_the_schema_describes_each_kind_of_field() -> None:
    retry = properties("RetryPolicy")

    assert retry["max_attempts"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 10,
        "default": 3,
        "description": "Attempts of one call, the first included.",
    }
    assert retry["backoff_multiplier"]["type"] == "number"
    assert retry["jitter"]["enum"] == ["none", "full", "equal", "decorrelated"]
    assert retry["classifier"]["type"] == "string"
    assert "http" in retry["classifier"]["examples"]
    assert properties("Policy")["id"].get("examples") is None
    assert retry["budget"]["anyOf"] == [{"type": "string"}, {"$ref": "#/$defs/BudgetRef"}]
    assert schema()["$defs"]["BudgetRef"]["required"] == ["name"]
    assert properties("BudgetRef")["name"]["minLength"] == 1
    assert "default" not in properties("BudgetRef")["name"]
    assert "required" not in schema()["$defs"]["RetryPolicy"]
    assert schema()["properties"]["policies"]["propertyNames"] == {"minLength": 1}
    assert properties("HedgePolicy")["enabled"]["type"] == "boolean"
    assert properties("Policy")["retry"]["$ref"] == "#/$defs/RetryPolicy"
    assert "default" not in retry["overall_timeout_s"]


def test_a_duration_is_a_number_under_s_or_a_text_with_a_unit() -> None:
    retry = properties("RetryPolicy")

    short, long = retry["initial_backoff"], retry["initial_backoff_s"]

    assert (short["type"], short["default"]) == ("string", "0.05s")
    assert re.match(short["pattern"], "250ms")
    assert not re.match(short["pattern"], "250")
    assert (long["anyOf"][0]["type"], long["default"]) == ("number", 0.05)


def test_the_reference_has_one_row_for_every_field() -> None:
    page = reference()

    names = [
        f"`{field.name}`"
        for kind in (Policy, RetryPolicy, HedgePolicy, CircuitPolicy)
        for field in fields.table(kind)
    ]
    assert [name for name in names if f"| {name} | " not in page] == []
    assert "| `jitter` | `full` | one of none, full, equal, decorrelated | " in page
    assert "| `enabled` | `true` | true or false | " in page
    assert "| `overall_timeout_s` | none | seconds from 0.001 to 3600 | " in page
    assert "| `initial_backoff_s` | `0.05` | " in page
    assert re.findall(r"^## `(\w+)`$", page, re.MULTILINE) == [
        "policy",
        "retry",
        "hedge",
        "circuit",
        "budget",
    ]
