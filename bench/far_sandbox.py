"""A sandbox in a process of its own, so that its memory is not counted, whose clock is moved from outside.

Started as `python -m bench.far_sandbox START`; the first line on standard output is its address.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from orderbridge.http_session import Session
from sandbox.clock import ManualClock


class FarSandbox:
    """A sandbox that runs elsewhere; its clock is moved together with ours."""

    def __init__(self, url: str, start: datetime) -> None:
        self.url = url
        self._clock = ManualClock(start)
        self._http = Session()

    def now(self) -> datetime:
        """The moment that both agree on: this is a clock for `Database`."""
        return self._clock.now()

    def advance(self, seconds: float) -> None:
        """Let time pass, here and there."""
        self._clock.advance(seconds)
        self.post("/_bench/advance", {"seconds": seconds})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Use its back door."""
        answer = self._http.post(self.url + path, json=body, timeout=600)
        answer.raise_for_status()
        return answer.json()

    def calls(self) -> dict[str, Any]:
        """How often each operation was called."""
        found: dict[str, Any] = self._http.get(f"{self.url}/_sandbox/calls", timeout=60).json()["operations"]
        return found


@contextmanager
def far_sandbox(start: datetime) -> Iterator[FarSandbox]:
    """Start one at this moment, and stop it at the end."""
    command = [sys.executable, "-m", "bench.far_sandbox", start.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        try:
            assert process.stdout is not None
            yield FarSandbox(process.stdout.readline().strip(), start)
        finally:
            process.terminate()


def _serve(start: datetime) -> None:
    # Here alone: whoever measures his memory has no use for a web server in it.
    from sandbox.database import Database
    from sandbox.seller_central import SellerCentral
    from sandbox.server import create_app, create_server, listen

    clock = ManualClock(start)
    app = create_app(SellerCentral(Database(), clock))

    @app.post("/_bench/advance")
    async def advance(body: dict[str, float]) -> dict[str, float]:
        clock.advance(body["seconds"])
        return body

    listener = listen("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    create_server(app).run(sockets=[listener])


if __name__ == "__main__":
    _serve(datetime.fromisoformat(sys.argv[1]))
