"""Comparing Amazon's books with the store's: what is lost, doubled, repeated."""

from __future__ import annotations

from typing import Any

from orderbridge.demo.books import compare


def amazon(*tracking_numbers: str, identical: int = 0) -> dict[str, Any]:
    packages = {
        str(number): {
            "identical": identical,
            "content": {"trackingNumber": tracking, "orderItems": [{"orderItemId": "A", "quantity": 1}]},
        }
        for number, tracking in enumerate(tracking_numbers, 1)
    }
    return {"orders": {"114-1": {"packages": packages}}}


def store(*shipments: tuple[str, str], orders: tuple[str, ...] = ("114-1",)) -> dict[str, Any]:
    return {
        "orders": {order_id: {} for order_id in orders},
        "shipments": [
            {"order_id": "114-1", "tracking_number": tracking, "state": state} for tracking, state in shipments
        ],
    }


def test_books_that_agree() -> None:
    found = compare(amazon("T1", "T2"), store(("T1", "confirmed"), ("T2", "confirmed"), ("T3", "rejected")))
    assert found.agree
    assert found.repeated == 0


def test_an_order_that_the_store_lacks_is_lost() -> None:
    assert compare(amazon(), store(orders=())).lost == ["order 114-1"]


def test_a_shipment_without_an_answer_or_without_its_package_is_lost() -> None:
    found = compare(amazon("T3"), store(("T1", "sent"), ("T2", "confirmed"), ("T3", "rejected")))
    assert len(found.lost) == 3
    assert not found.agree


def test_one_parcel_in_two_packages_is_doubled() -> None:
    found = compare(amazon("T1", "T1"), store(("T1", "confirmed")))
    assert found.doubled == ["package 114-1 T1"]
    assert not found.agree


def test_identical_calls_are_counted_and_allowed() -> None:
    found = compare(amazon("T1", identical=2), store(("T1", "confirmed")))
    assert (found.repeated, found.agree) == (2, True)
