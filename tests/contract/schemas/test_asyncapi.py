"""The AsyncAPI document: its structure, its references, its examples, and that no topic is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.events import all_topics
from tests.parts.contract import SCHEMAS, places, problems

DOCUMENT: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())
STRUCTURE: dict[str, Any] = json.loads((Path(__file__).parent / "asyncapi_structure.json").read_text())


def resolve(reference: str) -> Any:
    """What a reference within the document points at (RFC 6901). Raises KeyError where it points at nothing."""
    assert reference.startswith("#/"), reference
    inside: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        inside = inside[step.replace("~1", "/").replace("~0", "~")]
    return inside


def test_structure() -> None:
    """AsyncAPI 3.0.0, "Schema": the objects that we use, their required and their allowed fields."""
    assert problems(STRUCTURE, DOCUMENT) == []


def test_the_structure_is_strict() -> None:
    assert problems(STRUCTURE, DOCUMENT | {"chanels": {}})
    assert problems(STRUCTURE, {key: value for key, value in DOCUMENT.items() if key != "info"})


def test_every_reference_resolves() -> None:
    references = [value for path, value in places(DOCUMENT) if path[-1] == "$ref"]
    assert len(references) > 100
    for reference in references:
        assert isinstance(resolve(reference), dict), reference


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["messages"]))
def test_the_message_examples_are_valid(name: str) -> None:
    payload = DOCUMENT["components"]["messages"][name]["payload"]["schema"]
    # The references start at the document's root, so the schema is validated where it stands.
    whole = DOCUMENT | {"$ref": f"#/components/messages/{name}/payload/schema"}
    assert payload["examples"]
    for example in payload["examples"]:
        assert problems(whole, example) == []
    assert problems(whole, "no event"), "the schema takes anything"


def test_each_topic_is_a_channel_with_a_sender_and_a_reader() -> None:
    assert set(DOCUMENT["channels"]) == set(all_topics())
    for topic, event in all_topics().items():
        channel = DOCUMENT["channels"][topic]
        assert channel["address"] == topic
        (message,) = channel["messages"].values()
        assert resolve(message["$ref"])["name"] == event.event_type
        actions = {
            operation["action"]
            for operation in DOCUMENT["operations"].values()
            if operation["channel"]["$ref"] == f"#/channels/{topic}"
        }
        assert actions == {"send", "receive"}, topic
        compacted = channel["bindings"]["kafka"].get("topicConfiguration", {}).get("cleanup.policy") == ["compact"]
        assert compacted == event.compacted
