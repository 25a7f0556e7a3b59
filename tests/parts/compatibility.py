"""Compares two JSON Schemas of an event by their structure: what one takes and the other refuses.

It knows the keywords of our generated schemas. Any other raises UnknownKeyword: nothing passes that was not compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

from tests.parts.contract import problems

Schema = dict[str, Any]

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FORM = ("pattern", "format", "contentEncoding")
_WORDS = ("title", "description", "default", "examples", "x-known-values", "$schema")
_STRUCTURE = (
    "type",
    "enum",
    "const",
    "anyOf",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "prefixItems",
)
_KNOWN = {*_LOWER, *_UPPER, *_FORM, *_WORDS, *_STRUCTURE}


class UnknownKeyword(Exception):
    """A schema uses a keyword that is not compared here."""


def refused(taken: Schema, by: Schema) -> list[str]:
    """What `taken` takes and `by` refuses: an entry for each place, with what is narrower there.

    A property that only `by` has narrows nothing. Raises UnknownKeyword.
    """
    return list(_refused(_inlined(taken), _inlined(by), "$"))


def forgotten(old: Schema, new: Schema) -> list[str]:
    """The properties, and the known values of open lists, that `old` names and `new` does not."""
    return list(_forgotten(_inlined(old), _inlined(new), "$"))


def _inlined(schema: Schema) -> Schema:
    """The schema with its definitions where they are referred to."""
    definitions = schema.get("$defs", {})

    def resolve(part: Any) -> Any:
        if isinstance(part, list):
            return [resolve(one) for one in part]
        if not isinstance(part, dict):
            return part
        referred = resolve(definitions[part["$ref"].removeprefix("#/$defs/")]) if "$ref" in part else {}
        return referred | {name: resolve(value) for name, value in part.items() if name not in ("$ref", "$defs")}

    inlined: Schema = resolve(schema)
    return inlined


def _refused(taken: Schema | bool, by: Schema | bool, at: str) -> Iterator[str]:
    taken = {} if taken is True else taken
    if by in (True, {}, taken):
        return
    if isinstance(by, bool) or isinstance(taken, bool):
        if taken is not False:
            yield f"{at}: is refused altogether"
        return
    if unknown := {*taken, *by} - _KNOWN:
        raise UnknownKeyword(f"{at}: {', '.join(sorted(unknown))}")
    if "anyOf" in taken:
        for one in taken["anyOf"]:
            yield from _refused(one, by, at)
    elif "anyOf" in by:
        yield from min((list(_refused(taken, one, at)) for one in by["anyOf"]), key=len)
    elif "enum" in taken or "const" in taken:
        for value in taken.get("enum", [taken.get("const")]):
            yield from (f"{at}: {problem}" for problem in problems(by, value))
    elif "enum" in by or "const" in by:
        yield f"{at}: only {by.get('enum', [by.get('const')])}"
    elif by.get("type") not in (None, taken.get("type")) and (taken.get("type"), by["type"]) != ("integer", "number"):
        yield f"{at}: type {by['type']}, not {taken.get('type')}"
    else:
        yield from _refused_by_bounds(taken, by, at)
        yield from _refused_within(taken, by, at)


def _refused_by_bounds(taken: Schema, by: Schema, at: str) -> Iterator[str]:
    narrower = [name for name in _LOWER if by.get(name, -inf) > taken.get(name, -inf)]
    narrower += [name for name in _UPPER if by.get(name, inf) < taken.get(name, inf)]
    narrower += [name for name in _FORM if by.get(name) not in (None, taken.get(name))]
    for name in narrower:
        yield f"{at}: {name} {by[name]}, not {taken.get(name)}"
    for name in sorted(set(by.get("required", ())) - set(taken.get("required", ()))):
        yield f"{at}.{name}: required"


def _refused_within(taken: Schema, by: Schema, at: str) -> Iterator[str]:
    for name, inner in by.get("properties", {}).items():
        if name in taken.get("properties", {}):
            yield from _refused(taken["properties"][name], inner, f"{at}.{name}")
    for name in ("additionalProperties", "items"):
        yield from _refused(taken.get(name, {}), by.get(name, {}), f"{at}[*]")
    firsts = taken.get("prefixItems", [])
    for index, inner in enumerate(by.get("prefixItems", ())):
        yield from _refused(firsts[index] if index < len(firsts) else taken.get("items", {}), inner, f"{at}[{index}]")


def _forgotten(old: Any, new: Any, at: str) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return
    if "anyOf" in old or "anyOf" in new:
        for one in old.get("anyOf", [old]):
            yield from min((list(_forgotten(one, other, at)) for other in new.get("anyOf", [new])), key=len)
        return
    for value in sorted(set(old.get("x-known-values", ())) - set(new.get("x-known-values", ()))):
        yield f"{at}: {value} is known no more"
    for name, inner in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            yield from _forgotten(inner, new["properties"][name], f"{at}.{name}")
        else:
            yield f"{at}.{name}: is gone"
    for name in ("additionalProperties", "items"):
        yield from _forgotten(old.get(name), new.get(name), f"{at}[*]")
