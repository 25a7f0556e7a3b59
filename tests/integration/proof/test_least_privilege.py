"""What each process must not be able to do, tried: opening a seal without the key, writing what is another's."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

import services
from orderbridge.bus.pipeline import Pipeline
from orderbridge.database.unit_of_work import Work
from orderbridge.settings import BadSettings
from orderbridge.vault.key_ring import FolderKeyRing, WrongInstallationKey
from orderbridge.vault.seal import open_seal
from schemas.base import Event
from schemas.events import EVENTS
from schemas.failures import DeadLetter, GivenBack
from schemas.imports import ImportDue
from services.importer import app as importer
from services.redactor import app as redactor
from services.shipper import app as shipper
from tests.parts.in_process import ACCOUNT, System
from tests.parts.sandbox_server import SandboxServer

SERVICES = Path(services.__file__ or "").parent
NO_SIGHT = ("shipper", "redactor", "reporter", "ticker", "listener", "console", "storefront")
"""Who has no code that opens a seal."""
OF_ALL = {"inbox", "outbox", "handler_failures", "service_states"}
_WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) \"?(\w+)", re.I)


@pytest.fixture
def system(sqlite_url: str, tmp_path: Path, sandbox: SandboxServer) -> Any:
    """The system on SQLite."""
    system = System(sqlite_url, tmp_path, sandbox)
    yield system
    system.close()


@pytest.mark.parametrize("service", NO_SIGHT)
def test_who_needs_no_seal_has_no_code_that_opens_one(service: str) -> None:
    program = f"import sys, services.{service}.app; print('orderbridge.vault.seal' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "False"


def test_without_the_installations_key_no_seal_opens(system: System) -> None:
    (order_id,) = system.imported()
    assert system.opened(order_id)
    token = system.store.orders[order_id].personal_data.seal
    assert token is not None
    blind = FolderKeyRing(system.settings.key_ring, None, system.settings.key_ring_grid)
    with pytest.raises(WrongInstallationKey):
        open_seal(blind, order_id, token, system.now)


def test_shipper_and_redactor_start_without_the_key_and_the_importer_does_not(system: System) -> None:
    without = system.settings.model_copy(update={"vault_key": None})
    shipper.wire(without, system.database)
    redactor.wire(without, system.database)
    with pytest.raises(BadSettings):
        importer.wire(without, system.database)


@pytest.mark.parametrize(("call", "whose"), [("confirm_shipment", {"shipper"}), ("search_orders", {"importer"})])
def test_what_a_service_calls_at_amazon_is_its_own(call: str, whose: set[str]) -> None:
    named = {
        path.relative_to(SERVICES).parts[0]
        for path in SERVICES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name | ast.Attribute) and call in (getattr(node, "id", ""), getattr(node, "attr", ""))
    }
    assert named == whose


class Watch:
    """Which tables each service writes, and which events it posts."""

    def __init__(self, system: System, patched: pytest.MonkeyPatch) -> None:
        self.tables: dict[str, set[str]] = defaultdict(set)
        self.posted: dict[str, set[type[Event]]] = defaultdict(set)
        self._at_work: str | None = None
        process, row = Pipeline.process, Work._row
        watch = self

        def noted_process(pipeline: Pipeline, original: Any) -> str:
            watch._at_work = pipeline.service
            try:
                return process(pipeline, original)
            finally:
                watch._at_work = None

        def noted_row(work: Work, posted: Event, *arguments: Any) -> dict[str, Any]:
            if watch._at_work is not None:
                watch.posted[watch._at_work].add(type(posted))
            return row(work, posted, *arguments)

        patched.setattr(Pipeline, "process", noted_process)
        patched.setattr(Work, "_row", noted_row)
        event.listen(system.database.engine, "before_cursor_execute", self._statement)

    def _statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self._at_work is not None and (found := _WRITES.match(statement)) is not None:
            self.tables[self._at_work].add(found[1])


def test_nobody_writes_or_says_what_is_anothers(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month in which everything happens. docs/security.md has these tables as grants to a role for each service."""
    watch = Watch(system, monkeypatch)
    order_ids = system.imported(count=3, programs=[])
    ask = ImportDue(account_id=ACCOUNT, reason="order", order_id=order_ids[0])
    system.produce("import.due", ask.model_dump_json().encode())
    for order_id in order_ids[:2]:
        system.store_says(order_id=order_id, tracking_number=f"1Z{order_id}")
    system.store_says(order_id=order_ids[2], tracking_number=None)  # refused
    system.advance(31 * 86_400)
    for service, said in watch.posted.items():
        own = {GivenBack, DeadLetter}
        assert [one for one in said - own if service not in EVENTS[one.event_type].sent_by] == [], service
    wrote = {service: tables - OF_ALL for service, tables in watch.tables.items()}
    assert "packages" not in wrote["importer"] | wrote["redactor"]
    assert not {"personal_data", "account_states", "runs"} & wrote["shipper"]
    assert not {"attempts", "quotas", "access_tokens", "runs", "packages"} & wrote["redactor"]
    assert wrote["shipper"] >= {"packages"}
    assert wrote["importer"] >= {"personal_data", "orders"}
    assert wrote["redactor"] >= {"personal_data"}
    print({service: sorted(tables) for service, tables in wrote.items()})
