"""The JSON Schema of a policy file, for editors; generated from the field table."""

from typing import Any, Final

from recourse.policy import fields
from recourse.policy.budgets import PARAMETERS
from recourse.policy.fields import Field, Kind
from recourse.policy.model import Policy
from recourse.policy.reader import NEEDED, file_names

__all__ = ["schema"]

_TYPES: Final = {
    Kind.COUNT: "integer",
    Kind.NUMBER: "number",
    Kind.FLAG: "boolean",
    Kind.TEXT: "string",
}
_TEXT_DURATION: Final = {
    "type": "string",
    "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(us|ms|s|m|h)\s*$",
}


def schema() -> dict[str, Any]:
    """The schema of a whole document, as plain data for a JSON writer."""
    policy = {"$ref": "#/$defs/Policy"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "recourse policies",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "$schema": {"type": "string"},
            "policies": {
                "type": "object",
                "propertyNames": {"minLength": 1},
                "additionalProperties": policy,
            },
            "default": policy,
            "fallback": policy,
            "budgets": {"type": "object", "additionalProperties": _budget()},
        },
        "$defs": _definitions(Policy),
    }


def _budget() -> dict[str, Any]:
    """A budget of one of the known kinds."""
    return {
        "type": "object",
        "required": ["kind"],
        "oneOf": [
            {
                "additionalProperties": False,
                "required": [name for name, needed in parameters.items() if needed],
                "properties": {
                    "kind": {"const": kind, "description": "What kind of budget it is."},
                    **{name: {"type": "number"} for name in parameters},
                },
            }
            for kind, parameters in PARAMETERS.items()
        ],
    }


def _definitions(kind: type) -> dict[str, Any]:
    """The definition of a block and of every block inside it."""
    properties: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for field in fields.table(kind):
        for name in file_names(field):
            properties[name] = {**_type(field, name), "description": field.doc}
            if field.default is not None:
                properties[name]["default"] = _default(field, name)
        if field.kind in {Kind.BLOCK, Kind.REF}:
            found |= _definitions(field.block)
    needed = {"required": list(NEEDED[kind])} if kind in NEEDED else {}
    for name in NEEDED.get(kind, ()):
        properties[name]["minLength"] = 1
        del properties[name]["default"]
    shape = {"type": "object", "additionalProperties": False, **needed}
    block = {**shape, "properties": properties}
    return {kind.__name__: block, **found}


def _type(field: Field, name: str) -> dict[str, Any]:
    if name != field.name:
        return _TEXT_DURATION
    reference = {"$ref": f"#/$defs/{field.block.__name__}"}
    bounds = {"minimum": field.low, "maximum": field.high} if field.high is not None else {}
    match field.kind:
        case Kind.BLOCK:
            return reference
        case Kind.REF:
            return {"anyOf": [{"type": "string"}, reference]}
        case Kind.CHOICE:
            return {"enum": list(field.choices)}
        case Kind.SECONDS:
            return {"anyOf": [{"type": "number", **bounds}, _TEXT_DURATION]}
        case _:
            examples = {"examples": list(field.choices)} if field.choices else {}
            return {"type": _TYPES[field.kind], **bounds, **examples}


def _default(field: Field, name: str) -> Any:
    return field.default if name == field.name else f"{field.default:g}s"
