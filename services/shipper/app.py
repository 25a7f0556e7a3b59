"""The shipper: what the store says about its shipments, Amazon hears."""

from __future__ import annotations

from functools import partial

from orderbridge.accounts.onboarding import check_endpoints
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.bus.worker import Worker
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor.at_start import warn_of_needless_sight
from orderbridge.settings import Settings, load_settings
from orderbridge.telemetry import configure_logging
from schemas.shipments import OrderShipped, ShipmentCheck, ShipmentDue
from services.shipper import answers
from services.shipper.due import shipment_due, wake_all
from services.shipper.late import shipment_check
from services.shipper.shipped import shipped

CALLS_AT_ONCE = 4
"""An account's slots in hand: at two calls a second, a call may take two seconds and the quota is still used up."""


def wire(settings: Settings, database: Database) -> Worker:
    """The shipper's worker."""
    calls = AmazonCalls(settings, database)
    worker = Worker("shipper", settings, database)
    worker.on(OrderShipped, partial(shipped, calls=calls), answer_rejected=answers.rejected)
    worker.on(ShipmentDue, partial(shipment_due, calls=calls), of_a_key=CALLS_AT_ONCE)
    worker.on(ShipmentCheck, shipment_check)
    return worker


def main() -> None:
    """Run the shipper until SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings, "shipper")
    warn_of_needless_sight(settings)
    database = Database(settings.database_url)
    check_endpoints(settings, database)
    worker = wire(settings, database)
    worker.at_start(partial(wake_all, database))
    worker.run()
