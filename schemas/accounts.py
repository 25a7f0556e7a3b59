"""What a store offers, what it needs to know of an account, and what a person must mend."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from schemas.base import AccountKeyed, Moment, OpenChoice
from schemas.orders import Choice


class PaymentType(Choice):
    """One of the store's payment options."""

    kind: Annotated[Literal["online", "offline", "unknown"], OpenChoice()] = "offline"


class StoreOptions(AccountKeyed):
    """What the store offers: its statuses, payment types and shipping methods."""

    event_type: ClassVar[str] = "store.options"
    sent_by = ("store",)
    read_by = ("importer", "console")
    compacted = True
    statuses: tuple[Choice, ...] = ()
    payment_types: tuple[PaymentType, ...] = ()
    shipping_methods: tuple[Choice, ...] = ()


class AccountSettingsChanged(AccountKeyed):
    """What the store needs when it shows orders, whenever they came."""

    event_type: ClassVar[str] = "account.settings"
    sent_by = ("console",)
    read_by = ("store",)
    compacted = True
    connected: bool
    exclude_from_sales_reports: bool = False


class AccountAttention(AccountKeyed):
    """A trouble that a person must mend."""

    event_type: ClassVar[str] = "account.attention"
    sent_by = ("importer", "shipper", "redactor")
    read_by = ("reporter", "console")
    trouble: str
    """A stable code."""
    message: str
    what_to_do: str
    since: Moment
