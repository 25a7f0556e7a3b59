"""Login with Amazon: an access token for an hour, for a code, a refresh token or an application's own credentials."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any

from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, Account
from sandbox.authorisations import Authorisations
from sandbox.clock import Clock
from sandbox.database import Database
from sandbox.errors import AmazonError, LoginError, unauthorized
from sandbox.tokens import SignedTokens

ACCESS_TOKEN_LIFE = timedelta(hours=1)
NOTIFICATIONS_SCOPE = "sellingpartnerapi::notifications"
SCOPES = frozenset({NOTIFICATIONS_SCOPE, "sellingpartnerapi::migration"})
"""The scopes of grantless operations (Amazon's guide, "Grantless operations")."""

_RESTRICTED = "Atz.sprdt|"


class Login:
    """Issues access tokens and recognises them."""

    def __init__(
        self, database: Database, authorisations: Authorisations, clock: Clock, tokens: SignedTokens, speed: float
    ) -> None:
        self._database = database
        self._authorisations = authorisations
        self._clock = clock
        self._tokens = tokens
        self._life = ACCESS_TOKEN_LIFE / speed

    def exchange(self, form: dict[str, str]) -> dict[str, str | int]:
        """The answer of `POST /auth/o2/token` to this form; raises LoginError (RFC 6749, section 5.2)."""
        if missing := [name for name in ("grant_type", "client_id", "client_secret") if not form.get(name)]:
            raise LoginError(400, "invalid_request", f"The request is missing a required parameter : {missing[0]}")
        account = self.account_of(form)
        self._check_client(form, account)
        match form["grant_type"]:
            case "client_credentials":
                return self._grantless(form)
            case "refresh_token":
                return self._for_seller(form, account)
            case "authorization_code":
                refresh_token = self._authorisations.redeem(form)
                return self._for_seller({**form, "refresh_token": refresh_token}, account)
            case _:
                raise LoginError(400, "unsupported_grant_type", "The authorization grant type is not supported")

    def account_of(self, form: dict[str, str]) -> Account | None:
        """The account whose code or refresh token a form holds."""
        if form.get("grant_type") == "authorization_code":
            return self._authorisations.account_of_code(form.get("code", ""))
        return self._authorisations.account_of_token(form.get("refresh_token", ""))

    def restricted(self, account: Account, elements: list[str], resources: list[str]) -> tuple[str, int]:
        """A restricted data token (v0 only) for these data elements and paths, and its life in seconds."""
        claims = {"account": account.account, "elements": elements, "resources": resources}
        return _RESTRICTED + self._issue("restricted", claims), self._seconds

    def restricted_claims(self, access_token: str) -> dict[str, Any] | None:
        """What a restricted data token allows; None for any other token."""
        if not access_token.startswith(_RESTRICTED):
            return None
        return self._read("restricted", access_token.removeprefix(_RESTRICTED), 403)

    def authenticate(self, access_token: str | None, operation: str) -> Account:
        """The account that an `x-amz-access-token` header speaks for; raises AmazonError 403.

        confirmShipment alone declares 401, "does not contain a valid token" (ordersV0.json); elsewhere it is 403.
        """
        if not access_token:
            raise unauthorized("Access token is missing in the request header.")
        status = 401 if operation == "confirmShipment" else 403
        claims = self.restricted_claims(access_token) or self._read("access", access_token, status)
        account = self._database.account(claims["account"])
        if account is None or not account.consent:
            raise _invalid(status)
        if not account.roles:
            raise unauthorized("The application has no role that allows this operation.")
        return account

    def authenticate_application(self, access_token: str | None) -> str:
        """The client id that a grantless token speaks for; raises AmazonError 403, also for a seller's token."""
        if not access_token:
            raise unauthorized("Access token is missing in the request header.")
        claims = self._read("grantless", access_token, 403)
        if claims["scope"] != NOTIFICATIONS_SCOPE:
            raise unauthorized("The access token has not the scope of this operation.")
        return str(claims["client_id"])

    def _check_client(self, form: dict[str, str], account: Account | None) -> None:
        accounts = [account] if account is not None else list(self._database.accounts())
        known = {(CLIENT_ID, CLIENT_SECRET)} if account is None else set()
        known |= {(each.client_id, each.client_secret) for each in accounts}
        expired = {(each.client_id, each.client_secret) for each in accounts if each.secret_expired}
        if account is not None and form["client_id"] != account.client_id and self._known_client(form["client_id"]):
            raise LoginError(400, "invalid_grant", "The grant was issued to another client.")
        given = (form["client_id"], form["client_secret"])
        if given in expired or not any(
            hmac.compare_digest("\n".join(given).encode(), "\n".join(each).encode()) for each in known
        ):
            raise LoginError(401, "invalid_client", "Client authentication failed")

    def _known_client(self, client_id: str) -> bool:
        return client_id in {CLIENT_ID, *(account.client_id for account in self._database.accounts())}

    def _for_seller(self, form: dict[str, str], account: Account | None) -> dict[str, str | int]:
        if not form.get("refresh_token"):
            raise LoginError(400, "invalid_request", "The request is missing a required parameter : refresh_token")
        if account is None or not account.consent:
            raise LoginError(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
        token = self._issue("access", {"account": account.account})
        return self._answer(token) | {"refresh_token": form["refresh_token"]}

    def _grantless(self, form: dict[str, str]) -> dict[str, str | int]:
        if form.get("scope") not in SCOPES:
            raise LoginError(400, "invalid_scope", "The request has an invalid parameter : scope")
        return self._answer(self._issue("grantless", {"client_id": form["client_id"], "scope": form["scope"]}))

    def _answer(self, token: str) -> dict[str, str | int]:
        return {"access_token": f"Atza|{token}", "token_type": "bearer", "expires_in": self._seconds}

    @property
    def _seconds(self) -> int:
        return max(1, int(self._life.total_seconds()))

    def _issue(self, kind: str, claims: dict[str, Any]) -> str:
        return self._tokens.issue(kind, claims | {"expires": (self._clock.now() + self._life).timestamp()})

    def _read(self, kind: str, token: str, status: int) -> dict[str, Any]:
        try:
            claims = self._tokens.read(kind, token.removeprefix("Atza|"))
        except ValueError:
            raise _invalid(status) from None
        if self._clock.now().timestamp() >= claims["expires"]:
            raise unauthorized("The access token you provided has expired.")
        return claims


def _invalid(status: int) -> AmazonError:
    return unauthorized("The access token you provided is revoked, malformed or invalid.", status=status)
