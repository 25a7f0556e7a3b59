"""Every event has an example, valid for its JSON Schema and its model; what is generated is current."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import schemas.generate
from schemas.events import EVENTS, WORKERS, all_topics, event_class
from tests.parts.contract import EXAMPLES, SCHEMAS, problems, schema_of, wire

every_event = pytest.mark.parametrize("event_type", sorted(EVENTS))


def test_each_event_has_one_example_and_each_example_an_event() -> None:
    names = {name.replace("{service}.", "service.") for name in EVENTS}
    assert {path.stem for path in (SCHEMAS / "examples").glob("*.json")} == names


@every_event
def test_the_schema_is_a_json_schema(event_type: str) -> None:
    schema = schema_of(event_type)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@every_event
def test_the_example_is_valid(event_type: str) -> None:
    assert problems(schema_of(event_type), EXAMPLES[event_type]) == []
    event = EVENTS[event_type].model_validate(EXAMPLES[event_type])
    assert event.key()


@every_event
def test_an_event_survives_its_way_through_json(event_type: str) -> None:
    event = EVENTS[event_type].model_validate(EXAMPLES[event_type])
    assert EVENTS[event_type].model_validate(wire(event)) == event
    assert problems(schema_of(event_type), wire(event)) == []


def test_formats_are_checked() -> None:
    body = EXAMPLES["order.imported"] | {"placed_at": "yesterday"}
    assert problems(schema_of("order.imported"), body) == ["$.placed_at: 'yesterday' is not a 'date-time'"]


def test_each_topic_names_its_event() -> None:
    for topic, event in all_topics().items():
        assert event_class(topic) is event
    assert {f"{worker}.{own}" for worker in WORKERS for own in ("retry", "dead-letter")} <= set(all_topics())
    assert event_class("order.invented") is None
    assert event_class("stranger.retry") is None


def test_what_is_generated_is_current() -> None:
    stale = [path.name for path, text in schemas.generate.generated().items() if path.read_text() != text]
    assert stale == [], "run `make schemas`"


def test_check_finds_what_is_stale_and_writing_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "schemas"
    shutil.copytree(SCHEMAS / "json", here / "json")
    shutil.copytree(SCHEMAS / "examples", here / "examples")
    shutil.copy(SCHEMAS / "asyncapi.yaml", here)
    monkeypatch.setattr(schemas.generate, "HERE", here)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["generate", *arguments])
        return schemas.generate.main()

    assert run("--check") == 0
    changed = here / "json" / "order.shipped.json"
    changed.write_text(changed.read_text().replace("tracking_number", "tracking"))
    (here / "json" / "order.forgotten.json").write_text("{}")
    assert run("--check") == 1
    said = capsys.readouterr()
    assert "order.shipped.json" in said.out
    assert "order.forgotten.json" in said.out
    assert run() == 0
    assert run("--check") == 0
