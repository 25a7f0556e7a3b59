"""The open call: a seal in, personal data ready for use out, as long as anybody may know it."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from orderbridge.accounts.change_settings import change_settings
from orderbridge.api_tokens import NAME_THE_PERSON, OPEN_PERSONAL_DATA, revoke_tokens
from orderbridge.database.models import ApiTokenRow, Opening, PersonalDataRow
from orderbridge.database.unit_of_work import Database
from orderbridge.vault.key_ring import key_name
from orderbridge.vault.seal import seal
from schemas.openings import OpenAnswer
from schemas.personal_data import AMAZON_REPLACED, PersonalData
from services.api import asking, opening
from tests.integration.services.conftest import Start
from tests.parts.in_process import System
from tests.parts.open_call import OPEN, OpenCalls

DAY = 86_400
Calls = Callable[[System], OpenCalls]


@pytest.fixture
def calls_of() -> Iterator[Calls]:
    """Starts the API over a system."""
    with ExitStack() as stack:
        yield lambda system: stack.enter_context(OpenCalls(system))


def audit(system: System) -> list[Opening]:
    with system.database.unit_of_work() as work:
        return list(work.session.scalars(select(Opening).order_by(Opening.opening_id)))


def test_a_seal_opens_to_data_that_is_ready_for_use(anywhere: System, calls_of: Calls) -> None:
    system = anywhere
    order_ids = system.imported(count=3)
    calls = calls_of(system)
    opened = calls.open(*order_ids, purpose="shipping_label")
    assert [one.order_id for one in opened] == order_ids
    for one in opened:
        assert one.state == "open"
        assert one.personal_data == system.opened(one.order_id)
        assert one.dies_at == system.store.orders[one.order_id].personal_data.dies_at
    lines = [(line.order_id, line.account_id, line.token_name, line.purpose, line.state) for line in audit(system)]
    assert lines == [(order_id, "main", "a-store", "shipping_label", "open") for order_id in order_ids]


def test_after_its_day_it_reads_amazon_replaced(anywhere: System, calls_of: Calls) -> None:
    system = anywhere
    (order_id,) = system.imported()
    calls = calls_of(system)
    seal, dies_at = calls.seal(order_id), system.store.orders[order_id].personal_data.dies_at
    country = system.opened(order_id).country
    assert dies_at is not None
    system.advance((dies_at - system.now).total_seconds() - 1)
    assert calls.open(order_id)[0].state == "open"
    system.clock.advance(1)  # the redactor has not come to it yet
    (expired,) = OpenAnswer.model_validate_json(calls.ask([(order_id, seal)]).content).seals
    assert (expired.state, expired.gone_since) == ("expired", dies_at)
    assert expired.personal_data == PersonalData.replaced(country)
    system.advance(60)
    (gone,) = OpenAnswer.model_validate_json(calls.ask([(order_id, seal)]).content).seals
    assert (gone.state, gone.personal_data) == ("redacted", PersonalData.replaced(country))
    assert gone.personal_data is not None
    assert gone.personal_data.first_name == AMAZON_REPLACED
    assert [line.state for line in audit(system)] == ["open", "expired", "redacted"]


def test_a_key_ring_from_day_ten_opens_nothing_on_day_thirty_one(
    system: System, tmp_path: Path, calls_of: Calls
) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    seal = calls.seal(order_id)
    system.advance(10 * DAY)
    shutil.copytree(system.settings.key_ring, tmp_path / "day-10")
    system.advance(21 * DAY)
    shutil.rmtree(system.settings.key_ring)
    shutil.copytree(tmp_path / "day-10", system.settings.key_ring)
    assert calls.ask([(order_id, seal)]).json()["seals"][0]["state"] == "redacted"
    with system.database.unit_of_work() as work:  # and with a database that has forgotten it
        work.session.execute(update(PersonalDataRow).values(redacted_at=None, seal=seal))
    assert calls.ask([(order_id, seal)]).json()["seals"][0]["state"] == "expired"


def test_the_rows_day_counts_where_the_seal_would_live_longer(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    with system.database.unit_of_work() as work:
        work.session.execute(update(PersonalDataRow).values(dies_at=system.now))
    assert calls.open(order_id)[0].state == "expired"


def test_an_order_that_was_redacted_before_its_day_is_refused_at_once(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    assert calls.open(order_id)[0].state == "open"
    system.key_ring().mark_redacted(order_id)
    (gone,) = calls.open(order_id)
    assert gone.state == "redacted"
    assert gone.personal_data is not None
    assert gone.personal_data.email == AMAZON_REPLACED


def test_an_older_seal_and_a_lost_key_say_what_to_do(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    seal = calls.seal(order_id)
    for path in (system.settings.key_ring / "keys").iterdir():
        path.rename(path.with_name(f".{path.name}"))
    (lost,) = calls.ask([(order_id, seal)]).json()["seals"]
    assert (lost["state"], lost["reason"]) == ("refused", "key_lost")
    assert "reseal" in lost["message"]
    assert "personal_data" not in lost
    dies_at = system.store.orders[order_id].personal_data.dies_at
    assert dies_at is not None
    system.key_ring().destroy(dies_at)
    (older,) = calls.ask([(order_id, seal)]).json()["seals"]
    assert (older["state"], older["reason"]) == ("refused", "older_seal")


def test_a_sooner_clock_counts_before_any_row_has_been_gone_over(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    system.advance(10 * 86_400)
    (before,) = calls.open(order_id)
    with system.database.unit_of_work() as work:
        change_settings(work, "main", {"personal_data_days": 20})
    (sooner,) = calls.open(order_id)
    assert (sooner.state, before.state) == ("open", "open")
    assert sooner.dies_at is not None
    assert before.dies_at is not None
    assert timedelta(0) <= sooner.dies_at - (before.dies_at - timedelta(days=10)) <= timedelta(hours=1)
    with system.database.unit_of_work() as work:
        change_settings(work, "main", {"personal_data_days": 7})
    (gone,) = calls.open(order_id)
    assert (gone.state, gone.personal_data is not None and gone.personal_data.email) == ("expired", AMAZON_REPLACED)


def test_a_seal_from_before_a_sooner_clock_is_an_older_one(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    former = calls.seal(order_id)
    with system.database.unit_of_work() as work:
        change_settings(work, "main", {"personal_data_days": 7})
    system.run_until_idle()
    assert calls.open(order_id)[0].state == "open"
    (older,) = calls.ask([(order_id, former)]).json()["seals"]
    assert (older["state"], older["reason"]) == ("refused", "older_seal")


def test_a_damaged_key_keeps_no_other_seal_shut(system: System, calls_of: Calls) -> None:
    (old,) = system.imported()
    system.advance(7200)
    (new,) = system.imported()
    calls = calls_of(system)
    dies_at = system.store.orders[old].personal_data.dies_at
    assert dies_at is not None
    (system.settings.key_ring / "keys" / key_name(dies_at)).write_text("damaged")
    with capture_logs():
        assert [one.state for one in calls.open(old, new)] == ["refused", "open"]


def test_a_key_ring_whose_folder_is_away_is_not_taken_for_an_empty_one(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    system.settings.key_ring.rename(system.settings.key_ring.with_name("elsewhere"))
    with capture_logs():
        answer = calls.ask([(order_id, calls.seal(order_id))])
    assert answer.status_code == 503
    assert audit(system) == []


def test_a_body_that_does_not_come_is_not_waited_for(
    system: System, calls_of: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "BODY_SECONDS", 0.2)
    calls = calls_of(system)
    with socket.create_connection(("127.0.0.1", int(calls.url.rpartition(":")[2])), timeout=30) as connection:
        head = f"POST {OPEN} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {calls.secret}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_seal_of_a_newer_release_keeps_no_other_shut(system: System, calls_of: Calls) -> None:
    one, other = system.imported(count=2)
    calls = calls_of(system)
    dies_at = system.store.orders[one].personal_data.dies_at
    assert dies_at is not None
    newer = seal(system.key_ring(), one, b'{"first_name": {"given": "Ada"}}', dies_at, system.now)
    answer = calls.ask([(one, newer), (other, calls.seal(other))])
    assert [entry["state"] for entry in answer.json()["seals"]] == ["refused", "open"]
    assert "Ada" not in answer.text


def test_a_seal_copied_to_another_order_does_not_open(system: System, calls_of: Calls) -> None:
    one, other = system.imported(count=2)
    calls = calls_of(system)
    answer = calls.ask([(one, calls.seal(other)), (other, calls.seal(other))])
    assert [seal["state"] for seal in answer.json()["seals"]] == ["refused", "open"]


def test_another_accounts_order_is_refused_in_the_words_of_an_unknown_one(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    with system.database.unit_of_work() as work:
        work.session.execute(
            text(
                "INSERT INTO accounts (account_id, marketplace_ids, settings, api_url, login_url) "
                "SELECT 'other', marketplace_ids, settings, api_url, login_url FROM accounts"
            )
        )
    secret = calls.token("elsewhere", accounts=["other"])
    asked = [(order_id, calls.seal(order_id)), ("no-such-order", "x")]
    foreign, unknown = calls.ask(asked, secret=secret).json()["seals"]
    assert {**foreign, "order_id": ""} == {**unknown, "order_id": ""}
    assert [(line.order_id, line.account_id) for line in audit(system)] == [(None, None)] * 2
    assert calls.open(order_id, secret=calls.token("mine", accounts=["main"]))[0].state == "open"


def test_an_order_without_personal_data_has_no_seal_to_open(start: Start, calls_of: Calls) -> None:
    system = start(import_fba=True)
    (order_id,) = system.imported(fulfilled_by="AMAZON", programs=[])
    assert calls_of(system).ask([(order_id, "a.b.c.d.e")]).json()["seals"][0]["reason"] == "not_its_seal"


@pytest.mark.parametrize("why", ["unknown", "revoked", "expired", "missing", "basic", "empty"])
def test_without_a_good_token_nothing_is_opened(system: System, why: str, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    if why == "revoked":
        with system.database.unit_of_work() as work:
            assert revoke_tokens(work, "a-store") == 1
    if why == "expired":
        with system.database.unit_of_work() as work:
            work.session.execute(update(ApiTokenRow).values(expires_at=system.now))
    headers = {"missing": {}, "basic": {"Authorization": "Basic eDp5"}, "empty": {"Authorization": "Bearer "}}
    secret = "ob_wrong" if why == "unknown" else calls.secret
    body = json.dumps({"purpose": "display", "seals": [{"order_id": order_id, "seal": calls.seal(order_id)}]})
    given = headers.get(why, {"Authorization": f"Bearer {secret}"})
    answer = calls.request("POST", OPEN, data=body, headers={**given, "Content-Type": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert audit(system) == []


def test_a_token_without_the_scope_is_refused(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    with system.database.unit_of_work() as work:
        work.session.execute(update(ApiTokenRow).values(scopes='["events:replay"]'))
    answer = calls.ask([(order_id, calls.seal(order_id))])
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_the_audit_log_names_the_person_where_the_token_may_say_so(anywhere: System, calls_of: Calls) -> None:
    system = anywhere
    (order_id,) = system.imported()
    calls = calls_of(system)
    body = {
        "purpose": "display",
        "on_behalf_of": "olga",
        "seals": [{"order_id": order_id, "seal": calls.seal(order_id)}],
    }
    refused = calls.post(json.dumps(body).encode())
    assert refused.status_code == 403
    assert 'scope="personal-data:on-behalf"' in refused.headers["www-authenticate"]
    assert audit(system) == []
    secret = calls.token("console", OPEN_PERSONAL_DATA, NAME_THE_PERSON)
    assert calls.post(json.dumps(body).encode(), Authorization=f"Bearer {secret}").json()["seals"][0]["state"] == "open"
    calls.open(order_id)
    assert [(line.token_name, line.on_behalf_of) for line in audit(system)] == [("console", "olga"), ("a-store", None)]


def test_a_hundred_at_once_and_no_more(system: System, calls_of: Calls) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)
    seal = calls.seal(order_id)
    assert len(calls.ask([(order_id, seal)] * 100).json()["seals"]) == 100
    assert len(audit(system)) == 100
    refused = calls.ask([(order_id, seal)] * 101)
    assert refused.status_code == 422
    assert "seals" in refused.json()["detail"]
    assert calls.ask([]).status_code == 422


def test_a_token_that_opens_too_many_is_told_when_it_may_again(
    anywhere: System, monkeypatch: pytest.MonkeyPatch, calls_of: Calls
) -> None:
    system = anywhere
    monkeypatch.setattr(opening, "SEALS_AT_ONCE", 10)
    monkeypatch.setattr(opening, "SEALS_A_SECOND", 1.0)
    (order_id,) = system.imported()
    calls, other = calls_of(system), calls_of(system)
    calls.open(*[order_id] * 8)
    limited = calls.ask([(order_id, calls.seal(order_id))] * 5)
    assert limited.status_code == 429
    assert limited.json()["retry_after"] == int(limited.headers["retry-after"]) == 3
    assert len(audit(system)) == 8
    assert other.ask([(order_id, other.seal(order_id))] * 5, secret=calls.secret).status_code == 429  # by any process
    assert len(other.open(*[order_id] * 5)) == 5  # another token's own
    system.clock.advance(3)
    assert len(calls.open(*[order_id] * 5)) == 5


def test_openings_side_by_side_each_have_their_line(anywhere: System, calls_of: Calls) -> None:
    system = anywhere
    order_ids = system.imported(count=5)
    calls = calls_of(system)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: calls.open(*order_ids), range(16)))
    assert all(one.state == "open" for answer in answers for one in answer)
    assert len(audit(system)) == 80


def test_the_audit_log_is_not_changed_by_anybody(anywhere: System, calls_of: Calls) -> None:
    system = anywhere
    (order_id,) = system.imported()
    calls_of(system).open(order_id)
    for statement in (update(Opening).values(token_name="another"), delete(Opening)):
        with pytest.raises(DBAPIError, match="audit log"), system.database.unit_of_work() as work:
            work.session.execute(statement)
    assert len(audit(system)) == 1


def test_no_line_no_data(system: System, monkeypatch: pytest.MonkeyPatch, calls_of: Calls) -> None:
    """What cannot be written into the audit log is not told either."""
    (order_id,) = system.imported()
    calls = calls_of(system)
    with system.database.unit_of_work() as work:
        refuses = "CREATE TRIGGER full BEFORE INSERT ON openings BEGIN SELECT RAISE(ABORT, 'full'); END"
        work.session.execute(text(refuses))
    with capture_logs():
        answer = calls.ask([(order_id, calls.seal(order_id))])
    assert answer.status_code in (500, 503)
    assert system.opened(order_id).last_name not in answer.text


def test_a_database_or_key_ring_that_is_away_is_said(
    system: System, monkeypatch: pytest.MonkeyPatch, calls_of: Calls
) -> None:
    (order_id,) = system.imported()
    calls = calls_of(system)

    def is_away(*_: Any) -> Any:
        raise OSError("input/output error")

    monkeypatch.setattr("orderbridge.vault.key_ring.FolderKeyRing.is_redacted", is_away)
    with capture_logs():
        answer = calls.ask([(order_id, calls.seal(order_id))])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    monkeypatch.setattr(Database, "unit_of_work", lambda self: (_ for _ in ()).throw(TimeoutError()))
    with capture_logs():
        assert calls.ask([(order_id, "x")]).status_code >= 500


def test_the_description_of_the_api_is_whole(system: System, calls_of: Calls) -> None:
    document = calls_of(system).request("GET", "/api/v1/openapi.json").json()
    told = json.dumps(document)
    references = {part.split('"')[0] for part in told.split("#/components/schemas/")[1:]}
    assert references <= set(document["components"]["schemas"])
    assert {"OpenRequest", "OpenAnswer", "PersonalData"} <= references
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_what_is_no_call_of_the_apis_is_answered_with_a_problem(system: System, calls_of: Calls) -> None:
    client = calls_of(system)
    for method, path, status in (("GET", OPEN, 405), ("POST", "/api/v1/nothing", 404), ("GET", "/docs", 404)):
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
