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

Report = Callable[[], dict[str, Any]]
"""Tells `state`: `ok` and `waiting` are alive, `stuck` is not; only `ok` is ready."""


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

    server = ThreadingHTTPServer((host, port), Page)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
