"""The redactor: sees to it that personal data dies on its day. It needs the key ring's folder, not its key."""

from __future__ import annotations

from orderbridge.bus.worker import Worker
from orderbridge.database.unit_of_work import Database
from orderbridge.privacy.lost_ring import refuse_new_ring
from orderbridge.settings import Settings, load_settings
from orderbridge.telemetry import SWEPT, configure_logging
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.waiting import begin
from schemas.orders import KeyExpired, OrderAged
from schemas.privacy import RedactionDue, SweepDue
from services.redactor.key_expiry import expire_key
from services.redactor.redact import redact, redact_early, redact_together
from services.redactor.ring import with_ring
from services.redactor.sweep import sweep


def wire(settings: Settings, database: Database) -> Worker:
    """The redactor's worker."""
    ring = FolderKeyRing(settings.key_ring, None, settings.key_ring_grid)
    worker = Worker("redactor", settings, database)
    worker.on(OrderAged, redact, together=redact_together)
    worker.on(KeyExpired, with_ring(expire_key, ring))
    worker.on(RedactionDue, with_ring(redact_early, ring))
    worker.on(SweepDue, with_ring(sweep, ring))
    return worker


def main() -> None:
    """Run the redactor until SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings, "redactor")
    for kind in ("order", "key"):  # told as 0 from the start: what is first told as 1 looks like no rise to Prometheus
        SWEPT.labels(kind)
    database = Database(settings.database_url)
    begin(settings, "redactor", lambda: refuse_new_ring(settings, database))
    wire(settings, database).run()
