"""What the supervisor's children are started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderbridge.memory import ENVIRONMENT
from orderbridge.supervisor import Supervisor

(VARIABLE,) = ENVIRONMENT


@pytest.mark.parametrize(("size", "kept"), [(None, None), (10_000_000, None), (10_000_001, 10_000_001)])
def test_a_long_log_is_begun_anew_at_a_start(tmp_path: Path, size: int | None, kept: int | None) -> None:
    log, old = tmp_path / "no-such-service.log", tmp_path / "no-such-service.log.1"
    old.write_bytes(b"older")
    if size is not None:
        log.write_bytes(b"x" * size)
    supervisor = Supervisor(tmp_path)
    supervisor.start("no-such-service", [], {})
    supervisor.stop()
    assert old.stat().st_size == (kept or len(b"older"))
    assert (log.stat().st_size < 10_000_000) is (size is None or kept is not None)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The environments of the children, none of which runs."""
    environments: list[dict[str, str]] = []
    monkeypatch.setattr(
        Supervisor, "_spawn", lambda _self, _name, _command, environment: environments.append(environment)
    )
    return environments


def test_a_child_has_what_cannot_be_set_later(
    started: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    Supervisor(tmp_path).start("shipper", [], {"ORDERBRIDGE_LOG_LEVEL": "debug"})
    assert started[0].items() >= {**ENVIRONMENT, "ORDERBRIDGE_LOG_LEVEL": "debug"}.items()


def test_what_somebody_has_set_himself_stays(
    started: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "glibc.malloc.check=3")
    Supervisor(tmp_path).start("shipper", [], {})
    assert started[0][VARIABLE] == "glibc.malloc.check=3"
