"""A region that hangs is asked by one probe, ever more seldom: its accounts give their work back without a call."""

from __future__ import annotations

from typing import Any

import pytest

from orderbridge.amazon import AccessDenied, AmazonError, NoAnswer, Throttled
from orderbridge.amazon.operations import SEARCH_ORDERS
from orderbridge.amazon_calls import AmazonCalls, CallFailed
from orderbridge.database import endpoints
from orderbridge.database.models import Account
from tests.parts.in_process import ACCOUNT, System


def test_twenty_accounts_spend_few_time_outs_on_it(system: System) -> None:
    names = [f"account-{number}" for number in range(20)]
    with system.database.unit_of_work() as work:
        row = work.session.get_one(Account, ACCOUNT)
        copied = ("marketplace_ids", "settings", "login_url", "connected_at")
        for name in names:
            same: dict[str, Any] = {column: getattr(row, column) for column in copied}
            calls = AmazonCalls(system.settings, system.database)
            sealed = calls._box.encrypt("Atzr|x", purpose=f"refresh_token:{name}")
            work.session.add(Account(account_id=name, api_url=row.api_url, refresh_token=sealed, **same))
    made = 0

    def hang(_connection: Any) -> Any:
        raise NoAnswer("searchOrders", "no answer: ReadTimeout")

    def ask(name: str) -> bool:
        """Whether a call was made."""
        with system.database.unit_of_work() as work:
            if calls.reserve(work, name, SEARCH_ORDERS) is not None:
                return False
            with pytest.raises(CallFailed):
                calls.make(work, name, SEARCH_ORDERS, "a test", hang)
            return True

    for _ in range(360):  # an hour, each account trying every ten seconds
        made += sum(ask(name) for name in names)
        system.clock.advance(10)
    assert made <= 18, "3 to close it, then after 30, 60, 120, 240 and 300 s"
    system.clock.advance(300)
    system.import_now()  # another account's call is answered
    assert system.calls("searchOrders") == {"200": 1}
    system.clock.advance(300)
    assert ask(names[0]), "its own breaker is open for a probe, and so is the endpoint"


@pytest.mark.parametrize(
    "answer",
    [
        AccessDenied("searchOrders", "Access to requested resource is denied.", status=403, code="Unauthorized"),
        Throttled("searchOrders", "You exceeded your quota.", status=429, code="QuotaExceeded"),
    ],
)
def test_an_answer_to_the_probe_opens_it_whatever_it_says(system: System, answer: AmazonError) -> None:
    calls = AmazonCalls(system.settings, system.database)

    def ask(error: AmazonError) -> None:
        def fail(_connection: Any) -> Any:
            raise error

        with system.database.unit_of_work() as work:
            assert calls.reserve(work, ACCOUNT, SEARCH_ORDERS) is None
            with pytest.raises(CallFailed):
                calls.make(work, ACCOUNT, SEARCH_ORDERS, "a test", fail)

    def hangs(system: System) -> bool:
        with system.database.unit_of_work() as work:
            return endpoints.hangs_until(work, work.session.get_one(Account, ACCOUNT).api_url) is not None

    for _ in range(3):
        ask(NoAnswer("searchOrders", "no answer: ReadTimeout"))
    assert hangs(system)
    system.clock.advance(30)
    ask(answer)
    assert not hangs(system)
