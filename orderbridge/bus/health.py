"""The health page of a process: `/healthz` (alive and making progress), `/readyz`, `/metrics` (Prometheus)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from orderbridge.bus.process_metrics import StateMetric

SILENCE_SECONDS = 10.0
"""Then whoever has connected and says nothing is let go."""
MOST_AT_ONCE = 32
"""Each connection has a thread; those beyond are closed unread."""

Report = Callable[[], dict[str, Any]]
"""Tells `state`: `ok` and `waiting` are alive, `stuck` is not; only `ok` is ready."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked has gone: no news, and no traceback on standard error."""


def serve_health(
    host: str, port: int, service: str, report: Report, metrics: Sequence[Collector] = ()
) -> ThreadingHTTPServer:
    """Serve the health page from a thread of its own. `server.server_address` tells the port taken for 0.

    `metrics` are told beside what the process counts and its state.
    """
    own = CollectorRegistry()
    for collector in (StateMetric(service, lambda: str(report()["state"])), *metrics):
        own.register(collector)

    class Page(BaseHTTPRequestHandler):
        timeout = SILENCE_SECONDS

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest() + generate_latest(own))
                return
            state = {"service": service, **report()}
            alive, ready = state["state"] != "stuck", state["state"] == "ok"
            good = {"/healthz": alive, "/readyz": ready}.get(self.path)
            if good is None:
                self._answer(404, "application/json", b'{"error": "try /healthz, /readyz or /metrics"}')
            else:
                self._answer(200 if good else 503, "application/json", json.dumps(state).encode())

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """A health page asked every second is no news."""

    server = _Server((host, port), Page)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
