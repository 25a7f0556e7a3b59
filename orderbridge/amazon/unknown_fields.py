"""Fields that Amazon sends and our models do not name: told by their paths, since values might be personal data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel


def unknown_fields(model: type[BaseModel], content: Any) -> Iterator[str]:
    """The paths of fields in Amazon's object that the model does not have, as `orderItems.product.novelty`.

    An entry of a list is named like the list; what lies below an unknown field is not gone through.
    """
    if not isinstance(content, dict):
        return
    known = _fields(model)
    for name, value in content.items():
        if name not in known:
            yield name
        elif (below := known[name]) is not None:
            for part in value if isinstance(value, list) else (value,):
                yield from (f"{name}.{path}" for path in unknown_fields(below, part))


@cache
def _fields(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """The model's fields by Amazon's name, each with the model that lies below it, if there is one."""
    return {field.alias or name: _model_in(field.annotation) for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
