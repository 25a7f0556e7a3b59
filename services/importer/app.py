"""The importer: reads Amazon's orders and tells the store."""

from __future__ import annotations

from functools import partial

from orderbridge.accounts.onboarding import check_endpoints
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.bus.worker import Worker
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.doctor.at_start import warn_of_long_retention
from orderbridge.privacy.lost_ring import refuse_new_ring
from orderbridge.settings import Settings, load_settings
from orderbridge.telemetry import configure_logging
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key
from orderbridge.waiting import begin
from schemas.accounts import StoreOptions
from schemas.imports import ImportDue
from schemas.privacy import SealDue, SealsDue
from schemas.replays import OrdersReplay
from services.importer.imports import run_import
from services.importer.one_order import import_order
from services.importer.replay import replay_orders
from services.importer.seals import look_at_seal, look_at_seals
from services.importer.store_options import options_said


def wire(settings: Settings, database: Database) -> Worker:
    """The importer's worker."""
    calls = AmazonCalls(settings, database)
    ring = FolderKeyRing(settings.key_ring, installation_key(settings.need("vault_key")), settings.key_ring_grid)

    def import_due(event: ImportDue, work: Work) -> None:
        (import_order if event.reason in ("order", "changed") else run_import)(event, work, calls, ring)

    worker = Worker("importer", settings, database)
    worker.on(ImportDue, import_due)
    worker.on(StoreOptions, options_said)
    worker.on(SealsDue, partial(look_at_seals, ring=ring))
    worker.on(OrdersReplay, partial(replay_orders, ring=ring))
    worker.on(SealDue, partial(look_at_seal, ring=ring))
    return worker


def main() -> None:
    """Run the importer until SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings, "importer")
    database = Database(settings.database_url)
    check_endpoints(settings, database)
    begin(settings, "importer", lambda: refuse_new_ring(settings, database))
    warn_of_long_retention(settings)
    wire(settings, database).run()
