"""`orderbridge up` and `demo` as a user starts them: child processes in a folder of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until


class StandingHouse:
    """An `orderbridge` command that keeps a house, in `folder`."""

    def __init__(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        others = {name: value for name, value in os.environ.items() if not name.startswith("ORDERBRIDGE_")}
        self.output = folder / f"output-{len(list(folder.glob('output-*')))}.txt"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orderbridge", *arguments],
                cwd=folder,
                env={**others, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def addresses(self) -> Mapping[str, Any]:
        """`addresses.json`, as it is written at the start."""
        found: dict[str, Any] = json.loads((self.folder / ".orderbridge" / "addresses.json").read_text())
        return found

    def wait_until_it_stands(self, seconds: float = 90) -> None:
        """Every service answers that it is ready."""

        def stands() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{self.output.read_text()[-3000:]}")
            return "The house stands" in self.output.read_text()

        wait_until(stands, seconds=seconds, what="the house stands", interval=0.2)

    def get(self, part: str, path: str) -> Any:
        """What a part of the house answers, as JSON."""
        answer = requests.get(self.addresses[part] + path, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def post(self, part: str, path: str, body: Mapping[str, Any]) -> Any:
        """Post JSON to a part of the house."""
        answer = requests.post(self.addresses[part] + path, json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def processes(self) -> list[psutil.Process]:
        """Every living process that works in this folder, the command itself among them."""
        mine = []
        for process in psutil.process_iter():
            try:
                if process.cwd() == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    mine.append(process)
            except psutil.Error:
                continue
        return mine

    def kill_everything(self) -> None:
        """A power cut: SIGKILL to all at once."""
        for process in self.processes():
            process.kill()
        self.process.wait(10 * PATIENCE)
        wait_until(lambda: not self.processes(), seconds=10, what="all are dead")

    def close(self) -> None:
        """Stop it, kindly first."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for process in self.processes():
            process.kill()
