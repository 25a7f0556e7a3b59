"""The example stores of docs/examples open what they hold, by the real API over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.personal_data import AMAZON_REPLACED
from tests.parts.example_stores import LANGUAGES, ExampleStore
from tests.parts.in_process import System
from tests.parts.open_call import OpenCalls
from tests.parts.requirement import Missing, skip_or_fail


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_store_opens_a_seal_for_a_purpose(system: System, tmp_path: Path, language: str) -> None:
    (order_id,) = system.imported()
    with OpenCalls(system) as calls:
        try:
            shop = ExampleStore(language, tmp_path / "shop", {"api_url": calls.url, "api_token": calls.secret})
        except Missing as missing:
            skip_or_fail(language, str(missing))
        shop.put(json.loads(system.store.orders[order_id].model_dump_json(exclude_none=True)))
        opened = shop.run("open", order_id, "shipping_label")
        assert opened.returncode == 0, opened.stderr
        answer = json.loads(opened.stdout)
        known = system.opened(order_id)
        assert (answer["state"], answer["personal_data"]["last_name"]) == ("open", known.last_name)
        refused = shop.run("open", order_id, "curiosity")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr
        unknown = shop.run("open", "114-0000000-0000000", "display")
        assert unknown.returncode == 1
        assert "114-0000000-0000000 is not in the books" in unknown.stderr
        assert not any(word in one.stderr for word in ("Traceback", "    at ") for one in (refused, unknown))
        system.advance(31 * 86_400)
        system.run_until_idle()
        assert json.loads(shop.run("open", order_id, "display").stdout)["state"] == "redacted"
        shop = ExampleStore(language, tmp_path / "later", {"api_url": "http://127.0.0.1:1", "api_token": "none"})
        shop.put(json.loads(system.store.orders[order_id].model_dump_json(exclude_none=True)))
        shown = shop.run("open", order_id, "display")
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["placeholder"]["last_name"] == AMAZON_REPLACED
