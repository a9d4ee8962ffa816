"""Ways to keep what an executor tells: our archive, rows by hand, log lines, spans."""

import importlib
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recourse import events
from recourse_observe.archive import ArchiveObserver

__all__ = ["Archive", "FromPylist", "OpenTelemetrySpans", "StructlogLines"]


class Archive:
    """Ours: the queue, the fold, the segment, and Parquet at the end."""

    def __init__(self, folder: Path) -> None:
        self.observer = ArchiveObserver(folder, service="bench", flush_interval_s=60.0)

    def take(self, told: list[Any]) -> None:
        on_event = self.observer.on_event
        for event in told:
            on_event(event)
        self.observer.flush()

    def close(self) -> None:
        self.observer.close(60.0)
        assert (
            self.observer.counts.written == self.observer.counts.emitted
        )  # or the numbers mean nothing


def flat(event: Any) -> dict[str, Any]:
    """An event as a row of its own, as a straightforward writer would have it."""
    outcome = getattr(event, "outcome", None)
    return {
        "event": type(event).__name__,
        "call_id": event.call_id,
        "key": event.key,
        "policy_id": event.policy_id,
        "at_ns": event.t_wall_ns,
        "attempt": getattr(event, "attempt", None),
        "hedge_index": getattr(event, "hedge_index", None),
        "outcome": None if outcome is None else str(outcome.kind),
        "reason": None if outcome is None else outcome.reason,
        "backoff_s": getattr(event, "backoff_s", None),
        "disposition": str(getattr(event, "disposition", "")),
    }


class FromPylist:
    """Dictionaries to ``pa.Table.from_pylist`` to Parquet."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        self.files = 0

    def take(self, told: list[Any]) -> None:
        self.rows += map(flat, told)
        if len(self.rows) >= 65_536:
            self.close()

    def close(self) -> None:
        table = pa.Table.from_pylist(self.rows)
        pq.write_table(table, self.folder / f"{self.files}.parquet", compression="zstd")
        self.rows = []
        self.files += 1


class StructlogLines:
    """A structlog line per event, rendered by orjson when it is there."""

    def __init__(self, folder: Path) -> None:
        import structlog

        folder.mkdir()
        self.file = (folder / "lines").open("wb")
        dumps, is_bytes = json.dumps, importlib.util.find_spec("orjson") is not None
        if is_bytes:
            dumps = importlib.import_module("orjson").dumps
        self.out: Any = self.file if is_bytes else io.TextIOWrapper(self.file)
        factory: Any = structlog.BytesLoggerFactory if is_bytes else structlog.WriteLoggerFactory
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.JSONRenderer(serializer=dumps),
            ],
            logger_factory=factory(self.out),
            cache_logger_on_first_use=False,
        )
        self.log = structlog.get_logger()

    def take(self, told: list[Any]) -> None:
        for event in told:
            row = flat(event)
            self.log.info(row.pop("event"), **row)

    def close(self) -> None:
        self.out.flush()


class OpenTelemetrySpans:
    """A span per call and per attempt, batched, as OTLP: what an exporter would send, in a file."""

    def __init__(self, folder: Path) -> None:
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import (
            BatchSpanProcessor,
            SpanExporter,
            SpanExportResult,
        )

        folder.mkdir()
        file = (folder / "spans").open("wb")

        class ToFile(SpanExporter):
            def export(self, spans: Any) -> Any:
                file.write(encode_spans(spans).SerializeToString())
                return SpanExportResult.SUCCESS

        self.provider = TracerProvider(shutdown_on_exit=False)
        processor = BatchSpanProcessor(ToFile(), max_queue_size=65_536, max_export_batch_size=512)
        self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("bench")
        self.file = file
        self.spans: dict[Any, Any] = {}

    def take(self, told: list[Any]) -> None:
        from opentelemetry.trace import set_span_in_context

        for event in told:
            match event:
                case events.CallStart():
                    facts = {"recourse.call.id": event.call_id, "recourse.key": event.key}
                    span = self.tracer.start_span("call", attributes=facts)
                    self.spans[event.call] = span
                case events.AttemptStart():
                    parent = set_span_in_context(self.spans[event.call])
                    self.spans[event.call, event.attempt] = self.tracer.start_span(
                        "attempt", parent
                    )
                case events.AttemptEnd():
                    span = self.spans.pop((event.call, event.attempt))
                    span.set_attributes(
                        {
                            "recourse.attempt.index": event.attempt,
                            "recourse.attempt.outcome": str(event.outcome.kind),
                            "recourse.attempt.reason": event.outcome.reason,
                            "recourse.attempt.backoff": event.backoff_s,
                        }
                    )
                    span.end()
                case events.CallEnd():
                    span = self.spans.pop(event.call)
                    span.set_attribute("recourse.call.result", str(event.disposition))
                    span.end()
                case _:
                    pass
        self.provider.force_flush()

    def close(self) -> None:
        self.provider.shutdown()
        self.file.close()
