"""Login with Amazon: a refresh token becomes an access token for an hour."""

from __future__ import annotations

import hmac
from datetime import timedelta

from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, Account
from sandbox.clock import Clock
from sandbox.database import Database
from sandbox.errors import AmazonError, LoginError, unauthorized
from sandbox.tokens import SignedTokens

ACCESS_TOKEN_LIFE = timedelta(hours=1)


class Login:
    """Issues access tokens and recognises them."""

    def __init__(self, database: Database, clock: Clock, tokens: SignedTokens, speed: float) -> None:
        self._database = database
        self._clock = clock
        self._tokens = tokens
        self._life = ACCESS_TOKEN_LIFE / speed

    def exchange(self, form: dict[str, str]) -> dict[str, str | int]:
        """The answer of `POST /auth/o2/token` to this form; raises LoginError (RFC 6749, section 5.2)."""
        if missing := [name for name in ("grant_type", "client_id", "client_secret") if not form.get(name)]:
            raise LoginError(400, "invalid_request", f"The request is missing a required parameter : {missing[0]}")
        if form["client_id"] != CLIENT_ID or not hmac.compare_digest(
            form["client_secret"].encode(), CLIENT_SECRET.encode()
        ):
            raise LoginError(401, "invalid_client", "Client authentication failed")
        if form["grant_type"] != "refresh_token":
            raise LoginError(400, "unsupported_grant_type", "The authorization grant type is not supported")
        if not form.get("refresh_token"):
            raise LoginError(400, "invalid_request", "The request is missing a required parameter : refresh_token")
        account = self._database.account_of_token(form["refresh_token"])
        if account is None:
            raise LoginError(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
        expires = self._clock.now() + self._life
        claims = {"account": account.account, "expires": expires.timestamp()}
        return {
            "access_token": f"Atza|{self._tokens.issue('access', claims)}",
            "refresh_token": account.refresh_token,
            "token_type": "bearer",
            "expires_in": max(1, int(self._life.total_seconds())),
        }

    def authenticate(self, access_token: str | None, operation: str) -> Account:
        """The account that an `x-amz-access-token` header speaks for; raises AmazonError 403.

        confirmShipment alone declares 401, "does not contain a valid token" (ordersV0.json); elsewhere it is 403.
        """
        if not access_token:
            raise unauthorized("Access token is missing in the request header.")
        invalid: AmazonError = unauthorized(
            "The access token you provided is revoked, malformed or invalid.",
            status=401 if operation == "confirmShipment" else 403,
        )
        try:
            claims = self._tokens.read("access", access_token.removeprefix("Atza|"))
        except ValueError:
            raise invalid from None
        if self._clock.now().timestamp() >= claims["expires"]:
            raise unauthorized("The access token you provided has expired.")
        account = self._database.account(claims["account"])
        if account is None:
            raise invalid
        if not account.roles:
            raise unauthorized("The application has no role that allows this operation.")
        return account
