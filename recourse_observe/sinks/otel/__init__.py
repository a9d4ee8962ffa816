"""OpenTelemetry: a span per call, what its attempts did, metrics, and one record per failed call."""

from recourse_observe.sinks.otel.hooks import httpx_async_request_hook, httpx_request_hook
from recourse_observe.sinks.otel.observer import OTelObserver

__all__ = ["OTelObserver", "httpx_async_request_hook", "httpx_request_hook"]
