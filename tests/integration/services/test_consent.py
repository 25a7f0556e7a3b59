"""Connecting by Seller Central's consent: the whole way over HTTP, and each way in which it fails."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select

from orderbridge.accounts.consent import CannotBegin, NotConnected
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.accounts.onboarding import Connected, connect_account
from orderbridge.accounts.trial import ConnectRefused
from orderbridge.database.models import Account, ConsentRequest
from sandbox.authorisations import APPLICATION_ID
from schemas.shipments import ShipmentConfirmed
from tests.parts.consenting import CODE, GERMANY, MAIN, NEWCOMER, SESSION, US, Shop, why
from tests.parts.in_process import ACCOUNT


@pytest.mark.parametrize(("email", "code", "name"), [(MAIN, CODE, ACCOUNT), (NEWCOMER, None, "shop")])
def test_the_whole_way(shop_anywhere: Shop, email: str, code: str | None, name: str) -> None:
    shop = shop_anywhere
    outcome = shop.connect(email, code, account=name)
    assert isinstance(outcome, Connected)
    assert outcome.account.connected
    assert outcome.account.marketplace_ids[0] == US
    amazon = shop.system.amazon.sign_in(email, "sandbox-password")
    row = shop.account(name)
    assert amazon is not None
    assert row is not None
    assert (row.seller_id, row.client_id, row.authorized_at) == (amazon.seller_id, None, shop.system.now)


def test_a_connected_account_imports_and_ships(shop: Shop) -> None:
    shop.connect(MAIN, CODE, account=ACCOUNT)
    shop.system.forget_access_token()
    (order_id,) = shop.system.imported()
    shop.system.store_says(order_id=order_id)
    shop.system.run_until_idle()
    assert [event.order_id for event in shop.system.events(ShipmentConfirmed)] == [order_id]


def test_what_is_secret_stands_nowhere(
    shop: Shop, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    link = shop.begin()
    state = dict(parse_qsl(urlsplit(link).query))["state"]
    back = shop.seller.authorise(link, NEWCOMER)
    assert back["state"] == state
    first, again = shop.finish(back), shop.finish(back)
    with shop.system.database.unit_of_work() as work:
        kept = [str(vars(row)) for table in (Account, ConsentRequest) for row in work.session.scalars(select(table))]
    told = capsys.readouterr()
    seen = "\n".join([repr(first), repr(again), told.out, told.err, caplog.text, *kept])
    assert "account connected" in seen
    for secret in (state, back["spapi_oauth_code"], SESSION, "Atzr|", "Atza|"):
        assert secret not in seen


def test_a_callback_is_good_once(shop: Shop) -> None:
    back = shop.agree()
    assert isinstance(shop.finish(back), Connected)
    assert why(shop.finish(back)) == "replayed"
    assert shop.system.calls("login")["200"] >= 1
    assert "400" not in shop.system.calls("login")  # Amazon was not even asked


def test_of_two_at_once_one_is_taken(shop_anywhere: Shop) -> None:
    back = shop_anywhere.agree()
    outcomes: list[Connected | NotConnected] = []
    threads = [threading.Thread(target=lambda: outcomes.append(shop_anywhere.finish(back))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(isinstance(one, Connected) for one in outcomes) == 1
    assert [why(one) for one in outcomes if isinstance(one, NotConnected)] == ["replayed"] * 3


def test_a_forged_state_is_refused(shop: Shop) -> None:
    back = shop.agree()
    for state in ("made-up", back["state"] + "x", back["state"].lower() + "0"):
        assert why(shop.finish({**back, "state": state})) == "forged"
    assert isinstance(shop.finish(back), Connected)


def test_another_session_is_refused_and_does_no_harm(shop: Shop) -> None:
    back = shop.agree()
    assert why(shop.finish(back, session="another")) == "other_session"
    assert shop.account() is None
    assert isinstance(shop.finish(back), Connected)


@pytest.mark.parametrize(("seconds", "expected"), [(599, "denied"), (600, "expired")])
def test_a_state_lives_for_ten_minutes(shop: Shop, seconds: float, expected: str) -> None:
    state = dict(parse_qsl(urlsplit(shop.begin()).query))["state"]
    shop.system.clock.advance(seconds)
    assert why(shop.finish({"state": state, "error": "access_denied"})) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"state": ""},
        {"state": "x" * 201},
        {"selling_partner_id": "<script>"},
        {"spapi_oauth_code": ""},
        {"spapi_oauth_code": "x" * 2049},
        {"error": "<b>!"},
    ],
)
def test_what_is_no_answer_of_amazon_s_is_refused(shop: Shop, change: dict[str, str]) -> None:
    back = shop.agree()
    outcome = shop.finish({**back, **change})
    assert why(outcome) == "malformed"
    assert not any(value in repr(outcome) for value in change.values() if value)
    assert isinstance(shop.finish({**back, "mws_auth_token": "old"}), Connected)


@pytest.mark.parametrize("missing", ["selling_partner_id", "spapi_oauth_code"])
def test_an_answer_without_its_parts_is_refused(shop: Shop, missing: str) -> None:
    back = shop.agree()
    del back[missing]
    assert why(shop.finish(back)) == "malformed"
    assert shop.account() is None


def test_a_seller_who_cancels_is_not_connected(shop: Shop) -> None:
    shop.seller.open(shop.begin())
    shop.seller.sign_in(NEWCOMER)
    shop.seller.submit(answer="cancel")
    outcome = shop.finish(shop.seller.callback())
    assert why(outcome) == "denied"
    assert "did not authorise" in repr(outcome)
    assert why(shop.finish(shop.seller.callback())) == "replayed"
    assert shop.account() is None


def test_a_code_that_is_too_old_or_used_is_refused(shop: Shop) -> None:
    back = shop.agree()
    shop.system.clock.advance(300)
    assert why(shop.finish(back)) == "code_refused"
    used = shop.agree()["spapi_oauth_code"]
    fresh = shop.agree()
    assert isinstance(shop.finish({**fresh, "spapi_oauth_code": used}), Connected)
    again = shop.agree()
    assert why(shop.finish({**again, "spapi_oauth_code": used})) == "code_refused"


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("login", "503"), ("login", "html_200"), ("getMarketplaceParticipations", "403"), ("login", "drop_before_effect")],
)
def test_amazon_s_troubles_are_told_and_nothing_is_kept(shop: Shop, operation: str, kind: str) -> None:
    back = shop.agree()
    shop.system.fault(operation, kind, 2)
    outcome = shop.finish(back)
    assert why(outcome) == "amazon_refused"
    assert "Nothing was kept." in repr(outcome)
    assert shop.account() is None


def test_an_expired_secret_is_told(shop: Shop) -> None:
    back = shop.agree()
    shop.system.amazon.change_account("newcomer", secret_expired=True)
    outcome = shop.finish(back)
    assert why(outcome) == "amazon_refused"
    assert "client secret is wrong" in repr(outcome)


def test_a_seller_is_connected_once(shop: Shop) -> None:
    assert isinstance(shop.connect(), Connected)
    outcome = shop.connect(account="again")
    assert why(outcome) == "refused"
    assert "same seller as shop" in repr(outcome)
    assert shop.account("again") is None
    assert isinstance(shop.connect(), Connected)


def test_another_seller_takes_no_account_over(shop: Shop) -> None:
    shop.connect()
    before = shop.account()
    assert before is not None
    outcome = shop.connect(MAIN, CODE)
    assert why(outcome) == "refused"
    assert "the one who authorised just now" in repr(outcome)
    after = shop.account()
    assert after is not None
    assert after.refresh_token == before.refresh_token


def test_a_region_without_marketplaces_is_refused(shop: Shop) -> None:
    outcome = shop.connect(marketplace=GERMANY)
    assert why(outcome) == "refused"
    assert "no marketplace of the region eu" in repr(outcome)


def test_a_private_application_is_not_asked_for_consent(shop: Shop) -> None:
    system = shop.system
    private: dict[str, Any] = {"client_id": "mine", "client_secret": "my-secret"}
    system.amazon.change_account("newcomer", consent=True, **private)
    newcomer = system.amazon.account("newcomer")
    assert newcomer is not None
    connect_account(system.settings, system.database, "private", newcomer.refresh_token, **private)
    with pytest.raises(CannotBegin, match="application of its own"):
        shop.begin("private")
    disconnect_account(system.settings, system.database, "private")
    assert isinstance(shop.connect(account="private"), Connected)


@pytest.mark.parametrize("name", ["", "-shop", "a b", "x" * 41, "ä", "../x", "shop\n"])
def test_a_name_that_no_account_can_have_is_refused(shop: Shop, name: str) -> None:
    with pytest.raises(CannotBegin, match="1 to 40 letters"):
        shop.begin(name)
    with pytest.raises(ConnectRefused, match="1 to 40 letters"):
        connect_account(shop.system.settings, shop.system.database, name, "a refresh token")


def test_an_unknown_marketplace_is_refused(shop: Shop) -> None:
    with pytest.raises(CannotBegin, match="There is no marketplace 'nowhere'"):
        shop.begin(marketplace="nowhere")


@pytest.mark.parametrize("name", ["amazon_application_id", "amazon_client_id", "amazon_client_secret"])
def test_without_an_application_nobody_is_sent_anywhere(shop: Shop, name: str) -> None:
    shop.system.settings = shop.system.settings.model_copy(update={name: None})
    with pytest.raises(CannotBegin, match="ORDERBRIDGE_" + name.upper()):
        shop.begin()


def test_the_link(shop: Shop) -> None:
    settings = shop.system.settings
    shop.system.settings = settings.model_copy(
        update={"seller_central_url": None, "public_url": "https://shop.example/"}
    )
    link = urlsplit(shop.begin(marketplace=GERMANY))
    query = dict(parse_qsl(link.query))
    assert (link.scheme, link.netloc, link.path) == (
        "https",
        "sellercentral-europe.amazon.com",
        "/apps/authorize/consent",
    )
    state = query.pop("state")
    assert query == {"application_id": APPLICATION_ID, "redirect_uri": "https://shop.example/connect/callback"}
    shop.system.settings = shop.system.settings.model_copy(update={"amazon_application_draft": True})
    draft = dict(parse_qsl(urlsplit(shop.begin()).query))
    assert draft["version"] == "beta"
    assert len(state) >= 43
    assert draft["state"] != state
