"""What every event can say of itself, whatever it tells."""

from typing import Final

from recourse.identity import NS, CallInfo
from recourse.key import PolicyKey

__all__ = ["SCHEMA_VERSION", "Failed", "Told", "error_type", "name_of"]

SCHEMA_VERSION: Final = 1


class Told:
    """What every event can say of itself."""

    __slots__ = ()

    call: CallInfo
    seq: int
    at_s: float

    @property
    def schema_version(self) -> int:
        """Version of the event catalogue."""
        return SCHEMA_VERSION

    @property
    def call_id(self) -> str:
        """The call it belongs to."""
        return self.call.call_id

    @property
    def parent_call_id(self) -> str | None:
        """The call whose operation made this call."""
        return self.call.parent_call_id

    @property
    def key(self) -> str:
        """The policy key."""
        return self.call.key

    @property
    def namespace(self) -> str:
        """The key's text before the first dot."""
        return PolicyKey(self.call.key).namespace

    @property
    def policy_id(self) -> str:
        """Name of the policy; empty before one is resolved."""
        return "" if self.call.policy is None else self.call.policy.id

    @property
    def policy_source(self) -> str:
        """Where the policy came from."""
        return self.call.policy_source

    @property
    def t_wall_ns(self) -> int:
        """When it happened: nanoseconds since 1970, UTC, free of steps within one call."""
        return self.call.unix_ns(self.at_s)

    @property
    def t_mono_ns(self) -> int:
        """When it happened, on the executor's monotonic clock."""
        return round(self.at_s * NS)

    @property
    def process_id(self) -> int:
        """The caller's process."""
        return self.call.process_id

    @property
    def thread_id(self) -> int:
        """The caller's thread."""
        return self.call.thread_id

    @property
    def trace_id(self) -> str | None:
        """The trace of the call, when something traces it."""
        return self.call.trace_id

    @property
    def span_id(self) -> str | None:
        """The span of the call, when something traces it."""
        return self.call.span_id


def name_of(kind: type[BaseException]) -> str:
    """The class's name, with its module unless it is a builtin."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def error_type(error: BaseException | None) -> str | None:
    """The error's class name, with its module unless it is a builtin."""
    return None if error is None else name_of(type(error))


class Failed(Told):
    """An event that may carry an error."""

    __slots__ = ()

    error: BaseException | None

    @property
    def error_type(self) -> str | None:
        """Class name of the error, with its module unless it is a builtin."""
        return error_type(self.error)

    @property
    def error_message(self) -> str | None:
        """The error's text, truncated and redacted; ``None`` unless messages are captured."""
        if self.error is None or self.call.message_of is None:
            return None
        return self.call.message_of(self.error)
