"""A seller authorises the application on the sandbox's pages: with and without a code, all that is refused, the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from sandbox.accounts import Account
from sandbox.authorisations import APPLICATION_ID, REDIRECT_URI
from sandbox.clock import ManualClock
from sandbox.database import Database
from sandbox.seller_central import SellerCentral
from tests.parts.seller import Seller

MAIN, NEWCOMER = "main@sandbox.example", "newcomer@sandbox.example"


@pytest.fixture
def seller(url: str) -> Iterator[Seller]:
    seller = Seller(url)
    yield seller
    seller.close()


def link(url: str, **changes: str | None) -> str:
    query = {"application_id": APPLICATION_ID, "state": "s & t", **changes}
    return f"{url}/apps/authorize/consent?" + urlencode({k: v for k, v in query.items() if v is not None})


def exchange(url: str, **form: str) -> requests.Response:
    client = {"grant_type": "authorization_code", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    return requests.post(f"{url}/auth/o2/token", data={**client, **form}, timeout=5)


def refresh(url: str, token: str) -> requests.Response:
    return exchange(url, grant_type="refresh_token", refresh_token=token)


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize(("email", "code"), [(MAIN, "123456"), (NEWCOMER, None)])
def test_the_whole_way(url: str, seller: Seller, central: SellerCentral, email: str, code: str | None) -> None:
    back = seller.authorise(link(url), email, code)
    account = central.sign_in(email, "sandbox-password")
    assert account is not None
    assert account.consent
    assert (back["state"], back["selling_partner_id"]) == ("s & t", account.seller_id)
    assert seller.sent_to is not None
    assert seller.sent_to.startswith(f"{REDIRECT_URI}?")
    answer = exchange(url, code=back["spapi_oauth_code"])
    tokens = answer.json()
    assert tokens["expires_in"] == 3600
    assert answer.headers["Cache-Control"] == "no-store"
    central.login.authenticate(tokens["access_token"], "getOrder")
    assert refresh(url, tokens["refresh_token"]).json()["refresh_token"] == tokens["refresh_token"]


def test_the_code_is_asked_of_those_alone_who_have_it(url: str, seller: Seller) -> None:
    seller.open(link(url))
    assert "6-digit code" in seller.sign_in(MAIN)
    seller.open(link(url))
    assert "Sign in" in seller.page.text  # a password alone is not enough
    assert "Authorize an application" in seller.sign_in(NEWCOMER)


@pytest.mark.parametrize("wrong", ["000000", "", "12345", "1234567", "१२३४५६"])
def test_a_wrong_code_is_asked_again(url: str, seller: Seller, wrong: str) -> None:
    seller.open(link(url))
    assert "That is not the code" in seller.sign_in(MAIN, wrong)
    assert seller.page.status_code == 403
    assert "Authorize an application" in seller.submit(code="123456")


def test_a_wrong_password_is_asked_again_and_nothing_typed_is_taken_for_html(url: str, seller: Seller) -> None:
    seller.open(link(url))
    assert "no seller with this e-mail" in seller.sign_in('"><script>', password="wrong")
    assert '"><script>' not in seller.page.text
    assert seller.page.status_code == 403
    assert "Authorize an application" in seller.sign_in(NEWCOMER)


def test_without_the_checkbox_nothing_is_authorised(url: str, seller: Seller, central: SellerCentral) -> None:
    seller.open(link(url))
    seller.sign_in(NEWCOMER)
    assert "Tick the checkbox" in seller.submit(answer="confirm")
    newcomer = central.account("newcomer")
    assert newcomer is not None
    assert not newcomer.consent


def test_cancel_goes_back_with_an_error(url: str, seller: Seller, central: SellerCentral) -> None:
    seller.open(link(url))
    seller.sign_in(NEWCOMER)
    seller.submit(answer="cancel")
    assert seller.callback() == {"error": "access_denied", "state": "s & t"}
    newcomer = central.account("newcomer")
    assert newcomer is not None
    assert not newcomer.consent


def test_another_seller_can_sign_in_instead(url: str, seller: Seller) -> None:
    seller.open(link(url))
    seller.sign_in(NEWCOMER)
    assert "Sign in to Seller Central" in seller.submit(form=1)
    assert MAIN in seller.sign_in(MAIN, "123456")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"application_id": "another"}, "There is no application"),
        ({"application_id": None}, "There is no application"),
        ({"state": None}, "state is missing"),
        ({"version": "alpha"}, "version may be left out"),
        ({"redirect_uri": "https://evil.example/"}, "redirect_uri is not the application"),
        ({"redirect_uri": REDIRECT_URI + ".evil.example"}, "redirect_uri is not the application"),
    ],
)
def test_a_wrong_link_leads_nowhere(url: str, seller: Seller, change: dict[str, str | None], told: str) -> None:
    assert told in seller.open(link(url, **change))
    assert (seller.page.status_code, seller.sent_to) == (400, None)


def test_the_sign_in_leads_nowhere_else(url: str, seller: Seller) -> None:
    for to in ("https://evil.example/", "//evil.example/", "nonsense.0"):
        seller.open(f"{url}/ap/signin?" + urlencode({"to": to}))
        assert "Manage your apps" in seller.sign_in(NEWCOMER)
        assert seller.sent_to is None


def test_an_authorisation_is_its_seller_s_own(url: str, seller: Seller) -> None:
    seller.open(link(url))
    seller.sign_in(NEWCOMER)
    seller.submit(agree="yes", answer="confirm")
    stranger = Seller(url)
    stranger.open(f"{url}/apps/manage")
    stranger.sign_in(MAIN, "123456")
    stranger.page = seller.page
    assert "Start again" in stranger.submit()
    stranger.close()


def test_a_code_is_good_once_for_five_minutes_and_for_its_client(
    url: str, seller: Seller, clock: ManualClock, central: SellerCentral
) -> None:
    def code() -> str:
        return seller.authorise(link(url), NEWCOMER)["spapi_oauth_code"]

    first = code()
    assert exchange(url, code=first).status_code == 200
    assert refused(exchange(url, code=first)) == (400, "invalid_grant")
    second = code()
    clock.advance(300)
    assert refused(exchange(url, code=second)) == (400, "invalid_grant")
    third = code()
    clock.advance(299)
    central.save_account(Account(account="private", client_id="mine", client_secret="my-secret"))
    assert refused(exchange(url, code=third, client_id="mine", client_secret="my-secret")) == (400, "invalid_grant")
    assert refused(exchange(url, code=third, client_secret="wrong")) == (401, "invalid_client")
    assert exchange(url, code=third).status_code == 200
    assert refused(exchange(url, code=third + "0")) == (400, "invalid_grant")
    assert refused(exchange(url)) == (400, "invalid_request")


def test_a_code_is_for_the_address_that_it_was_asked_for(url: str, seller: Seller) -> None:
    code = seller.authorise(link(url, redirect_uri=REDIRECT_URI), NEWCOMER)["spapi_oauth_code"]
    assert refused(exchange(url, code=code)) == (400, "invalid_grant")
    assert refused(exchange(url, code=code, redirect_uri="https://evil.example/")) == (400, "invalid_grant")
    assert exchange(url, code=code, redirect_uri=REDIRECT_URI).status_code == 200


def test_the_seller_ends_the_grant_and_no_token_of_it_lives_again(url: str, seller: Seller) -> None:
    tokens = [exchange(url, code=seller.authorise(link(url), MAIN, "123456")["spapi_oauth_code"]).json() for _ in "12"]
    refresh_tokens = {one["refresh_token"] for one in tokens} | {"sandbox-refresh-token-main"}
    assert len(refresh_tokens) == 3
    assert all(refresh(url, token).status_code == 200 for token in refresh_tokens)  # a new one ends none
    code = seller.authorise(link(url), MAIN, "123456")["spapi_oauth_code"]
    assert APPLICATION_ID in seller.open(f"{url}/apps/manage")
    assert "no access to your account any more" in seller.submit()
    assert "authorized no application" in seller.open(f"{url}/apps/manage")
    assert {refused(refresh(url, token)) for token in refresh_tokens} == {(400, "invalid_grant")}
    assert refused(exchange(url, code=code)) == (400, "invalid_grant")
    again = exchange(url, code=seller.authorise(link(url), MAIN, "123456")["spapi_oauth_code"]).json()
    assert refresh(url, again["refresh_token"]).status_code == 200
    assert {refused(refresh(url, token)) for token in refresh_tokens} == {(400, "invalid_grant")}


def test_a_sandbox_started_again_knows_what_was_authorised(
    database: Database, clock: ManualClock, central: SellerCentral
) -> None:
    newcomer = central.account("newcomer")
    assert newcomer is not None
    central.authorisations.grant(newcomer)
    client: dict[str, Any] = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    code = {"grant_type": "authorization_code", "code": central.authorisations.code(newcomer, None), **client}
    token = str(central.login.exchange(code)["refresh_token"])
    again = SellerCentral(database, clock)
    assert again.login.exchange({"grant_type": "refresh_token", "refresh_token": token, **client})["access_token"]


@pytest.mark.parametrize("path", ["/apps/manage", "/ap/mfa", "/apps/authorize/consent"])
def test_every_page_says_that_it_is_not_amazon(url: str, seller: Seller, path: str) -> None:
    text = seller.open(url + path)
    assert "SANDBOX" in text
    assert seller.page.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in text
