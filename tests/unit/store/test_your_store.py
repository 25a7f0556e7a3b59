"""docs/your-store.md says what the code does."""

from __future__ import annotations

import ast
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

import tests.parts.kafka_python  # noqa: F401 - before orderbridge.store, which imports Kafka
from orderbridge.bus.envelope import validate
from orderbridge.bus.outcomes import Rejected
from orderbridge.carriers import find_carrier, tracking_warning
from orderbridge.settings import Settings
from orderbridge.store import STORE_EVENTS
from schemas.orders import OrderImported
from schemas.shipments import LateReason, OrderShipped
from services.shipper.holding import BUYER_ASKED_TO_CANCEL, PAUSED
from services.shipper.rules import check_order, package_lines, plan_ship_date
from tests.parts.contract import EXAMPLES

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "your-store.md").read_text()
CASES = [json.loads(line) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
ORDER = OrderImported.model_validate(EXAMPLES["order.imported"])


def table(heading: str) -> list[str]:
    """The code words of the first column of a section's table."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_.-]+)` \|", section, re.MULTILINE)


def reasons(name: str, *, keyword: str | None = None, position: int = 0) -> set[str]:
    """The reason of every `name(…)` in the shipper and the bus: its argument at a position, or a keyword."""
    found = set()
    for path in [*(REPOSITORY / "services/shipper").glob("*.py"), *(REPOSITORY / "orderbridge/bus").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                values = (
                    [k.value for k in node.keywords if k.arg == keyword]
                    if keyword
                    else node.args[position : position + 1]
                )
                found |= {value.value for value in values if isinstance(value, ast.Constant)}
    return {reason for reason in found if isinstance(reason, str)}


def test_the_cases_have_carriers_and_numbers_that_are_right() -> None:
    for case in CASES:
        carrier = find_carrier(case["carrier"], "", mapping={}, marketplace_id=None)
        assert carrier.found_by == "name"
        assert tracking_warning(carrier.code, case["tracking_number"]) is None


def test_every_reason_is_in_the_table() -> None:
    refusals = reasons("Rejected") | reasons("_IdReused") | reasons("Refusal", keyword="reason")
    holds = {"ship_date_ahead", PAUSED, BUYER_ASKED_TO_CANCEL}
    warnings = reasons("answers.warned", position=3)
    assert warnings == {"tracking_number_doubtful", "buyer_asked_to_cancel", "amazon_unwell"}
    assert table("The answers") == [
        *("ship_date_ahead", "paused", "buyer_asked_to_cancel"),
        *("tracking_number_doubtful", "buyer_asked_to_cancel", "amazon_unwell"),
        *sorted(refusals - {"malformed"}),
    ]
    assert reasons("answers.held", position=3) | {PAUSED, BUYER_ASKED_TO_CANCEL} == holds
    assert "`malformed`" in PAGE


def test_every_event_for_stores_is_in_the_table() -> None:
    assert set(table("What you read")) == set(STORE_EVENTS)


def test_every_reason_of_a_warning_is_in_the_table() -> None:
    assert {*table("What is late"), "unknown"} == set(get_args(get_args(LateReason)[0]))


def test_every_file_of_the_examples_is_linked() -> None:
    files = [path.relative_to(REPOSITORY / "docs") for path in (REPOSITORY / "docs/examples").rglob("*.*")]
    shown = [str(path) for path in files if (REPOSITORY / "docs" / path).is_file() and "__pycache__" not in path.parts]
    assert sorted(re.findall(r"\]\((examples/[^)]+)\)", PAGE)) == sorted(shown)


def test_no_file_of_the_examples_names_a_registry() -> None:
    lock = json.loads((REPOSITORY / "docs/examples/node/package-lock.json").read_text())
    fetched = [package for name, package in lock["packages"].items() if name]
    assert fetched
    assert all(package["integrity"].startswith("sha512-") and "resolved" not in package for package in fetched)


def test_the_retention_is_the_one_of_the_settings() -> None:
    assert f"{Settings.model_fields['topic_retention_days'].default} days" in PAGE


@pytest.mark.parametrize("body", CASES, ids=range(len(CASES)))
def test_a_case_of_order_shipped_passes_the_rules(body: dict[str, object]) -> None:
    event = validate(OrderShipped, body)
    check_order(ORDER)
    lines = package_lines(event, ORDER, [], [])
    assert sum(line.quantity for line in lines) == (1 if event.lines else 2)
    now = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    plan = plan_ship_date(event.ship_date or now, ZoneInfo("America/Los_Angeles"), ORDER.placed_at, now)
    assert (plan.not_before > now) == (event.ship_date is not None)
    assert plan.not_before - now < timedelta(days=1)


def test_the_cases_are_all_there() -> None:
    events = [validate(OrderShipped, body) for body in CASES]
    assert any(not event.model_dump(exclude_none=True, exclude={"order_id", "carrier", "tracking_number", "lines"})
               for event in events)  # fmt: skip
    assert {len(event.lines) for event in events} == {0, 1}
    assert any(event.store_order_number for event in events)
    with pytest.raises(Rejected, match="more_than_ordered"):
        package_lines(events[3].model_copy(update={"lines": events[3].lines * 3}), ORDER, [], [])
