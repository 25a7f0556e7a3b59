"""A store's dead letters through the API: read, replayed, mended, discarded; its own alone."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from orderbridge.api_tokens import DEAD_LETTERS
from schemas.shipments import ShipmentConfirmed
from services.api import dead_letters
from tests.parts.in_process import System
from tests.parts.many_accounts import another_account
from tests.parts.open_call import OpenCalls

PATH = "/api/v1/dead-letters"


class Client:
    """A store that looks at its dead letters."""

    def __init__(self, calls: OpenCalls, **options: Any) -> None:
        self._calls = calls
        self._headers = {"Authorization": f"Bearer {calls.token('a-store', DEAD_LETTERS, **options)}"}

    def get(self, path: str = "", **more: Any) -> requests.Response:
        return self._calls.request("GET", PATH + path, headers=self._headers, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self._calls.request("POST", PATH + path, headers=self._headers, **more)

    def ids(self) -> list[str]:
        return [letter["id"] for letter in self.get().json()["letters"]]


@pytest.fixture
def calls(anywhere: System) -> Iterator[OpenCalls]:
    with OpenCalls(anywhere) as calls:
        yield calls


def says(system: System, value: bytes, topic: str = "order.shipped") -> None:
    system.produce(topic, value, key=b"k")
    system.run_until_idle()


def test_what_a_store_said_is_mended_and_replayed(anywhere: System, calls: OpenCalls) -> None:
    (order_id,) = anywhere.imported(lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    says(anywhere, b'{"order_id": ')
    store = Client(calls)
    (event_id,) = store.ids()
    whole = store.get(f"/{event_id}").json()
    assert (whole["service"], whole["topic"], whole["reason"]) == ("shipper", "order.shipped", "malformed")
    assert whole["value"] == '{"order_id": '
    again = store.post(f"/{event_id}/replay", json={"mended": '{"order_id": 7}'})
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    mended = json.dumps({"order_id": order_id, "carrier": "UPS", "tracking_number": "1Z1"})
    assert store.post(f"/{event_id}/replay", json={"mended": mended}).json()["settled_as"] == "replayed"
    anywhere.run_until_idle()
    assert [event.order_id for event in anywhere.events(ShipmentConfirmed)] == [order_id]
    assert store.ids() == []
    for action in ("replay", "discard"):
        assert store.post(f"/{event_id}/{action}").status_code == 409  # it is settled
    assert store.get(f"/{event_id}").json()["settled_as"] == "replayed"


def test_as_it_came_or_not_at_all(anywhere: System, calls: OpenCalls) -> None:
    says(anywhere, b"\xff no json")
    says(anywhere, b"neither")
    store = Client(calls)
    second, first = store.ids()
    assert store.get(f"/{first}").json()["value"] == "\\xff no json"
    assert store.post(f"/{first}/replay").status_code == 200
    assert store.post(f"/{second}/discard").json()["settled_as"] == "discarded"
    anywhere.run_until_idle()
    (anew,) = store.ids()
    assert anew not in (first, second)


def test_a_store_sees_its_own_alone(anywhere: System, calls: OpenCalls) -> None:
    (order_id,) = anywhere.imported()
    another_account(anywhere.database)
    says(anywhere, b"nobody's")
    says(anywhere, b'{"account_id": "main", "statuses": 7}', "store.options")
    says(anywhere, b'{"account_id": "other", "statuses": 7}', "store.options")
    says(anywhere, b'{"account_id": "main"', "import.due")  # no store said that
    everybody, main, other = Client(calls), Client(calls, accounts=["main"]), Client(calls, accounts=["other"])
    assert len(everybody.ids()) == 3
    (mine,) = main.ids()
    (foreign,) = other.ids()
    assert mine != foreign
    for path in ("", "/replay", "/discard"):
        ask = main.post if path else main.get
        assert ask(f"/{foreign}{path}").status_code == 404
        assert ask("/00000000-0000-0000-0000-000000000000" + path).text == ask(f"/{foreign}{path}").text
    stolen = json.dumps({"order_id": order_id, "carrier": "UPS", "tracking_number": "1Z1"})
    assert other.post(f"/{foreign}/replay", json={"mended": stolen}).status_code == 409
    assert not anywhere.events(ShipmentConfirmed)


@pytest.mark.parametrize("encoded", [False, True])
def test_a_structured_event_is_its_accounts_too(anywhere: System, calls: OpenCalls, encoded: bool) -> None:
    """CloudEvents in structured mode have what was said below the attributes."""
    another_account(anywhere.database)
    attributes = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "store.options"}

    def structured(account_id: str) -> str:
        said = {"account_id": account_id, "statuses": 7}
        data = {"data_base64": b64encode(json.dumps(said).encode()).decode()} if encoded else {"data": said}
        return json.dumps(attributes | data)

    says(anywhere, structured("main").encode(), "store.options")
    everybody, main, other = Client(calls), Client(calls, accounts=["main"]), Client(calls, accounts=["other"])
    (letter,) = everybody.ids()
    assert main.ids() == [letter]
    assert other.ids() == []
    refused = main.post(f"/{letter}/replay", json={"mended": structured("other")})
    assert (refused.status_code, "must name an order" in refused.text) == (409, True)
    again = main.post(f"/{letter}/replay", json={"mended": structured("main")})
    assert (again.status_code, "It would be refused again" in again.text) == (409, True)


def test_pages(anywhere: System, calls: OpenCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        says(anywhere, b"nonsense %d" % number)
        says(anywhere, b"nonsense", "import.due")
    monkeypatch.setattr(dead_letters, "_LOOKED_AT", 5)
    store = Client(calls)
    everything = []
    page = store.get("?limit=2").json()
    while True:
        everything += page["letters"]
        if "next" not in page:
            break
        page = store.get(f"?limit=2&after={page['next']}").json()
    values = [store.get(f"/{letter['id']}").json()["value"] for letter in everything]
    assert values == [f"nonsense {number}" for number in reversed(range(7))]
    for wrong in ("?limit=0", "?limit=101", "?limit=x", "?after=-1", "?after=99999999999999999999", "/%00"):
        answer = store.get(wrong)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
