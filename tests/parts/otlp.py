"""A collector of traces on loopback: takes OTLP over HTTP, and keeps the spans."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A span as it was sent."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str | int]
    linked: frozenset[str]
    """Ids of the traces that it belongs with."""
    failed: bool


@dataclass
class Collector:
    """What came in so far."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        """The spans of a name, in the order in which they were sent."""
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        """An export request."""
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            service = {pair.key: pair.value.string_value for pair in resource.resource.attributes}["service.name"]
            for scope in resource.scope_spans:
                for one in scope.spans:
                    values = {pair.key: pair.value.string_value or pair.value.int_value for pair in one.attributes}
                    self.spans.append(
                        Span(
                            service,
                            one.name,
                            one.kind,
                            one.trace_id.hex(),
                            one.span_id.hex(),
                            one.parent_span_id.hex(),
                            values,
                            frozenset(link.trace_id.hex() for link in one.links),
                            one.status.code == 2,
                        )
                    )


@contextmanager
def collector() -> Iterator[Collector]:
    """Listens as long as the block runs, at `url`."""
    kept = Collector()

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """No news."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
