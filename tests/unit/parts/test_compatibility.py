"""The comparison of schemas finds each kind of narrowing, and lets pass what is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parts.compatibility import Schema, UnknownKeyword, forgotten, refused
from tests.parts.contract import schema_of

TEXT = {"type": "string"}
NOTHING = {"type": "null"}
NUMBER = {"type": "integer"}


def having(field: Any, **more: Any) -> Schema:
    """A schema of an object with this field, defined elsewhere in it."""
    return {
        "$defs": {"Inner": {"type": "object", "properties": {"field": field}, **more}},
        "type": "object",
        "properties": {"inner": {"$ref": "#/$defs/Inner"}},
    }


@pytest.mark.parametrize(
    ("wide", "narrow", "said"),
    [
        ({"type": "number"}, NUMBER, "type integer, not number"),
        ({}, TEXT, "type string, not None"),
        ({"anyOf": [TEXT, NOTHING]}, TEXT, "type string, not null"),
        (TEXT | {"maxLength": 100}, TEXT | {"maxLength": 50}, "maxLength 50, not 100"),
        (TEXT, TEXT | {"maxLength": 100}, "maxLength 100, not None"),
        (TEXT | {"minLength": 1}, TEXT | {"minLength": 2}, "minLength 2, not 1"),
        (TEXT, TEXT | {"minLength": 1}, "minLength 1, not None"),
        (NUMBER | {"minimum": 0}, NUMBER | {"minimum": 1}, "minimum 1, not 0"),
        (NUMBER | {"maximum": 9}, NUMBER | {"maximum": 8}, "maximum 8, not 9"),
        (NUMBER, NUMBER | {"exclusiveMinimum": 0}, "exclusiveMinimum 0, not None"),
        (NUMBER, NUMBER | {"exclusiveMaximum": 9}, "exclusiveMaximum 9, not None"),
        (TEXT, TEXT | {"pattern": "^a"}, "pattern ^a, not None"),
        (TEXT, TEXT | {"format": "date"}, "format date, not None"),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, "'b' is not one of ['a']"),
        ({"enum": ["a", "b"]}, {"const": "a"}, "'a' was expected"),
        (TEXT, {"enum": ["a"], "type": "string"}, "only ['a']"),
        (TEXT, {"const": "a"}, "only ['a']"),
        ({"type": "array"}, {"type": "array", "items": TEXT}, "[*]: type string, not None"),
        ({"type": "array"}, {"type": "array", "maxItems": 9}, "maxItems 9, not None"),
        ({"type": "array"}, {"type": "array", "minItems": 1}, "minItems 1, not None"),
        ({"type": "array"}, {"type": "array", "prefixItems": [NUMBER]}, "[0]: type integer, not None"),
        ({"type": "object"}, {"type": "object", "additionalProperties": TEXT}, "[*]: type string, not None"),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}, "[*]: is refused altogether"),
    ],
)
def test_a_narrowing_is_found_and_the_widening_is_none(wide: Schema, narrow: Schema, said: str) -> None:
    (problem,) = refused(having(wide), by=having(narrow))
    assert problem.startswith("$.inner.field")
    assert said in problem
    assert refused(having(narrow), by=having(wide)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TEXT, NUMBER),
        ({"anyOf": [TEXT, NOTHING]}, {"anyOf": [TEXT, NUMBER]}),
        (TEXT | {"pattern": "^a"}, TEXT | {"pattern": "^b"}),
        (TEXT | {"format": "date"}, TEXT | {"format": "date-time"}),
        ({"enum": ["a", "long"]}, TEXT | {"maxLength": 3}),
        ({"type": "array", "items": TEXT}, {"type": "array", "items": NUMBER}),
        ({"type": "array", "prefixItems": [TEXT]}, {"type": "array", "prefixItems": [NUMBER]}),
        ({"type": "array", "items": TEXT}, {"type": "array", "prefixItems": [NUMBER]}),
        ({"additionalProperties": TEXT}, {"additionalProperties": NUMBER}),
    ],
)
def test_what_is_merely_different_is_found_from_both_sides(one: Schema, other: Schema) -> None:
    assert len(refused(having(one), by=having(other))) == 1
    assert len(refused(having(other), by=having(one))) == 1


def test_a_field_that_became_required_is_found() -> None:
    now = having(TEXT, required=["field"])
    assert refused(having(TEXT), by=now) == ["$.inner.field: required"]
    assert refused(now, by=having(TEXT)) == []


def test_a_new_field_that_may_be_missing_narrows_nothing() -> None:
    assert refused({"type": "object"}, by=having(TEXT)) == []


def test_what_is_said_about_a_field_narrows_nothing() -> None:
    said = {"title": "A", "description": "B", "default": "c", "examples": ["d"]}
    assert refused(having(TEXT), by=having(TEXT | said)) == []


def test_a_property_that_is_gone_is_found() -> None:
    assert forgotten(having(TEXT), {"type": "object", "properties": {}}) == ["$.inner: is gone"]
    assert forgotten(having(TEXT), having(TEXT) | {"$defs": {"Inner": {"type": "object"}}}) == [
        "$.inner.field: is gone"
    ]
    assert forgotten({"type": "object"}, having(TEXT)) == []


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: inner,
        lambda inner: {"anyOf": [NOTHING, inner]},
        lambda inner: {"type": "array", "items": inner},
        lambda inner: {"additionalProperties": inner},
    ],
    ids=["plain", "optional", "in a list", "in a map"],
)
def test_what_is_gone_is_found_wherever_it_was(around: Any) -> None:
    old, new = ({"x-known-values": values} for values in (["a", "b"], ["b", "c"]))
    (problem,) = forgotten(having(around(old)), having(around(new)))
    assert problem.endswith(": a is known no more")
    with_it, without = ({"type": "object", "properties": fields} for fields in ({"a": TEXT}, {}))
    assert len(forgotten(having(around(with_it)), having(around(without)))) == 1
    assert forgotten(having(around(without)), having(around(with_it))) == []


def test_a_keyword_that_is_not_compared_does_not_pass() -> None:
    with pytest.raises(UnknownKeyword, match="multipleOf"):
        refused(having(NUMBER), by=having(NUMBER | {"multipleOf": 2}))


def test_in_a_real_schema() -> None:
    shipped = schema_of("order.shipped")
    carrier = {**shipped["properties"]["carrier"], "maxLength": 50}
    changed = {**shipped, "properties": {**shipped["properties"], "carrier": carrier}}
    assert refused(shipped, by=changed) == ["$.carrier: maxLength 50, not 200"]
    assert refused(changed, by=shipped) == []
    assert refused(shipped, by=shipped) == []
