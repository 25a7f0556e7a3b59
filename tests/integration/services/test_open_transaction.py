"""The guard is in force: with a transaction open neither service calls Amazon, and the fault is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orderbridge.database.unit_of_work import Work
from schemas.imports import ImportDue
from tests.parts.in_process import System


@pytest.fixture
def forgetful(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plants the bug in the system that stands: its next commit, the one between claim and call, is forgotten."""
    commit, forget = Work.commit, [True]

    def forget_once(work: Work) -> None:
        if not forget:
            commit(work)
        forget.clear()

    with monkeypatch.context() as patched:
        patched.setattr(Work, "commit", forget_once)
        yield


def refused(system: System, operation: str) -> None:
    assert "TransactionOpen" in system.failures()[-1]
    assert system.calls(operation) == {}


@pytest.mark.usefixtures("forgetful")
def test_the_importer_is_stopped(system: System) -> None:
    system.tolerates_bugs = True
    system.produce("import.due", ImportDue(account_id="main", reason="now").model_dump_json().encode())
    system.run_until_idle()
    assert system.outcomes_of("import.due") == ["failed"]
    refused(system, "searchOrders")


@pytest.mark.usefixtures("forgetful")
def test_the_importer_of_one_order_is_stopped(system: System) -> None:
    system.tolerates_bugs = True
    (order_id,) = system.place_orders()
    body = ImportDue(account_id="main", reason="order", order_id=order_id).model_dump_json()
    system.produce("import.due", body.encode())
    system.run_until_idle()
    assert system.outcomes_of("import.due") == ["failed"]
    refused(system, "getOrder")


def test_the_shipper_is_stopped(system: System, request: pytest.FixtureRequest) -> None:
    (order_id,) = system.imported()
    request.getfixturevalue("forgetful")
    system.tolerates_bugs = True
    system.store_says(order_id=order_id)
    system.run_until_idle()
    assert system.outcomes_of("order.shipped") == ["failed"]
    refused(system, "confirmShipment")
    assert system.packages(order_id) == {}


def test_a_transaction_of_somebody_further_up_counts_too(postgres_system: System) -> None:
    """Whoever holds a transaction open around the handler, on the same thread, is in the way as well."""
    system = postgres_system
    system.tolerates_bugs = True
    with system.database.unit_of_work() as outer:
        outer.session.connection()  # opens it
        body = ImportDue(account_id="main", reason="now").model_dump_json().encode()
        original = system.produce("import.due", body)
        assert system.pipelines["import.due"].process(original) == "failed"
    refused(system, "searchOrders")
