"""What Amazon adds to its orders is noticed by its path, never by its value."""

from __future__ import annotations

from orderbridge.amazon import Order
from orderbridge.amazon.unknown_fields import unknown_fields


def test_paths_of_what_no_model_names() -> None:
    order = {
        "orderId": "1",
        "novelty": {"below": 1},
        "buyer": {"buyerName": "a name", "shoeSize": 42},
        "orderItems": [{"product": {"asin": "B0", "shape": "round"}}, {"product": {"shape": "flat"}, "x": 1}],
    }
    assert sorted(unknown_fields(Order, order)) == [
        "buyer.shoeSize",
        "novelty",
        "orderItems.product.shape",
        "orderItems.product.shape",
        "orderItems.x",
    ]


def test_what_is_no_object_has_none() -> None:
    assert list(unknown_fields(Order, None)) == []
    assert list(unknown_fields(Order, {"buyer": "text", "orderItems": ["text", None]})) == []
