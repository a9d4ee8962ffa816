"""Text as a pattern of the filter language that matches it alone."""

__all__ = ["exactly"]


def exactly(text: str) -> str:
    """The pattern.

    >>> exactly("pay*[1]")
    'pay[*][[]1]'
    """
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)
