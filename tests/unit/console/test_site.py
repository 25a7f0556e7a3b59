"""Where the console may be reached: hosts, origins, and that no password travels in the clear by mistake."""

from __future__ import annotations

import pytest

from orderbridge.settings import BadSettings, Settings
from services.console.site import Site, read_site
from services.console.visit import local_path


def site(**settings: object) -> Site:
    return read_site(Settings(_env_file=None, **settings))  # type: ignore[arg-type]  # as the environment gives them


HTTPS = {"public_url": "https://console.example.com"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        HTTPS,
        {**HTTPS, "console_host": "0.0.0.0"},  # noqa: S104  (a container behind a proxy)
        {"public_url": "http://localhost:8400"},
        {"public_url": "http://[::1]:8400", "console_host": "::1"},
        {"public_url": "http://shop.lan:8400", "console_host": "10.0.0.5", "console_plain_http": True},
    ],
)
def test_it_starts_on_loopback_or_with_tls_or_where_it_is_told_to(settings: dict[str, object]) -> None:
    assert site(**settings).origin


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"console_host": "0.0.0.0"}, "ORDERBRIDGE_CONSOLE_HOST is 0.0.0.0, beyond loopback"),  # noqa: S104
        ({"console_host": "::"}, "passwords would travel in the clear"),
        ({"public_url": "http://shop.lan:8400"}, "ORDERBRIDGE_PUBLIC_URL is http://shop.lan:8400"),
        ({"public_url": "shop.example.com"}, "expected the console's address"),
        ({"public_url": "https://shop.example.com/console"}, "without a path"),
        ({"public_url": "ftp://shop.example.com"}, "expected the console's address"),
        ({"public_url": "https://anna:secret@shop.example.com"}, "expected the console's address"),
        ({"public_url": "https://shop.example.com:many"}, "expected the console's address"),
    ],
)
def test_it_refuses_to_start_beyond_loopback_without_tls(settings: dict[str, object], told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        site(**settings)


@pytest.mark.parametrize("host", ["console.example.com", "CONSOLE.example.com:443", "127.0.0.1:8400", "[::1]:8400"])
def test_our_hosts_are_known(host: str) -> None:
    assert site(**HTTPS).knows_host(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "console.example.com.evil.example", "evil@127.0.0.1", "127.0.0.1:x", "10.0.0.5", "[::"]
)
def test_other_hosts_are_not(host: str) -> None:
    assert not site(**HTTPS).knows_host(host)


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("https://console.example.com", "console.example.com", True),
        ("https://console.example.com", "127.0.0.1:8400", True),
        ("http://127.0.0.1:8400", "127.0.0.1:8400", True),
        ("http://127.0.0.1:8401", "127.0.0.1:8400", False),
        ("http://console.example.com", "console.example.com", False),
        ("https://evil.example", "console.example.com", False),
        ("null", "127.0.0.1:8400", False),
        ("", "127.0.0.1:8400", False),
        ("http://evil.example", "evil.example", False),
    ],
)
def test_origins(origin: str, host: str, own: bool) -> None:
    assert site(**HTTPS).is_own_origin(origin, host) is own


def test_with_tls_the_cookie_is_for_this_host_alone() -> None:
    assert (site(**HTTPS).secure, site(**HTTPS).cookie) == (True, "__Host-orderbridge")
    assert (site().secure, site().cookie) == (False, "orderbridge")


@pytest.mark.parametrize("path", ["/", "/accounts/main/settings", "/tokens?state=good&x=%2F", "/users#anna"])
def test_a_path_of_ours_is_followed(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "accounts",
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\\b",
        "/a\r\nSet-Cookie: x=y",
        "/\t/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "/ä",
    ],
)
def test_any_other_leads_to_the_first_page(path: str) -> None:
    assert local_path(path) == "/"
