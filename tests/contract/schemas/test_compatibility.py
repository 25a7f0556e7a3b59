"""What was released stays readable: old events by today's models, today's events by old schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import schemas.generate
from schemas.events import EVENTS
from tests.parts.compatibility import forgotten, refused
from tests.parts.contract import EXAMPLES, SCHEMAS, problems, schema_of

RELEASED = sorted((SCHEMAS / "released").glob("*/*.json"))


def event_of(path: Path) -> str:
    return path.stem.replace("service.", "{service}.")


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def test_the_first_release_is_kept() -> None:
    assert {path.name for path in RELEASED if path.parent.name == "0.1.0"} >= {"order.imported.json"}


def of(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: f"{path.parent.name} {path.stem}")


every_released = of(RELEASED)
FROM_STORES = {name for name, event in EVENTS.items() if "store" in event.sent_by}
every_sent_by_us = of([path for path in RELEASED if event_of(path) not in FROM_STORES])


@every_released
def test_a_released_event_is_read_by_todays_model(path: Path) -> None:
    """An older producer: what it sent is still an event, with everything it said."""
    assert event_of(path) in EVENTS, "an event was taken away: whoever still sends it would be dead-lettered"
    (example,) = load(path)["examples"]
    EVENTS[event_of(path)].model_validate(example)
    assert problems(schema_of(event_of(path)), example) == []


@every_released
def test_todays_event_is_valid_for_a_released_schema(path: Path) -> None:
    """An older consumer: what we send now is what it was promised."""
    assert problems(load(path), EXAMPLES[event_of(path)]) == []


@every_released
def test_what_a_released_schema_takes_is_taken_today(path: Path) -> None:
    """An older producer, or an older event on its topic: whatever it may say, not its example alone."""
    assert refused(load(path), by=schema_of(event_of(path))) == []


@every_released
def test_nothing_that_was_named_is_forgotten(path: Path) -> None:
    """A property or a value that is gone would be passed over in what is sent, and missed in what is read."""
    assert forgotten(load(path), schema_of(event_of(path))) == []


@every_sent_by_us
def test_what_we_may_send_today_was_promised(path: Path) -> None:
    """An older consumer: what its released schema does not take would be news to it. (Input may be widened.)"""
    assert refused(schema_of(event_of(path)), by=load(path)) == []


def release(version: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["generate", "--release", version])
    return schemas.generate.main()


def test_releasing_keeps_a_copy_of_every_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas.generate, "RELEASED", tmp_path)
    assert release("9.9.9", monkeypatch) == 0
    kept = {event_of(path): load(path) for path in (tmp_path / "9.9.9").iterdir()}
    assert kept == {name: schema_of(name) for name in EVENTS}


def test_a_release_is_never_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schemas.generate, "RELEASED", tmp_path)
    (tmp_path / "9.9.9").mkdir()
    assert release("9.9.9", monkeypatch) == 1
    assert "9.9.9 is released" in capsys.readouterr().err
    assert list((tmp_path / "9.9.9").iterdir()) == []
