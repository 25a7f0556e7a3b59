"""Many seller accounts at one sandbox and in one installation, for tests of importers side by side."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import text

from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.clock import Clock
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database
from sandbox.accounts import Account
from sandbox.clock import Clock as SandboxClock
from sandbox.database import Database as SandboxDatabase
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from tests.parts.installation import installation
from tests.parts.sandbox_server import SandboxServer


class ManyAccounts:
    """An installation with an account for each name in `accounts`, connected to a sandbox of their own."""

    def __init__(
        self,
        database_url: str,
        folder: Path,
        sandbox: SandboxServer,
        accounts: Mapping[str, AccountSettings],
        *,
        sandbox_clock: SandboxClock,
        clock: Clock | None = None,
        speed: float = 1,
    ) -> None:
        self._sandbox_database = SandboxDatabase()
        self.amazon = SellerCentral(self._sandbox_database, sandbox_clock, speed=speed)
        sandbox.play(self.amazon)
        self.settings = installation(folder, database_url, sandbox.url)
        self.database = Database(database_url, clock, pool_size=32)
        upgrade(self.database.engine)
        for name, wish in accounts.items():
            seller = Account(account=name, refresh_token=f"Atzr|{uuid.uuid4()}")
            self.amazon.save_account(seller)
            connect_account(self.settings, self.database, name, seller.refresh_token, wish)

    def place_orders(self, account: str, count: int) -> list[str]:
        """Buyers order now; not while an importer works: the sandbox is for one thread at a time."""
        return self.amazon.place_orders(OrderWish(account=account, count=count, lines=1))

    def throttled(self) -> dict[str, int]:
        """How many calls Amazon refused with 429, by operation, where there were any."""
        operations = self.amazon.calls()["operations"]
        return {name: figures["throttled"] for name, figures in operations.items() if figures["throttled"]}

    def close(self) -> None:
        """Close both databases."""
        self.database.close()
        self._sandbox_database.close()


def another_account(database: Database) -> None:
    """Beside `main`, an account named `other`, which has no orders."""
    with database.unit_of_work() as work:
        work.session.execute(
            text(
                "INSERT INTO accounts (account_id, marketplace_ids, settings, api_url, login_url) "
                "SELECT 'other', marketplace_ids, settings, api_url, login_url FROM accounts"
            )
        )
