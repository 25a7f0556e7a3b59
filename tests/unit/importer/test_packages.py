"""Amazon's packages in an order, and what differs from what Amazon confirmed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderbridge.amazon import Order
from orderbridge.database.models import PackageRow
from schemas.orders import OrderDocument
from services.importer.mapping import to_document
from services.importer.packages import differences, packages_of, told_anew
from services.importer.words import unknown_words
from tests.unit.importer.conftest import AmazonOrder, account
from tests.unit.importer.test_changes import order

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CONFIRMED = NOW - timedelta(hours=2)
ITEM = "79039765272157"
AT_AMAZON = {
    "package_reference_id": "1",
    "carrier": "UPS",
    "tracking_number": "1Z 99-9",
    "status": "shipped",
    "lines": [{"order_item_id": ITEM, "quantity": 2}],
}


def document(*packages: dict[str, Any], **fields: Any) -> OrderDocument:
    return order(**{"fulfilled_by": "merchant", "packages": packages, **fields})


def ours(**fields: Any) -> PackageRow:
    content = {"tracking_number": "1Z999", "package_id": "P1", "lines": [{"order_item_id": ITEM, "quantity": 2}]}
    row = {"reference_id": 1, "state": "confirmed", "unsure": False, "confirmed_at": CONFIRMED}
    return PackageRow(**{**row, "content": json.dumps(content), **fields})


def kinds(told: OrderDocument, known: OrderDocument, *rows: PackageRow) -> list[str]:
    return [one.kind for one in differences(told, known, rows, NOW)[0]]


@pytest.mark.parametrize(
    ("packages", "row", "expected"),
    [
        ([AT_AMAZON], {}, []),
        ([AT_AMAZON | {"tracking_number": None}], {}, []),
        ([AT_AMAZON | {"tracking_number": "1Z998"}], {}, ["tracking_number"]),
        ([AT_AMAZON | {"lines": [{"order_item_id": ITEM, "quantity": 1}]}], {}, ["quantities"]),
        ([AT_AMAZON | {"lines": [{"order_item_id": ITEM, "quantity": 1}] * 2}], {}, []),
        ([AT_AMAZON | {"lines": [{"order_item_id": "another", "quantity": 2}]}], {}, ["quantities"]),
        ([AT_AMAZON | {"lines": []}], {}, []),  # not told
        ([AT_AMAZON | {"status": "cancelled"}], {}, ["missing"]),
        ([], {}, ["missing"]),
        ([], {"state": "waiting"}, []),
        ([], {"state": "rejected"}, []),
        ([], {"unsure": True}, []),
        ([AT_AMAZON | {"package_reference_id": "2"}], {}, ["missing", "not_ours"]),
        ([AT_AMAZON, AT_AMAZON | {"package_reference_id": "ABC"}], {}, ["not_ours"]),
    ],
)
def test_what_differs(packages: list[dict[str, Any]], row: dict[str, Any], expected: list[str]) -> None:
    assert kinds(document(*packages), document(), ours(**row)) == expected


@pytest.mark.parametrize(("minutes", "settled"), [(59, False), (60, True)])
def test_what_was_confirmed_just_now_is_looked_at_again(minutes: int, settled: bool) -> None:
    confirmed_at = NOW - timedelta(minutes=minutes)
    found, again_at = differences(document(), document(), [ours(confirmed_at=confirmed_at)], NOW)
    assert bool(found) == settled
    assert again_at == (None if settled else confirmed_at + timedelta(hours=1))


def test_what_is_as_it_should_be_is_not_looked_at_again() -> None:
    assert differences(document(AT_AMAZON), document(), [ours(confirmed_at=NOW)], NOW) == ((), None)


@pytest.mark.parametrize("shipped", [0, 2])
def test_what_an_order_came_with_is_not_remarked(shipped: int) -> None:
    """An order that was stored before its packages were read has shipped something, and none of them."""
    line = {**order().lines[0].model_dump(mode="json"), "quantity_shipped": shipped}
    assert kinds(document(AT_AMAZON), document(lines=[line])) == ([] if shipped else ["not_ours"])
    assert kinds(document(AT_AMAZON), document(AT_AMAZON)) == []


def test_a_remark_stays_as_long_as_the_package() -> None:
    remarked = document(AT_AMAZON)
    found, _ = differences(remarked, document(), [], NOW)
    remarked = remarked.model_copy(update={"package_differences": found})
    assert [one.kind for one in found] == ["not_ours"]
    assert differences(document(AT_AMAZON), remarked, [], NOW) == (found, None)
    assert differences(document(), remarked, [], NOW) == ((), None)
    assert told_anew(remarked, remarked) == (None, None)
    assert told_anew(remarked, document()) == (None, found[0].message)


def test_a_problem_says_what_to_do() -> None:
    found, _ = differences(document(), document(), [ours()], NOW)
    problem, note = told_anew(document().model_copy(update={"package_differences": found}), document())
    assert note is None
    assert problem == (
        "Amazon confirmed package 1 (1Z999) and does not have it. Look into Seller Central, and confirm the shipment "
        "there if it is not."
    )


def test_a_new_word_for_a_status_is_kept(amazon_order: AmazonOrder) -> None:
    told = amazon_order("SHIPPED")
    (package,) = told.packages
    assert package.package_status is not None
    status = package.package_status.model_copy(update={"status": "ON_A_DRONE"})
    told = told.model_copy(update={"packages": (package.model_copy(update={"package_status": status}),)})
    (kept,) = to_document(account(), told, None).packages
    assert (kept.status, kept.status_word) == ("unknown", "ON_A_DRONE")
    assert ("package_status", "ON_A_DRONE") in unknown_words(told)


def test_what_is_not_told_stays(amazon_order: AmazonOrder) -> None:
    shipped = amazon_order("SHIPPED")
    known = to_document(account(), shipped, None)
    assert len(known.packages) == 1
    silent: Order = shipped.model_copy(update={"packages": ()})
    assert packages_of(silent, known) == known.packages  # shipped, and no package: the data set was refused
    assert packages_of(silent, None) == ()
    assert packages_of(amazon_order("UNSHIPPED"), known) == ()
    items = tuple(item.model_copy(update={"fulfillment": None}) for item in silent.order_items)
    assert packages_of(silent.model_copy(update={"order_items": items}), known) == known.packages


def test_delivered_by_is_when_amazon_first_told_so(amazon_order: AmazonOrder) -> None:
    """The day of the delivery it does not tell; `delivered_by` must not move with whatever else is updated later."""
    raw = amazon_order().model_dump(by_alias=True)

    def told(status: str, at: datetime, known: OrderDocument | None) -> OrderDocument:
        package = {"packageReferenceId": "1", "packageStatus": {"status": status}, "packageItems": []}
        return to_document(account(), Order.model_validate(raw | {"packages": [package], "lastUpdatedTime": at}), known)

    sent = told("SHIPPED", NOW - timedelta(days=1), None)
    assert sent.packages[0].delivered_by is None
    arrived = told("DELIVERED", NOW, sent)
    assert arrived.packages[0].delivered_by == NOW
    assert told("DELIVERED", NOW + timedelta(days=5), arrived).packages[0].delivered_by == NOW
    assert told("DELIVERED", NOW, None).packages[0].delivered_by == NOW
