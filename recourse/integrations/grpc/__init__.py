"""gRPC: interceptors that govern unary calls, sync and aio, and the rules of its status codes."""

from recourse.integrations.grpc.aio import aio_interceptors
from recourse.integrations.grpc.classifier import GRPCClassifier
from recourse.integrations.grpc.options import own_retries, without_own_retries
from recourse.integrations.grpc.threads import ClientInterceptor

__all__ = [
    "ClientInterceptor",
    "GRPCClassifier",
    "aio_interceptors",
    "own_retries",
    "without_own_retries",
]
