"""The ids of the current span, as logs write them."""

from opentelemetry.trace import get_current_span

__all__ = ["current_ids"]


def current_ids() -> dict[str, str]:
    """``trace_id``, ``span_id`` and ``trace_flags`` in hexadecimal; nothing outside of spans."""
    context = get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "trace_flags": f"{context.trace_flags:02x}",
    }
