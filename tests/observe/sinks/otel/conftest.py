"""Telemetry kept in memory, and six calls that between them show everything."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from recourse import (
    BudgetRef,
    CircuitPolicy,
    Executor,
    HedgePolicy,
    Observer,
    Policy,
    RetryPolicy,
    Timeline,
    TokenBucket,
)
from recourse.errors import CircuitOpenError
from recourse.testing import HTTPFailure, VirtualClock, http, script
from recourse_observe.sinks.otel import OTelObserver
from recourse_observe.testing import TimelineRecorder

KEY = "payments.Charge"
HTTP = RetryPolicy(max_attempts=3, jitter="none", classifier="http")


class Telemetry:
    """Everything that was written."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        made: Any = InMemoryLogRecordExporter
        self.records = made()  # its constructor has no annotations
        self.loggers = LoggerProvider(shutdown_on_exit=False)
        self.loggers.add_log_record_processor(SimpleLogRecordProcessor(self.records))

    def observer(self, **options: Any) -> OTelObserver:
        return OTelObserver(
            **{
                "tracer_provider": self.tracers,
                "meter_provider": self.meters,
                "logger_provider": self.loggers,
                **options,
            }
        )

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """Spans in the order of their start."""
        spans = sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        return [span for span in spans if name in (None, span.name)]

    def logs(self, name: str | None = None) -> list[Any]:
        records = [each.log_record for each in self.records.get_finished_logs()]
        return [record for record in records if name in (None, record.event_name)]

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Attributes and value (of histograms: count) of each point of an instrument."""
        data = self.reader.get_metrics_data()
        scopes = [] if data is None else data.resource_metrics[0].scope_metrics
        found = [
            (dict(point.attributes or {}), getattr(point, "value", getattr(point, "count", None)))
            for scope in scopes
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        return sorted(found, key=str)

    def close(self) -> None:
        self.tracers.shutdown()
        self.meters.shutdown()
        self.loggers.shutdown()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    kept = Telemetry()
    yield kept
    kept.close()


Scenario = Callable[[Observer], Timeline]


def _recorded(policy: Policy, observer: Observer, call: Callable[[Executor], object]) -> Timeline:
    recorder = TimelineRecorder()
    executor = Executor(
        policies=[policy],
        observers=[observer, recorder],
        clock=VirtualClock(1_000_000_000),
        budgets={"payments": TokenBucket(capacity=1, refill_per_s=0.001)},
    )
    call(executor)
    timelines = [timeline for timeline in recorder if timeline.key == KEY]
    return timelines[-1]


def success(observer: Observer) -> Timeline:
    return _recorded(Policy(KEY, retry=HTTP), observer, lambda e: e.call(KEY, lambda: "paid"))


def retry(observer: Observer) -> Timeline:
    def call(executor: Executor) -> None:
        with script(KEY, [http(503), http(429, retry_after_s=0.3), "paid"]):
            executor.call(KEY, lambda: None)

    return _recorded(Policy(KEY, retry=HTTP), observer, call)


def hedge(observer: Observer) -> Timeline:
    policy = Policy(KEY, retry=HTTP, hedge=HedgePolicy(enabled=True, hedge_delay_s=0.1))

    def call(executor: Executor) -> None:
        delays = iter([5.0, 0.01])

        async def charge() -> str:
            await asyncio.sleep(next(delays))  # noqa: TID251  # virtual
            return "paid"

        clock: Any = executor.clock
        clock.run(executor.acall(KEY, charge))

    return _recorded(policy, observer, call)


def budget_denial(observer: Observer) -> Timeline:
    retrying = RetryPolicy(
        max_attempts=4, jitter="none", classifier="http", budget=BudgetRef("payments")
    )

    def call(executor: Executor) -> None:
        with script(KEY, [http(503)] * 4), pytest.raises(HTTPFailure):
            executor.call(KEY, lambda: None)

    return _recorded(Policy(KEY, retry=retrying), observer, call)


def circuit_open(observer: Observer) -> Timeline:
    policy = Policy(
        KEY,
        retry=RetryPolicy(max_attempts=1, classifier="http"),
        circuit=CircuitPolicy(enabled=True, threshold=1),
    )

    def call(executor: Executor) -> None:
        with script(KEY, [http(500)]), pytest.raises(HTTPFailure):
            executor.call(KEY, lambda: None)
        with pytest.raises(CircuitOpenError):
            executor.call(KEY, lambda: None)

    return _recorded(policy, observer, call)


def cancellation(observer: Observer) -> Timeline:
    def call(executor: Executor) -> None:
        async def charge() -> None:
            await asyncio.sleep(60)  # noqa: TID251  # virtual

        async def caller() -> None:
            task = asyncio.ensure_future(executor.acall(KEY, charge))
            await asyncio.sleep(0.5)  # noqa: TID251  # virtual
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        clock: Any = executor.clock
        clock.run(caller())

    return _recorded(Policy(KEY, retry=HTTP), observer, call)


SCENARIOS: dict[str, Scenario] = {
    each.__name__: each
    for each in (success, retry, hedge, budget_denial, circuit_open, cancellation)
}


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return SCENARIOS[request.param]


@pytest.fixture
def scenarios() -> dict[str, Scenario]:
    return SCENARIOS
