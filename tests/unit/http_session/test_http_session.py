"""Which calls go through the environment's proxy."""

from __future__ import annotations

import pytest
from requests.utils import select_proxy

from orderbridge.http_session import Session, is_loopback

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://sellingpartnerapi-eu.amazon.com/orders", PROXY),
        ("https://bridge.example/api/v1/replays", PROXY),
        ("https://127.0.0.1:8403/api/v1/replays", None),
        ("http://127.0.0.1:8402/orders", None),
        ("http://localhost:8403/api/v1/replays", None),
        ("http://[::1]:8403/api/v1/replays", None),
        ("http://api:8403/api/v1/replays", None),
        ("http://bridge.example/api/v1/replays", None),
    ],
)
@pytest.mark.parametrize("names", [("HTTP_PROXY", "HTTPS_PROXY"), ("http_proxy", "https_proxy"), ("ALL_PROXY",)])
def test_only_https_to_another_machine_goes_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], url: str, proxy: str | None
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in names:
        monkeypatch.setenv(name, PROXY)
    settings = Session().merge_environment_settings(url, {}, stream=False, verify=None, cert=None)
    assert select_proxy(url, settings["proxies"]) == proxy


def test_the_environments_authorities_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/authorities.pem")
    settings = Session().merge_environment_settings("https://127.0.0.1", {}, stream=False, verify=True, cert=None)
    assert settings["verify"] == "/etc/authorities.pem"


def test_what_names_this_machine() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, (None, "", "127.0.0.1.example", "10.0.0.1", "localhost.example")))
