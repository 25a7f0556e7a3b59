"""Which orders are not imported, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orderbridge.skip_reasons import SKIP_REASONS
from schemas.orders import OrderImported
from services.importer.skipping import why_skipped
from tests.parts.contract import EXAMPLES
from tests.parts.hand_clock import START
from tests.unit.docs.documents import table
from tests.unit.importer.conftest import account

UNPAID = {"id": "9", "name": "Unpaid"}
BEFORE = {"placed_at": (START - timedelta(days=1)).isoformat()}


@pytest.mark.parametrize(
    ("fields", "settings", "reason"),
    [
        ({}, {}, None),
        ({"sales_channel": "other"}, {}, "non_amazon"),
        ({"sales_channel": "other"}, {"import_non_amazon": True}, None),
        ({"sales_channel": "unknown"}, {}, None),
        ({"marketplace_id": "M1"}, {"skip_marketplaces": ("M1",)}, "marketplace_skipped"),
        ({"marketplace_id": "M2"}, {"skip_marketplaces": ("M1",)}, None),
        ({"fulfilled_by": "amazon"}, {}, "fulfilled_by_amazon"),
        ({"fulfilled_by": "amazon"}, {"import_fba": True}, None),
        ({"programs": ["PRIME", "PREORDER"]}, {"skip_programs": ("PREORDER",)}, "program_skipped"),
        (BEFORE, {"skip_placed_before": START.isoformat()}, "placed_before_minimum_date"),
        (BEFORE, {}, "placed_before_import_date"),
        ({"amazon_status": "pending"}, {}, "pending"),
        ({"amazon_status": "pending_availability"}, {}, "pending"),
        ({"amazon_status": "pending"}, {"status_pending": UNPAID}, None),
        ({"amazon_status": "pending", "fulfilled_by": "amazon"}, {"import_fba": True}, None),
        ({"amazon_status": "pending", **BEFORE}, {}, "placed_before_import_date"),
        ({"amazon_status": "cancelled"}, {}, None),
    ],
)
def test_why_an_order_is_skipped(fields: dict[str, Any], settings: dict[str, Any], reason: str | None) -> None:
    example = EXAMPLES["order.imported"] | {"placed_at": START.isoformat()}
    order = OrderImported.model_validate(example | fields)
    assert why_skipped(account(**settings), order, START) == reason
    assert reason is None or reason in SKIP_REASONS


def test_every_reason_is_in_the_document() -> None:
    rows = table("docs/your-store.md", "Orders that do not come")
    assert {row[0].strip("`"): row[1] for row in rows} == SKIP_REASONS
