"""SQL databases: retries of whole transactions, and the rules of SQLSTATE."""

from recourse.integrations.sql.classifier import SQLStateClassifier
from recourse.integrations.sql.transaction import limit_statements, transactional

__all__ = ["SQLStateClassifier", "limit_statements", "transactional"]
