"""Takes a picture of every page of the console, for a phone and for a wide screen, in the light and in the dark.

`make pictures` writes them to `build/pictures`, to be looked at, and those that the README shows to `docs/pictures`.
The console is one over the sandbox in which a bit of everything has happened: nobody's data is on them.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import structlog
from playwright.sync_api import Page

from tests.parts.browser import chromium
from tests.parts.filled_console import FilledConsole, filled_console

HERE: Final = Path(__file__).parent
_WIDTHS: Final = (390, 1440)
_SCHEMES: Final[tuple[Any, ...]] = ("light", "dark")
_SHOWN: Final[dict[str, tuple[str, Any, int]]] = {
    "overview": ("/", "light", 880),
    "orders": ("/orders", "light", 740),
    "order": ("/orders/{order_id:path}", "dark", 1100),
    "settings": ("/accounts/{account_id:path}/settings", "light", 800),
}
"""What the README shows, by the name of its file: the page, and how much of it, in pixels from its top."""


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("build/pictures"), help="where all pictures go")
    folder: Path = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with tempfile.TemporaryDirectory() as place, filled_console(Path(place)) as console, chromium() as browser:
        page = browser.new_page()
        _take(page, console, ("/login", "/join/{token}"), folder)
        console.sign_in(page)
        _take(page, console, tuple(path for path in console.pages if path not in ("/login", "/join/{token}")), folder)
        for name, (path, scheme, height) in _SHOWN.items():
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": 1100, "height": height})
            page.goto(console.url + console.pages[path][0])
            page.screenshot(path=HERE / f"{name}.png")


def _take(page: Page, console: FilledConsole, paths: tuple[str, ...], folder: Path) -> None:
    for path in paths:
        if path.endswith("/live"):
            continue
        for number, address in enumerate(console.pages[path]):
            name = re.sub(r"[^a-z]+", "-", path).strip("-") or "overview"
            page.goto(console.url + address)
            for scheme in _SCHEMES:
                page.emulate_media(color_scheme=scheme)
                for width in _WIDTHS:
                    page.set_viewport_size({"width": width, "height": 900})
                    page.screenshot(path=folder / f"{name}-{number}-{width}-{scheme}.png", full_page=True)


if __name__ == "__main__":
    main()
