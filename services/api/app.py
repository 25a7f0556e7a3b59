"""The api: what stores and scripts ask over HTTP. Several may run beside each other; none knows the console's pages."""

from __future__ import annotations

from orderbridge.database.unit_of_work import Database
from orderbridge.privacy.lost_ring import refuse_new_ring
from orderbridge.serving import serve_http
from orderbridge.settings import load_settings
from orderbridge.telemetry import configure_logging
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key
from orderbridge.waiting import begin
from services.api.web import create_api


def main() -> None:
    """Serve until SIGTERM or SIGINT. A missing or wrong installation key ends it at once.

    In a folder that it may only read it waits for the importer to begin the key ring.
    """
    settings = load_settings()
    configure_logging(settings, "api")
    key = installation_key(settings.need("vault_key"))
    database = Database(settings.database_url)

    def open_ring() -> FolderKeyRing:
        refuse_new_ring(settings, database)
        return FolderKeyRing(settings.key_ring, key, settings.key_ring_grid)

    ring = begin(settings, "api", open_ring)
    address = (settings.api_host, settings.api_port)
    api = create_api(database, ring, topic_prefix=settings.topic_prefix)
    serve_http(api, "api", address, settings, database, look=ring.alive)
