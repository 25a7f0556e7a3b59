"""Faults on demand: the next calls of an operation fail in a chosen way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["429", "500", "503", "timeout", "drop_before_effect", "drop_after_effect", "html", "truncated"]

AFTER_EFFECT: frozenset[Kind] = frozenset({"drop_after_effect", "truncated"})
"""Kinds where Amazon has done what it was asked before the answer is lost; all others fail without an effect."""


class Fault(BaseModel):
    """The body of `POST /_sandbox/faults`: the next `count` matching calls fail."""

    model_config = ConfigDict(extra="forbid")
    operation: Literal["searchOrders", "getOrder", "confirmShipment", "getMarketplaceParticipations", "login", "*"]
    kind: Kind
    count: Annotated[int, Field(ge=1)] = 1
    seconds: Annotated[float, Field(ge=0)] = 60.0
    """How long a `timeout` hangs before the connection is closed without an answer."""
    order_id: str | None = None
    """Only calls about this order."""


class Faults:
    """The faults that are still to come, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault.model_copy())

    def clear(self) -> None:
        self._faults.clear()

    def next(self, operation: str, order_id: str | None) -> Fault | None:
        """The fault that this call meets, used up by one; None if it goes well."""
        for fault in self._faults:
            if fault.operation in (operation, "*") and fault.order_id in (order_id, None):
                fault.count -= 1
                if not fault.count:
                    self._faults.remove(fault)
                return fault
        return None
