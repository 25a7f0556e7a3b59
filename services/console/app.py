"""The console: pages for people. Several may run beside each other; it never sees the key ring."""

from __future__ import annotations

from orderbridge.access.links import create_first_owner_link, first_owner_is_awaited
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor.at_start import warn_of_needless_sight
from orderbridge.serving import serve_http
from orderbridge.settings import load_settings
from orderbridge.telemetry import configure_logging
from orderbridge.waiting import begin
from services.console.site import Site, read_site
from services.console.web import create_console


def main() -> None:
    """Serve until SIGTERM or SIGINT. An address beyond loopback without TLS ends it at once."""
    settings = load_settings()
    configure_logging(settings, "console")
    warn_of_needless_sight(settings)
    site = read_site(settings)
    database = Database(settings.database_url)
    begin(settings, "console", lambda: invite_first_owner(database, site))
    address = (settings.console_host, settings.console_port)
    serve_http(create_console(database, site), "console", address, settings, database)


def invite_first_owner(database: Database, site: Site) -> None:
    """Print the link that makes the first owner, unless there is an owner, or such a link already."""
    with database.unit_of_work() as work:
        if not first_owner_is_awaited(work):
            return
        token = create_first_owner_link(work)
    print(
        f"The console has no owner yet. This link makes the first, once, for a day: {site.origin}/join/{token}\n"
        f"Then connect your account: {site.origin}/connect",
        flush=True,
    )
