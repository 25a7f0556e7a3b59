"""Comparing Amazon's books with the store's: what is lost, doubled, repeated."""

from __future__ import annotations

from typing import Any

import pytest

from orderbridge.demo.books import compare

ORDER = "114-1"


def package(tracking: str, *, identical: int = 0, **changes: Any) -> dict[str, Any]:
    """A package as Amazon has it: one unit of A."""
    content = {"carrierCode": "UPS", "carrierName": "UPS", "trackingNumber": tracking, **changes}
    return {"identical": identical, "content": {"orderItems": [{"orderItemId": "A", "quantity": 1}], **content}}


def amazon(*packages: dict[str, Any]) -> dict[str, Any]:
    """Amazon's books with one order; its packages have the reference ids 1, 2, …"""
    return {"orders": {ORDER: {"packages": {str(number): one for number, one in enumerate(packages, 1)}}}}


def shipment(tracking: str, state: str, reference_id: str = "1", **changes: Any) -> dict[str, Any]:
    """A shipment in the store's books; if Amazon took it, then one unit of A."""
    taken = {"package_reference_id": reference_id, "lines": [{"order_item_id": "A", "quantity": 1}]}
    return {
        "order_id": ORDER,
        "package_id": None,
        "carrier": "UPS",
        "tracking_number": tracking,
        "state": state,
        "confirmed": taken if state == "confirmed" else None,
        **changes,
    }


def store(*shipments: dict[str, Any], orders: tuple[str, ...] = (ORDER,), imported: int = 1) -> dict[str, Any]:
    """The store's books."""
    return {"orders": {name: {"events": {"order.imported": imported}} for name in orders}, "shipments": shipments}


def test_books_that_agree() -> None:
    found = compare(
        amazon(package("T1"), package("T2")),
        store(shipment("T1", "confirmed"), shipment("T2", "confirmed", "2"), shipment("T3", "rejected")),
    )
    assert (found.lost, found.doubled, found.repeated) == ([], [], 0)
    assert found.agree


def test_an_order_that_the_store_lacks_is_lost() -> None:
    found = compare(amazon(), store(orders=()))
    assert found.lost == ["order 114-1: the store does not have it"]
    assert not found.agree


@pytest.mark.parametrize(
    ("books", "said"),
    [(store(orders=(ORDER, "114-2")), "order 114-2: Amazon does not have it"), (store(imported=2), "imported 2 times")],
)
def test_two_orders_of_the_store_for_one_of_amazons_are_doubled(books: dict[str, Any], said: str) -> None:
    found = compare(amazon(), books)
    assert said in found.doubled[0]
    assert (len(found.doubled), found.lost, found.agree) == (1, [], False)


def test_a_shipment_without_an_answer_or_without_its_package_is_lost() -> None:
    found = compare(amazon(), store(shipment("T1", "sent"), shipment("T2", "confirmed"), shipment("T3", "held")))
    assert [entry.split(": ")[1] for entry in found.lost] == [
        "no answer",
        "confirmed, and Amazon does not have it",
        "no answer",
    ]


def test_a_shipment_of_an_order_that_amazon_does_not_have_is_lost() -> None:
    assert len(compare(amazon(), store(shipment("T1", "confirmed", order_id="114-2"))).lost) == 1


@pytest.mark.parametrize(
    "theirs",
    [
        package("T2"),
        package("T1", carrierCode="USPS"),
        package("T1", carrierCode="Other", carrierName="Bike"),
        package("T1", orderItems=[{"orderItemId": "A", "quantity": 5}]),
        package("T1", orderItems=[{"orderItemId": "B", "quantity": 1}]),
        package("T1", orderItems=[{"orderItemId": "A", "quantity": 1}, {"orderItemId": "B", "quantity": 1}]),
    ],
    ids=["tracking number", "carrier", "carrier's name", "quantity", "order item", "one item more"],
)
def test_a_package_that_amazon_has_otherwise_than_confirmed_is_lost(theirs: dict[str, Any]) -> None:
    found = compare(amazon(theirs), store(shipment("T1", "confirmed")))
    assert found.lost == ["shipment 114-1 T1: confirmed, and Amazon has something else"]
    assert not found.agree


def test_more_units_confirmed_than_amazon_has_are_lost() -> None:
    taken = {"package_reference_id": "1", "lines": [{"order_item_id": "A", "quantity": 5}]}
    found = compare(amazon(package("T1")), store(shipment("T1", "confirmed", confirmed=taken)))
    assert found.lost == ["shipment 114-1 T1: confirmed, and Amazon has something else"]


def test_an_item_in_two_lines_counts_as_their_sum() -> None:
    line = {"order_item_id": "A", "quantity": 1}
    taken = {"package_reference_id": "1", "lines": [line, line]}
    theirs = package("T1", orderItems=[{"orderItemId": "A", "quantity": 2}])
    assert compare(amazon(theirs), store(shipment("T1", "confirmed", confirmed=taken))).agree


def test_a_carrier_that_amazon_has_no_code_for_goes_by_its_name() -> None:
    theirs = package("T1", carrierCode="Other", carrierName="Bike")
    assert compare(amazon(theirs), store(shipment("T1", "confirmed", carrier="Bike"))).agree


@pytest.mark.parametrize("tracking", ["T1", "T2"])
def test_two_packages_at_amazon_for_one_of_the_stores_are_doubled(tracking: str) -> None:
    found = compare(amazon(package("T1"), package(tracking)), store(shipment("T1", "confirmed")))
    assert found.doubled == [f"package 114-1 2 {tracking}: nothing explains it"]
    assert not found.agree


def test_one_package_at_amazon_explains_one_of_the_stores_alone() -> None:
    twice = [shipment("T1", "confirmed", package_id=package_id) for package_id in ("P1", "P2")]
    assert compare(amazon(package("T1")), store(*twice)).lost == [
        "shipment 114-1 T1: confirmed, and Amazon does not have it"
    ]


@pytest.mark.parametrize("shipments", [(), (shipment("T1", "rejected"),)], ids=["never said", "rejected"])
def test_a_package_that_nobody_confirmed_is_doubled(shipments: tuple[dict[str, Any], ...]) -> None:
    assert compare(amazon(package("T1")), store(*shipments)).doubled == ["package 114-1 1 T1: nothing explains it"]


@pytest.mark.parametrize("first", ["confirmed", "rejected", "held", "sent"])
def test_of_a_corrected_package_the_latest_counts(first: str) -> None:
    said = [shipment("T1", first, package_id="P1"), shipment("T2", "confirmed", package_id="P1")]
    assert compare(amazon(package("T2")), store(*said)).agree
    assert not compare(amazon(package("T1")), store(*said)).agree


def test_a_correction_that_was_rejected_leaves_what_was_confirmed() -> None:
    said = [shipment("T1", "confirmed", package_id="P1"), shipment("T2", "rejected", package_id="P1")]
    assert compare(amazon(package("T1")), store(*said)).agree
    assert not compare(amazon(package("T2")), store(*said)).agree


def test_a_correction_without_an_answer_is_lost() -> None:
    said = [shipment("T1", "confirmed", package_id="P1"), shipment("T2", "sent", package_id="P1")]
    assert compare(amazon(package("T1")), store(*said)).lost == ["shipment 114-1 T2: no answer"]


def test_identical_calls_are_counted_and_allowed() -> None:
    found = compare(amazon(package("T1", identical=2)), store(shipment("T1", "confirmed")))
    assert (found.repeated, found.agree) == (2, True)
