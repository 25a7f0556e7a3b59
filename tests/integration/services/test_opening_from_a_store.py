"""A store in Python opens what it holds: in hundreds, patient while the API is limited, clear when it gives up."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orderbridge.opening import NotOpened, OpenCall
from orderbridge.settings import Settings
from orderbridge.store import Store
from schemas.personal_data import AMAZON_REPLACED
from services.api import opening
from tests.parts.in_process import System
from tests.parts.open_call import OpenCalls


@pytest.fixture
def calls(system: System) -> Iterator[OpenCalls]:
    with OpenCalls(system) as calls:
        yield calls


def opening_example(language: str) -> str:
    """The example of docs/your-store.md."""
    page = (Path(__file__).parents[3] / "docs" / "your-store.md").read_text()
    chapter = page.partition("## Opening personal data")[2].partition("\n## ")[0]
    (example,) = re.findall(rf"```{language}\n(.*?)```", chapter, re.DOTALL)
    return str(example)


def test_the_example_with_curl_opens_a_seal(system: System, calls: OpenCalls) -> None:
    (order_id,) = system.imported()
    words = shlex.split(opening_example("sh"))
    headers = dict(words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H")
    body = json.loads(words[words.index("-d") + 1])
    (url,) = (word for word in words if word.startswith("http"))
    assert words[0] == "curl"
    headers["Authorization"] = headers["Authorization"].replace("ob_…", calls.secret)
    body["seals"][0] |= {"order_id": order_id, "seal": calls.seal(order_id)}
    path = url.removeprefix("http://127.0.0.1:8403")
    answer = calls.request("POST", path, data=json.dumps(body), headers=headers)
    assert answer.json()["seals"][0]["state"] == "open"


def test_the_example_in_python_opens_a_seal(system: System, calls: OpenCalls) -> None:
    (order_id,) = system.imported()
    with Store("127.0.0.1:1", open_call=OpenCall(calls.url, calls.secret)) as store:
        names: dict[str, Any] = {"store": store, "order": system.store.orders[order_id]}
        exec(opening_example("python"), names)  # noqa: S102  (our own documentation)
    (opened,) = names["opened"]
    assert opened.personal_data == system.opened(order_id)


def test_the_token_is_sent_whatever_the_machine_has_for_others(
    system: System, calls: OpenCalls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (order_id,) = system.imported()
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    call = OpenCall(calls.url, calls.secret, wait_seconds=0)
    assert [one.state for one in call.open([(order_id, calls.seal(order_id))], "display")] == ["open"]
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    assert [one.state for one in call.open([(order_id, calls.seal(order_id))], "display")] == ["open"]


def test_any_number_is_opened_in_the_order_that_was_asked(system: System, calls: OpenCalls) -> None:
    order_ids = system.imported(count=3) * 50
    opened = OpenCall(calls.url, calls.secret).open([(one, calls.seal(one)) for one in order_ids], "shipping_label")
    assert [one.order_id for one in opened] == order_ids
    assert {one.state for one in opened} == {"open"}
    assert OpenCall(calls.url, calls.secret).open([], "display") == []


def test_a_store_opens_by_its_settings(system: System, calls: OpenCalls) -> None:
    (order_id,) = system.imported()
    values = {"api_url": calls.url, "api_token": calls.secret, "kafka_bootstrap_servers": "127.0.0.1:1"}
    with Store.from_settings(Settings.model_validate(values)) as store:
        (opened,) = store.open_personal_data([(order_id, calls.seal(order_id))], purpose="display")
        assert opened.personal_data == system.opened(order_id)
        system.advance(31 * 86_400)
        seal = opened.order_id, "any"
        (gone,) = store.open_personal_data([seal], purpose="display")
        assert gone.personal_data is not None
        assert gone.personal_data.last_name == AMAZON_REPLACED
    with Store("127.0.0.1:1") as store, pytest.raises(NotOpened, match="ORDERBRIDGE_API_TOKEN"):
        store.open_personal_data([], purpose="display")


def test_it_waits_as_long_as_it_was_told_to(system: System, calls: OpenCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "SEALS_AT_ONCE", 1)
    monkeypatch.setattr(opening, "SEALS_A_SECOND", 0.5)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        system.clock.advance(seconds)

    monkeypatch.setattr("orderbridge.api_client.sleep", sleep)
    (order_id,) = system.imported()
    call = OpenCall(calls.url, calls.secret)
    for _ in range(2):
        assert call.open([(order_id, calls.seal(order_id))], "display")[0].state == "open"
    assert waited == [2.0]


@pytest.mark.parametrize(("secret", "said"), [("ob_wrong", "401"), ("", "401")])
def test_a_token_that_is_not_good_is_said_at_once(calls: OpenCalls, secret: str, said: str) -> None:
    with pytest.raises(NotOpened, match=said):
        OpenCall(calls.url, secret).open([("x", "y")], "display")


def test_an_api_that_stays_away_is_said_with_what_to_do() -> None:
    with pytest.raises(NotOpened, match="orderbridge run api"):
        OpenCall("http://127.0.0.1:1", "ob_x", wait_seconds=0).open([("x", "y")], "display")


def test_what_is_no_purpose_is_not_sent(calls: OpenCalls) -> None:
    with pytest.raises(NotOpened, match="there are shipping_label, display, customer_service, tax"):
        OpenCall(calls.url, calls.secret).open([("x", "y")], "curiosity")  # type: ignore[arg-type]


def test_what_is_no_seal_is_not_sent(calls: OpenCalls) -> None:
    for order_id, seal in (("", "y"), ("x", "z" * 20_000)):
        with pytest.raises(NotOpened, match="No seal of an order"):
            OpenCall(calls.url, calls.secret).open([(order_id, seal)], "display")
