"""The contract as tests read it: the examples, and JSON Schemas with their formats checked."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

import schemas
from schemas.events import EVENTS
from schemas.generate import example, json_schema

SCHEMAS = Path(schemas.__file__).parent
EXAMPLES: dict[str, dict[str, Any]] = {name: example(name) for name in EVENTS}

Route = tuple[str | int, ...]


def problems(schema: dict[str, Any], body: object) -> list[str]:
    """What JSON Schema 2020-12 finds wrong with `body`, dates and times included."""
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


@functools.cache
def schema_of(event_type: str) -> dict[str, Any]:
    """The schema of an event, as the models have it now."""
    return json_schema(EVENTS[event_type])


def wire(event: Any) -> Any:
    """The event's body as the outbox holds it, read again."""
    return json.loads(event.model_dump_json(exclude_none=True))


def places(value: Any, path: Route = ()) -> Iterator[tuple[Route, Any]]:
    """Every value inside `value` and the way to it."""
    children: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    for key, child in children:
        yield (*path, key), child
        yield from places(child, (*path, key))


def with_value(body: dict[str, Any], path: Route, value: Any) -> dict[str, Any]:
    """A copy of `body` with another value at `path`."""
    changed = copy.deepcopy(body)
    inside: Any = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return changed


def without(body: dict[str, Any], path: Route) -> dict[str, Any]:
    """A copy of `body` that lacks what is at `path`."""
    changed = copy.deepcopy(body)
    inside: Any = changed
    for key in path[:-1]:
        inside = inside[key]
    del inside[path[-1]]
    return changed
