"""Redis: a ``Retry`` for redis-py that follows policies, and the rules of its errors."""

from recourse.integrations.redis.classifier import RedisClassifier
from recourse.integrations.redis.retry import AsyncRetry, Retry

__all__ = ["AsyncRetry", "RedisClassifier", "Retry"]
