"""What a store offers, what it needs to know of an account, and what a person must mend."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from schemas.base import AccountKeyed, OpenChoice, Text, Timestamp
from schemas.orders import Choice


class PaymentType(Choice):
    """One of the store's payment options."""

    kind: Annotated[Literal["online", "offline", "unknown"], OpenChoice()] = "offline"


class StatusOption(Choice):
    """One of the store's order queues. `kind` says which of the manual's it is; without it, its name does."""

    kind: Annotated[
        Literal["new", "unpaid", "processing", "partial", "shipped", "cancel", "hold", "other", "unknown"],
        OpenChoice(),
    ] = "other"


class StoreOptions(AccountKeyed):
    """What the store offers: its statuses, payment types and shipping methods."""

    event_type: ClassVar[str] = "store.options"
    sent_by = ("store",)
    read_by = ("importer", "console")
    compacted = True
    statuses: tuple[StatusOption, ...] = ()
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
    """Don't consider Amazon orders in sales reports: also for orders that came before this was said."""


class AccountAttention(AccountKeyed):
    """A trouble that a person must mend, or its end."""

    event_type: ClassVar[str] = "account.attention"
    sent_by = ("importer", "shipper", "redactor", "reporter", "ticker", "console")
    read_by = ("reporter", "console")
    trouble: Text
    """A stable code."""
    message: Text
    what_to_do: Text
    since: Timestamp
    ended_at: Timestamp | None = None
    """It is mended."""
