"""Every order in Amazon's own model becomes one of ours: it adds up, and nobody's name stands in the open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.settings import AccountSettings
from orderbridge.amazon import Order
from services.importer.mapping import to_document
from services.importer.personal_fields import extract
from tests.parts.hand_clock import START

pytestmark = pytest.mark.models

ACCOUNT = ConnectedAccount(
    connected=True, account_id="main", marketplace_ids=(), settings=AccountSettings(), connected_at=START
)
PERSONAL = ("buyerName", "buyerEmail", "name", "addressLine1", "addressLine2", "phone", "giftMessage", "streetName")


def orders(value: Any) -> Iterator[dict[str, Any]]:
    """Every order inside a model's document."""
    if isinstance(value, dict):
        if "orderId" in value and isinstance(value.get("orderItems"), list) and "createdTime" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from orders(inner)


def personal_values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in PERSONAL and isinstance(inner, str):
                yield inner
            else:
                yield from personal_values(inner)
    if isinstance(value, list):
        for inner in value:
            yield from personal_values(inner)


@pytest.fixture(scope="module")
def examples(amazon_models: Path) -> list[dict[str, Any]]:
    model = json.loads((amazon_models / "orders_2026-01-01.json").read_text("utf-8"))
    return list(orders(model["paths"]))


def test_every_example_is_mapped(examples: list[dict[str, Any]]) -> None:
    assert len(examples) >= 6
    for example in examples:
        order = Order.model_validate(example)
        document = to_document(ACCOUNT, order, None)
        assert len(document.lines) == len(example["orderItems"])
        grand_total = example.get("proceeds", {}).get("grandTotal")
        if grand_total is not None:
            assert document.totals.total == document.totals.parts_sum() == Decimal(grand_total["amount"])
            assert document.totals.difference == 0  # our reading of the parts makes Amazon's own numbers consistent
        for line, item in zip(document.lines, example["orderItems"], strict=True):
            if "proceedsTotal" in item.get("proceeds", {}):
                assert line.amounts.parts_sum() == Decimal(item["proceeds"]["proceedsTotal"]["amount"])


def test_no_example_leaves_a_person_in_the_open(examples: list[dict[str, Any]]) -> None:
    found = 0
    for example in examples:
        order = Order.model_validate(example)
        text = to_document(ACCOUNT, order, None).model_dump_json()
        people = set(personal_values({key: example.get(key) for key in ("buyer", "recipient", "orderItems")}))
        found += len(people)
        assert not [name for name in people if json.dumps(name) in text]
        sealed = extract(order).model_dump_json()
        assert example.get("recipient") is None or any(name.split()[-1] in sealed for name in people)
    assert found
