"""The console's addresses, as mails have them."""

from __future__ import annotations

import pytest

from orderbridge.console_links import ConsoleLinks
from orderbridge.settings import Settings


@pytest.mark.parametrize("base", ["https://bridge.shop.com/console", "https://bridge.shop.com/console/"])
def test_links(base: str) -> None:
    links = ConsoleLinks(Settings(public_url=base))
    assert links.run("r-1") == "https://bridge.shop.com/console/runs/r-1"
    assert links.order("114-3941689-8772232") == "https://bridge.shop.com/console/orders/114-3941689-8772232"
    assert links.settings("main") == "https://bridge.shop.com/console/accounts/main/settings"


def test_what_stands_in_a_link_is_quoted() -> None:
    links = ConsoleLinks(Settings(public_url="http://127.0.0.1:8400"))
    assert links.order('a/../b?c#"<>') == "http://127.0.0.1:8400/orders/a%2F..%2Fb%3Fc%23%22%3C%3E"
