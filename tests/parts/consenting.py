"""A person who connects an account by Seller Central's consent: at the console's end, and in a browser at Amazon's."""

from __future__ import annotations

from typing import Any

from orderbridge.accounts.consent import NotConnected, begin, finish
from orderbridge.accounts.onboarding import Connected
from orderbridge.database.models import Account
from sandbox.authorisations import APPLICATION_ID
from tests.parts.in_process import System
from tests.parts.sandbox_server import SandboxServer
from tests.parts.seller import Seller

MAIN, CODE = "main@sandbox.example", "123456"
"""The sandbox's seller who has 2-step verification."""
NEWCOMER = "newcomer@sandbox.example"
"""The one who has not."""
US, GERMANY = "ATVPDKIKX0DER", "A1PA6795UKMFR9"
SESSION = "the-secret-of-one-browser"


class Shop:
    """A person at the console, in front of a browser: begins, walks through Amazon's pages, and comes back."""

    def __init__(self, system: System, sandbox: SandboxServer) -> None:
        self.system = system
        self.system.settings = system.settings.model_copy(
            update={"amazon_application_id": APPLICATION_ID, "seller_central_url": sandbox.url}
        )
        self.seller = Seller(sandbox.url)
        self._sandbox = sandbox

    def begin(self, account: str = "shop", marketplace: str = US, session: str = SESSION) -> str:
        return begin(self.system.settings, self.system.database, account, marketplace, session)

    def finish(self, back: dict[str, str], session: str = SESSION) -> Connected | NotConnected:
        return finish(self.system.settings, self.system.database, back, session)

    def agree(self, email: str = NEWCOMER, code: str | None = None, **options: Any) -> dict[str, str]:
        """What comes back with a seller who has agreed, in a browser that nobody has signed in."""
        self.seller.close()
        self.seller = Seller(self._sandbox.url)
        return self.seller.authorise(self.begin(**options), email, code)

    def connect(self, email: str = NEWCOMER, code: str | None = None, **options: Any) -> Connected | NotConnected:
        return self.finish(self.agree(email, code, **options))

    def account(self, name: str = "shop") -> Account | None:
        with self.system.database.unit_of_work() as work:
            return work.session.get(Account, name)


def why(outcome: Connected | NotConnected) -> str:
    """Why it failed, after a look at its words."""
    assert isinstance(outcome, NotConnected)
    assert outcome.message.endswith("."), outcome.message
    assert outcome.what_to_do.endswith(".")
    return outcome.why
