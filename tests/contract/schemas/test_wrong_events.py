"""Unknown fields and new values are read; a wrong or missing field is named, and its value is not quoted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.base import Event
from schemas.events import EVENTS
from tests.parts.contract import EXAMPLES, Route, places, problems, schema_of, with_value, without

CANARY = "canary-4711"


def refusal(event_type: str, body: Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        EVENTS[event_type].model_validate(body)
    return caught.value


def named(error: ValidationError) -> set[Route]:
    return {problem["loc"] for problem in error.errors()}


def words(error: ValidationError) -> str:
    """All that people get to read of it."""
    told = error.errors(include_input=False, include_url=False, include_context=False)
    return f"{error} {error!r} {told}"


def required(schema: dict[str, Any], body: Any, path: Route = ()) -> Iterator[Route]:
    """The way to every required field that the body has."""
    if "$ref" in schema:
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]] | {"$defs": schema["$defs"]}
    for branch in schema.get("anyOf", ()):
        yield from required(branch | {"$defs": schema["$defs"]}, body, path)
    if isinstance(body, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in body:
                if name in schema.get("required", ()):
                    yield (*path, name)
                yield from required(inner | {"$defs": schema["$defs"]}, body[name], (*path, name))
    elif isinstance(body, list) and isinstance(schema.get("items"), dict):
        for number, item in enumerate(body):
            yield from required(schema["items"] | {"$defs": schema["$defs"]}, item, (*path, number))


def all_required() -> list[tuple[str, Route]]:
    return [
        (event_type, path)
        for event_type, body in EXAMPLES.items()
        for path in required({"$defs": {}} | schema_of(event_type), body)
    ]


def test_required_fields_are_found_at_every_depth() -> None:
    found = all_required()
    assert ("order.imported", ("lines", 0, "quantity")) in found
    assert ("order.imported", ("personal_data", "state")) in found
    assert ("service.retry".replace("service", "{service}"), ("original", "offset")) in found


@pytest.mark.parametrize(("event_type", "path"), all_required())
def test_a_missing_field_is_named(event_type: str, path: Route) -> None:
    body = without(EXAMPLES[event_type], path)
    error = refusal(event_type, body)
    assert path in named(error)
    assert "Field required" in str(error)
    assert problems(schema_of(event_type), body)


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_a_field_of_another_type_is_named_and_its_value_is_not_quoted(event_type: str) -> None:
    example = EXAMPLES[event_type]
    for path, value in places(example):
        wrong: Any = [CANARY] if value is None else CANARY if isinstance(value, dict | list) else {CANARY: CANARY}
        error = refusal(event_type, with_value(example, path, wrong))
        assert any(location[: len(path)] == path for location in named(error)), path
        assert CANARY not in words(error), path
        assert all(problem["msg"] for problem in error.errors())


WRONG = [
    ("order.imported", ("totals", "item"), 19.98, "decimal string"),
    ("order.imported", ("totals", "item"), "19,98", "decimal string"),
    ("order.imported", ("totals", "item"), "1e3", "decimal string"),
    ("order.imported", ("totals", "item"), "NaN", "decimal string"),
    ("order.imported", ("totals", "item"), "١٩.٩٨", "decimal string"),
    ("order.imported", ("totals", "item"), "19.98\n", "decimal string"),
    ("order.imported", ("totals", "item"), "1" * 16, "decimal string"),
    ("order.imported", ("placed_at",), "2026-11-23T09:14:05", "timezone"),
    ("order.imported", ("placed_at",), "2026-11-23", "RFC 3339"),
    ("order.imported", ("placed_at",), "1795425246", "RFC 3339"),
    ("order.imported", ("placed_at",), 1795425246, "RFC 3339"),
    ("order.imported", ("placed_at",), "2026-11-31T09:14:05Z", "day"),
    ("order.imported", ("placed_at",), "0001-01-01T00:00:00+14:00", "RFC 3339"),
    ("order.imported", ("placed_at",), "9999-12-31T23:59:59-01:00", "RFC 3339"),
    ("order.imported", ("sequence",), "1795425246123", "integer"),
    ("order.imported", ("sequence",), 0, "greater than or equal to 1"),
    ("order.imported", ("lines", 0, "quantity"), -1, "greater than or equal to 0"),
    ("order.imported", ("lines", 0, "quantity"), 1.5, "integer"),
    ("order.imported", ("lines", 0, "quantity"), True, "integer"),
    ("order.imported", ("personal_data", "state"), "open", "'sealed'"),
    ("order.imported", ("personal_data", "seal"), "Jane Doe, 1 Main St", "pattern"),
    ("order.shipped", ("order_id",), "", "at least 1 character"),
    ("order.shipped", ("order_id",), "1" * 101, "at most 100 characters"),
    ("order.shipped", ("order_id",), "114-3941689-8772232\n", "control characters"),
    ("order.shipped", ("order_id",), "114\ud800", "string"),
    ("order.shipped", ("order_id",), None, "string"),
    ("order.shipped", ("tracking_number",), "1Z\x00", "control characters"),
    ("order.shipped", ("tracking_number",), 123, "string"),
    ("order.shipped", ("carrier",), "U" * 201, "at most 200 characters"),
    ("order.shipped", ("ship_date",), "24.11.2026", "2026-11-24"),
    ("order.shipped", ("ship_date",), "2026-11-24T09:00:00", "offset"),
    ("order.shipped", ("ship_date",), "2026-W48-2", "2026-11-24"),
    ("order.shipped", ("ship_date",), 20261124, "2026-11-24"),
    ("order.shipped", ("lines", 0, "quantity"), 0, "greater than or equal to 1"),
    ("order.shipped", ("lines", 0, "quantity"), "1", "integer"),
    ("order.shipped", ("lines", 0, "quantity"), 10**30, "less than or equal to 1000000"),
    ("order.shipped", ("lines",), [{"sku": "A", "quantity": 1}] * 1001, "at most 1000 items"),
    ("{service}.retry", ("original", "value"), "not base64!", "base64"),
]


@pytest.mark.parametrize(("event_type", "path", "value", "expected"), WRONG)
def test_a_wrong_value_is_refused_with_what_was_expected(
    event_type: str, path: Route, value: Any, expected: str
) -> None:
    error = refusal(event_type, with_value(EXAMPLES[event_type], path, value))
    assert named(error) == {path}
    assert expected.lower() in str(error).lower()
    if isinstance(value, str) and len(value) > 3:
        assert value not in words(error)


WHOLES = [
    ("import.due", {"account_id": "main", "reason": "order"}, (), "order_id"),
    ("import.due", {"account_id": "main", "reason": "changed", "since": "2026-11-24T12:00:00Z"}, (), "order_id"),
    ("import.due", {"account_id": "main", "reason": "changed", "order_id": "1"}, (), "since"),
    ("order.shipped", EXAMPLES["order.shipped"] | {"lines": [{"quantity": 1}]}, ("lines", 0), "`order_item_id`"),
    ("order.imported", with_value(EXAMPLES["order.imported"], ("totals", "total"), "5.55"), ("totals",), "24.97"),
    (
        "order.imported",
        with_value(with_value(EXAMPLES["order.imported"], ("totals", "item"), "5.55"), ("totals", "total"), "10.54"),
        (),
        "totals.item must be 19.98",
    ),
    (
        "order.imported",
        without(EXAMPLES["order.imported"], ("personal_data", "dies_at")),
        ("personal_data",),
        "`dies_at`",
    ),
]


@pytest.mark.parametrize(("event_type", "body", "path", "expected"), WHOLES)
def test_fields_that_do_not_fit_together(event_type: str, body: dict[str, Any], path: Route, expected: str) -> None:
    error = refusal(event_type, body)
    assert named(error) == {path}
    assert expected in str(error)
    assert "5.55" not in words(error)


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_what_is_no_object_is_refused(body: object) -> None:
    refusal("order.shipped", body)


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_fields_of_a_newer_version_are_left_aside(event_type: str) -> None:
    example = EXAMPLES[event_type]
    newer = {**json.loads(json.dumps(example)), "from_the_future": {"x": [1]}}
    for path, value in places(example):
        if isinstance(value, dict):
            newer = with_value(newer, (*path, "from_the_future"), CANARY)
    event = EVENTS[event_type].model_validate(newer)
    assert event == EVENTS[event_type].model_validate(example)
    assert "from_the_future" not in event.model_dump_json()
    assert problems(schema_of(event_type), newer) == []


CHOICES: list[tuple[str, Route]] = [
    *((name, ("amazon_status",)) for name in ("order.imported", "order.updated", "order.redacted")),
    *((name, ("fulfilled_by",)) for name in ("order.imported", "order.updated", "order.redacted")),
    *((name, ("sales_channel",)) for name in ("order.imported", "order.updated", "order.redacted")),
    *((name, ("store", "inventory")) for name in ("order.imported", "order.updated", "order.redacted")),
    *((name, ("packages", 0, "status")) for name in ("order.imported", "order.updated", "order.redacted")),
    *((name, ("package_differences", 0, "kind")) for name in ("order.imported", "order.updated", "order.redacted")),
    ("order.updated", ("changes", 0)),
    ("shipment.due-soon", ("reason",)),
    ("import.due", ("reason",)),
    ("import.finished", ("kind",)),
    ("import.finished", ("lines", 0, "did")),
    ("store.options", ("statuses", 0, "kind")),
    ("store.options", ("payment_types", 0, "kind")),
]


def test_no_open_choice_is_forgotten_below() -> None:
    open_choices = sum(
        path[-1] == "x-known-values" for event_type in EVENTS for path, _ in places(schema_of(event_type))
    )
    assert open_choices == len(CHOICES)


@pytest.mark.parametrize(("event_type", "path"), CHOICES)
def test_a_new_value_of_an_open_choice_reads_as_unknown(event_type: str, path: Route) -> None:
    example = EXAMPLES[event_type]
    part = str(path[0])
    if part.startswith("package"):  # an order that was just imported, or is forgotten, may have none
        example = {**example, part: EXAMPLES["order.updated"][part]}
    newer = with_value(example, path, "invented_tomorrow")
    value: Any = EVENTS[event_type].model_validate(newer)
    for key in path:
        value = value[key] if isinstance(key, int) else getattr(value, key)
    assert value == "unknown"
    assert problems(schema_of(event_type), newer) == []


def test_an_event_without_a_key_says_so() -> None:
    with pytest.raises(TypeError, match="names no key"):
        Event().key()
