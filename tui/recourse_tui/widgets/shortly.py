"""Counts in a few cells, for the ends of lines."""

__all__ = ["short_count"]


def short_count(number: int) -> str:
    """A count in four or five cells: ``985``, ``41.0k``, ``1.08M``."""
    if number < 1_000:  # noqa: PLR2004  # units: a named constant says less than the number
        return str(number)
    for size, unit in ((1_000, "k"), (1_000_000, "M"), (1_000_000_000, "G")):
        if number < size * 999.5 or unit == "G":
            value = number / size
            return f"{value:.2f}{unit}" if unit == "M" and value < 10 else f"{value:.1f}{unit}"  # noqa: PLR2004  # three digits
    return str(number)
