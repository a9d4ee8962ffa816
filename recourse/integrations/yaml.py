"""YAML for policy files, when PyYAML is there."""

from typing import Any

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

__all__ = ["loads"]


def loads(text: str) -> Any:
    """What a YAML text says, as plain data; tags that build objects are refused.

    Raises:
        ValueError: The text is no YAML; says the line.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (at line {mark.line + 1})" if mark is not None else ""
        what = getattr(error, "problem", None) or str(error)
        message = f"{what}{place}"
        raise ValueError(message) from None
