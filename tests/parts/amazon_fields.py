"""Amazon's Order of Orders 2026-01-01, made from its model with a canary in every text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MOMENT = "2026-11-20T10:00:00Z"
_FILLED: dict[str, str] = {
    # What must be of a form, or nothing would be read at all.
    "orderId": "114-3941689-8772232",
    "orderItemId": "79039765272157",
    "amount": "1.00",
    "currencyCode": "USD",
}


def order_of_canaries(models: Path, word: Callable[[int], str]) -> tuple[dict[str, Any], list[str]]:
    """An order with every field that the model names, and the path of each canary by its number.

    Texts of the order's own id, of moments and of money are as they must be. A path goes through lists as through
    objects: `orderItems.product.title`.
    """
    model = json.loads((models / "orders_2026-01-01.json").read_text("utf-8"))
    paths: list[str] = []

    def fill(schema: dict[str, Any], path: str) -> Any:
        if "$ref" in schema:
            return fill(model["definitions"][schema["$ref"].rpartition("/")[2]], path)
        kind = schema.get("type")
        if kind == "array":
            return [fill(schema["items"], path)]
        if kind == "object" or "properties" in schema:
            inside = schema.get("properties", {})
            return {name: fill(one, f"{path}.{name}" if path else name) for name, one in inside.items()}
        if kind in ("integer", "number"):
            return 1
        if kind == "boolean":
            return True
        if schema.get("format") == "date-time":
            return _MOMENT
        name = path.rpartition(".")[2]
        if name in _FILLED:
            return _FILLED[name]
        paths.append(path)
        return word(len(paths) - 1)

    order: dict[str, Any] = fill(model["definitions"]["Order"], "")
    return order, paths
