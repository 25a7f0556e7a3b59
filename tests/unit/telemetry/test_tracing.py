"""Tracing that is off costs nothing: OpenTelemetry is not even imported. On, it keeps nobody from ending."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from orderbridge import tracing
from tests.parts.patience import PATIENCE

_PROGRAM = """
import sys
import services.importer.app, services.shipper.app, services.ticker.app
from orderbridge import tracing
tracing.configure_tracing("importer")
with tracing.doing("x", "CLIENT", {}) as span:
    span.tell(status=200)
    assert tracing.current_traceparent() is None
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


_OFF: list[dict[str, str]] = [
    {},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
]


@pytest.mark.parametrize("more", _OFF)
def test_nothing_of_opentelemetry_is_imported(more: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, env=environment | more, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_collector_that_hangs_keeps_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "20")
        tracing.configure_tracing("test")
        with tracing.doing("x", "CLIENT", {}):
            pass
        began = time.monotonic()
        tracing.stop_tracing()
        assert time.monotonic() - began < 3 * PATIENCE
