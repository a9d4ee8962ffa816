"""Why a question has no answer."""

__all__ = ["DamagedError", "QueryError", "Superseded"]


class QueryError(Exception):
    """A statement could not be run; the text is DuckDB's own, which names the candidates."""


class DamagedError(QueryError):
    """A file's data cannot be read: a page's checksum is wrong, or what it holds makes no sense."""


class Superseded(Exception):
    """The answer is not wanted any more: the query was interrupted, or a newer one took its lane."""
