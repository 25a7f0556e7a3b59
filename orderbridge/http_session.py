"""How we speak HTTP: nothing of the machine's is sent along, and what is near is asked without a proxy."""

from __future__ import annotations

import ipaddress
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests


class Session(requests.Session):
    """A session of `requests` without cookies, that takes nothing from .netrc.

    A proxy of the environment (HTTPS_PROXY …) is used for https to other machines alone. In plain http our tokens would
    be read there, and it does not know the names of a container's neighbours; nor is its loopback ours.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Otherwise `requests` sends what the user's .netrc has for the host, also in the place of our own token.
        self.auth = _as_it_is

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """What the environment adds to a call: its proxies, as above, and its authorities for TLS."""
        own = dict(proxies or {})  # `requests` adds to what it is given
        settings: Any = super().merge_environment_settings(url, proxies, stream, verify, cert)
        parts = urlsplit(url)
        return settings | ({"proxies": own} if parts.scheme != "https" or is_loopback(parts.hostname) else {})


def request(method: str, url: str, *, timeout: float | tuple[float, float], **options: Any) -> requests.Response:
    """One call, in a session of its own. Raises requests.RequestException."""
    with Session() as session:
        return session.request(method, url, timeout=timeout, **options)


def is_loopback(host: str | None) -> bool:
    """Whether it names this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared
