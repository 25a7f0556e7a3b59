"""The tables. Each docstring names the one service that writes it; shared tables say so."""

from __future__ import annotations

from orderbridge.database.models.access import ApiTokenRow, Opening
from orderbridge.database.models.accounts import (
    AccessToken,
    Account,
    AccountState,
    Attention,
    ConsentRequest,
    StoreOptionsRow,
    Subscription,
)
from orderbridge.database.models.base import Base
from orderbridge.database.models.calls import Attempt, Lease, Quota
from orderbridge.database.models.console import ConsoleLink, ConsoleSession, ConsoleUser, LoginFailure
from orderbridge.database.models.imports import (
    WITH_PROBLEMS,
    Run,
    RunLineRow,
    SkippedOrder,
    Slot,
    UnknownOrder,
    UnmappedWord,
)
from orderbridge.database.models.mails import Mail
from orderbridge.database.models.messages import HandlerFailure, InboxRow, OutboxRow, ServiceState
from orderbridge.database.models.orders import OrderRow, PersonalDataRow
from orderbridge.database.models.processes import ProcessRow
from orderbridge.database.models.shipments import OPEN_PACKAGES, PackageRow, ShipmentWarning, StoreOrderNumber

__all__ = [
    "OPEN_PACKAGES",
    "WITH_PROBLEMS",
    "AccessToken",
    "Account",
    "AccountState",
    "ApiTokenRow",
    "Attempt",
    "Attention",
    "Base",
    "ConsentRequest",
    "ConsoleLink",
    "ConsoleSession",
    "ConsoleUser",
    "HandlerFailure",
    "InboxRow",
    "Lease",
    "LoginFailure",
    "Mail",
    "Opening",
    "OrderRow",
    "OutboxRow",
    "PackageRow",
    "PersonalDataRow",
    "ProcessRow",
    "Quota",
    "Run",
    "RunLineRow",
    "ServiceState",
    "ShipmentWarning",
    "SkippedOrder",
    "Slot",
    "StoreOptionsRow",
    "StoreOrderNumber",
    "Subscription",
    "UnknownOrder",
    "UnmappedWord",
]
