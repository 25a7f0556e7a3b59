"""Faults on demand: the next calls of an operation fail in a chosen way."""

from __future__ import annotations

import random
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sandbox.limits import LIMITS

Kind = Literal[
    "400",
    "403",
    "429",
    "500",
    "503",
    "maintenance",
    "timeout",
    "hang",
    "drop_before_effect",
    "drop_after_effect",
    "html",
    "html_200",
    "truncated",
    "truncated_json",
    "missing_field",
    "wrong_type",
    "huge",
    "same_page",
    "token_refused",
    "token_expired",
    "report_fatal",
    "stale",
]
"""400 InvalidInput and 403 Unauthorized; 429, 500 and 503 with Amazon's JSON, `maintenance` a 503 of plain text.

On the wire: `timeout` hangs, then closes without an answer; `hang` sends half of it first; `drop_…` closes at once;
`truncated` breaks off in the middle. In the body: `html` (502), `html_200`, `truncated_json` (whole for HTTP, cut as
JSON), `missing_field` and `wrong_type` (in the first order), `huge` (11 MB). Only for calls with a paging token:
`same_page` (that token again), `token_refused`, `token_expired`. Only for createReport: `report_fatal`. Only for
getOrder: `stale` (a read that lags: an order without its packages of the last `seconds`).
"""

AFTER_EFFECT: frozenset[Kind] = frozenset(
    {
        "drop_after_effect",
        "hang",
        "html_200",
        "truncated",
        "truncated_json",
        "missing_field",
        "wrong_type",
        "huge",
        "same_page",
    }
)
"""Kinds where Amazon has done what it was asked before the answer is lost; all others fail without an effect."""

PAGING_TOKENS = ("paginationToken", "nextToken", "NextToken")
"""What Amazon's operations call the token of a page."""

_OF_PAGES: frozenset[Kind] = frozenset({"same_page", "token_refused", "token_expired"})
_WITHIN: dict[Kind, str] = {"report_fatal": "createReport", "stale": "getOrder"}
"""Kinds by which the call itself goes well: the operation looks at them."""
_OPERATIONS = {*LIMITS, "login", "downloadDocument", "*"}


@dataclass(frozen=True)
class Call:
    """What a fault looks at."""

    operation: str
    order_id: str | None = None
    account: str | None = None
    marketplaces: frozenset[str] = frozenset()
    """Those it names, or of its order; all of the account if it names none."""
    query: Mapping[str, str] = field(default_factory=dict)


class Fault(BaseModel):
    """The body of `POST /_sandbox/faults`: the next `count` matching calls fail."""

    model_config = ConfigDict(extra="forbid")
    operation: str
    """An operation of Amazon's (`limits.py` lists them), `login`, `downloadDocument`, or `*` for all."""
    kind: Kind
    count: Annotated[int, Field(ge=1)] | None = 1
    """None: until the faults are cleared."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of the matching calls so many fail, at random; the others go well and are not counted."""
    seconds: Annotated[float, Field(ge=0)] = 60.0
    """How long `timeout` and `hang` last before the connection is closed; how young a package `stale` leaves out."""
    order_id: str | None = None
    """Only calls about this order."""
    account: str | None = None
    """Only calls of this seller account."""
    marketplace_id: str | None = None
    """Only calls that ask for this marketplace, by name or by naming none."""
    included_data: str | None = None
    """Only calls with this value in `includedData`."""

    @field_validator("operation")
    @classmethod
    def _known_operation(cls, operation: str) -> str:
        if operation not in _OPERATIONS:
            raise ValueError(f"unknown operation; known: {', '.join(sorted(_OPERATIONS))}")
        return operation

    def meets(self, call: Call) -> bool:
        """Whether the call is one of those that fail."""
        return (
            self.operation in (call.operation, "*")
            and self.order_id in (call.order_id, None)
            and self.account in (call.account, None)
            and (self.marketplace_id is None or self.marketplace_id in call.marketplaces)
            and (self.included_data is None or self.included_data in call.query.get("includedData", "").split(","))
            and (self.kind not in _OF_PAGES or any(call.query.get(name) for name in PAGING_TOKENS))
            and _WITHIN.get(self.kind, call.operation) == call.operation
        )


class Faults:
    """The faults that are still to come, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._chance = random.Random(1)

    def add(self, fault: Fault) -> None:
        self._faults.append(fault.model_copy())

    def clear(self) -> None:
        self._faults.clear()

    def next(self, call: Call) -> Fault | None:
        """The fault that this call meets, used up by one; None if it goes well."""
        return self._next(call, {fault.kind for fault in self._faults} - _WITHIN.keys())

    def next_report_is_fatal(self, account: str) -> bool:
        """Whether the report that this account creates now ends FATAL."""
        return self._next(Call("createReport", account=account), {"report_fatal"}) is not None

    def next_lag(self, call: Call) -> timedelta:
        """How far what this call reads lags behind what Amazon has taken."""
        fault = self._next(call, {"stale"})
        return timedelta(seconds=fault.seconds if fault is not None else 0)

    def _next(self, call: Call, kinds: Set[Kind]) -> Fault | None:
        for fault in self._faults:
            meets = fault.kind in kinds and fault.meets(call)
            if meets and (fault.share == 1 or self._chance.random() < fault.share):
                if fault.count is not None:
                    fault.count -= 1
                    if not fault.count:
                        self._faults.remove(fault)
                return fault
        return None
