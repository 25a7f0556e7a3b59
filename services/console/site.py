"""Where the console may be reached: its own address, and that nobody serves passwords in the clear by mistake."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from orderbridge.settings import BadSettings, Settings

_TAKEN = "Set ORDERBRIDGE_PUBLIC_URL to the https address of the proxy before it (docs/console.md)"


@dataclass(frozen=True)
class Site:
    """The console's address, as browsers send it back, and the installation's settings."""

    origin: str
    """Scheme, host and port: `https://console.example.com`."""
    host: str
    """The host alone, in small letters."""
    settings: Settings

    @property
    def secure(self) -> bool:
        """People reach it by TLS."""
        return self.origin.startswith("https:")

    @property
    def cookie(self) -> str:
        """The cookie's name. With TLS no neighbour below the same domain can set it (RFC 6265bis, `__Host-`)."""
        return "__Host-orderbridge" if self.secure else "orderbridge"

    def knows_host(self, header: str) -> bool:
        """Whether a request's `Host` is ours, or loopback's; any other is a name that was led here (DNS rebinding)."""
        name = _hostname(f"//{header}")
        return name is not None and (name == self.host or is_loopback(name))

    def is_own_origin(self, origin: str, host_header: str) -> bool:
        """Whether a request's `Origin` is one of our own pages, as this request reached us."""
        if origin == self.origin:
            return True
        name = _hostname(f"//{host_header}")
        return name is not None and is_loopback(name) and origin == f"http://{host_header}"


def read_site(settings: Settings) -> Site:
    """The console's address. Raises BadSettings where it is none, or where passwords would travel in the clear."""
    url = settings.public_url
    host = _hostname(url)
    parts = urlsplit(url) if host is not None else None
    if parts is None or host is None or parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
        raise BadSettings(
            "ORDERBRIDGE_PUBLIC_URL: expected the console's address without a path, such as https://console.example.com"
        )
    site = Site(f"{parts.scheme}://{parts.netloc.lower()}", host, settings)
    if settings.console_plain_http or site.secure:
        return site
    if not is_loopback(settings.console_host):
        raise BadSettings(
            f"ORDERBRIDGE_CONSOLE_HOST is {settings.console_host}, beyond loopback, and ORDERBRIDGE_PUBLIC_URL is not "
            f"https: passwords would travel in the clear. {_TAKEN}, or ORDERBRIDGE_CONSOLE_PLAIN_HTTP=true where "
            "nobody else can listen."
        )
    if not is_loopback(host):
        raise BadSettings(
            f"ORDERBRIDGE_PUBLIC_URL is {site.origin}: passwords would travel in the clear. {_TAKEN}, or "
            "ORDERBRIDGE_CONSOLE_PLAIN_HTTP=true where nobody else can listen."
        )
    return site


def is_loopback(host: str) -> bool:
    """Whether a host, by name or number, is this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises where it is no number)
        return parts.hostname if parts.username is None and not parts.query and not parts.fragment else None
    except ValueError:
        return None
