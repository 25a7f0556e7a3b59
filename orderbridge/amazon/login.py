"""Login with Amazon: a seller's refresh token, or the application's own secret, becomes an access token for an hour.

Before that, the code with which a seller comes back from Seller Central becomes his refresh token.

Source: Amazon's "Connecting to the Selling Partner API", step 1, "Website authorization workflow", "Grantless
operations", and RFC 6749 sections 4.1.3, 4.4, 5 and 6.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Protocol
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from orderbridge.amazon import wire
from orderbridge.amazon.answers import read_json, read_model
from orderbridge.amazon.errors import (
    LOGIN,
    AmazonError,
    BadAnswer,
    ConsentRevoked,
    LoginRefused,
    Throttled,
    Unwell,
)

_LONGEST_MARGIN: Final = timedelta(seconds=60)
"""How long before its end a token is renewed, or a tenth of its life if that is less."""

NOTIFICATIONS_SCOPE: Final = "sellingpartnerapi::notifications"
_SECRET: Final = ("client_secret", "refresh_token", "code")
_REFUSALS: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "access_denied",
    }
)
"""RFC 6749 sections 5.2 and 4.1.2.1: what Amazon itself says to who may not come in."""
LONGEST_TOKEN: Final = 2048
"""Bytes of a token or a code (developer guide, "Connecting to the Selling Partner API")."""


class _TokenAnswer(BaseModel):
    """RFC 6749 section 5.1. The token goes into a header, so it must be of visible ASCII."""

    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: Annotated[str, Field(pattern=r"\A[\x21-\x7e]+\z", repr=False)]
    expires_in: Annotated[int, Field(gt=0, le=10_000_000)]


class _CodeAnswer(BaseModel):
    """The same for a code; its access token is left aside, since whoever calls for the seller asks for one anyway."""

    model_config = ConfigDict(hide_input_in_errors=True)

    refresh_token: Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN, repr=False)]


@dataclass(frozen=True, slots=True)
class FreshToken:
    """An access token, and the moment from which another is to be used."""

    token: str = field(repr=False)
    renew_at: datetime


class TokenStore(Protocol):
    """Where processes share access tokens. `name` is a digest of the credentials: 64 hexadecimal digits."""

    def fetch(self, name: str, renew: Callable[[], FreshToken]) -> FreshToken:
        """The shared token; if there is none, `renew` asks Amazon for one. One process at a time does.

        Raises what `renew` raises.
        """
        ...

    def forget(self, name: str, access_token: str) -> None:
        """This token was refused: nobody is to use it any more. A newer one stays."""
        ...


@dataclass(slots=True)
class _Cached:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str | None = field(default=None, repr=False)
    renew_at: datetime | None = None


_cache: dict[bytes, _Cached] = {}
_cache_lock = threading.Lock()


class _AccessTokens:
    """Exchanges one form for access tokens. All instances of a process with the same form share the token.

    With a `store`, so do all processes that have the same one.
    """

    def __init__(
        self, url: str, form: Mapping[str, str], timeout: wire.Timeout, store: TokenStore | None = None
    ) -> None:
        self._url = url
        self._store = store
        self._timeout = timeout
        self._form = dict(form)
        # The digest, so that the process holds each secret in as few places as can be.
        digest = hashlib.sha256(urlencode({"url": url, **self._form}).encode())
        self._name = digest.hexdigest()
        with _cache_lock:
            self._cached = _cache.setdefault(digest.digest(), _Cached())

    @property
    def name(self) -> str:
        """The name under which a `TokenStore` has the token: a digest of the credentials."""
        return self._name

    def access_token(self, *, now: Callable[[], datetime], before_call: Callable[[], None]) -> str:
        """A token that is valid for a while yet; asks Amazon if there is none. Threads wait for the one that asks.

        Raises `ConsentRevoked`, `LoginRefused`, `Throttled`, `Unwell`, `NoAnswer` or `BadAnswer`, all with the
        operation `LOGIN`, and what `before_call` raises, which is called before the network is.
        """
        cached = self._cached
        with cached.lock:
            if cached.token is None or cached.renew_at is None or now() >= cached.renew_at:

                def renew() -> FreshToken:
                    asked_at = now()
                    answer = self._exchange(before_call)
                    life = timedelta(seconds=answer.expires_in)
                    return FreshToken(answer.access_token, asked_at + life - min(_LONGEST_MARGIN, life / 10))

                if self._store is None:
                    fresh = renew()
                else:
                    before_call()  # its transactions must not meet one of the caller's either
                    fresh = self._store.fetch(self._name, renew)
                cached.token, cached.renew_at = fresh.token, fresh.renew_at
            return cached.token

    def invalidate(self, access_token: str | None = None) -> None:
        """Forgets the token, or this one only: another thread may have fetched a new one meanwhile."""
        with self._cached.lock:
            refused = access_token or self._cached.token
            if refused == self._cached.token:
                self._cached.token = None
        if self._store is not None and refused is not None:
            self._store.forget(self._name, refused)

    def _exchange(self, before_call: Callable[[], None]) -> _TokenAnswer:
        reply = _post(self._url, self._form, self._timeout, before_call)
        return read_model(LOGIN, _TokenAnswer, reply.body, status=reply.status, request_id=reply.request_id)


class Login(_AccessTokens):
    """One seller's consent to one application. All instances of a process with the same credentials share the token.

    `url` is the token endpoint, `https://api.amazon.com/auth/o2/token` in all regions.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        *,
        timeout: wire.Timeout = (5, 20),
        store: TokenStore | None = None,
    ) -> None:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        super().__init__(url, form, timeout, store)


class GrantlessLogin(_AccessTokens):
    """The application itself, without any seller: for the operations that are `grantless`, and for no other.

    `url` is as for `Login`; `scope` is what the token is good for. `ConsentRevoked` cannot come of it.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str = NOTIFICATIONS_SCOPE,
        timeout: wire.Timeout = (5, 20),
        store: TokenStore | None = None,
    ) -> None:
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        super().__init__(url, form, timeout, store)


def exchange_code(
    url: str,
    client_id: str,
    client_secret: str,
    code: str,
    redirect_uri: str,
    *,
    before_call: Callable[[], None],
    timeout: wire.Timeout = (5, 20),
) -> str:
    """The seller's refresh token for the `spapi_oauth_code` that came back with him, which is good once, for 5 minutes.

    `url` is as for `Login`; `redirect_uri` the address that the code was asked for with. Raises as `access_token` does;
    `ConsentRevoked` means that the code is used, too old, or another application's.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": client_id,
        "client_secret": client_secret,
    }
    reply = _post(url, form, timeout, before_call)
    return read_model(LOGIN, _CodeAnswer, reply.body, status=reply.status, request_id=reply.request_id).refresh_token


def _post(url: str, form: Mapping[str, str], timeout: wire.Timeout, before_call: Callable[[], None]) -> wire.Reply:
    reply = wire.send(
        LOGIN,
        "POST",
        url,
        headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8", "Accept": "application/json"},
        body=urlencode(form).encode(),
        timeout=timeout,
        before_call=before_call,
    )
    if not reply.ok:
        raise _error_for(reply, [form[name] for name in _SECRET if form.get(name)])
    return reply


def _error_for(reply: wire.Reply, secrets: list[str]) -> AmazonError:
    """The error that RFC 6749 section 5.2 (`error`, `error_description`) tells, or the status alone.

    Its words are shown and logged: what was sent in secret and comes back in them is left out.
    """
    try:
        content = read_json(LOGIN, reply.body, status=reply.status, request_id=reply.request_id)
    except BadAnswer:
        content = None
    told = content if isinstance(content, dict) else {}
    code, message = str(told.get("error") or ""), str(told.get("error_description") or "")
    for secret in secrets:
        code, message = code.replace(secret, "…"), message.replace(secret, "…")
    kind: type[AmazonError]
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = Throttled
    elif reply.status < HTTPStatus.BAD_REQUEST:
        kind = BadAnswer
    elif reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or code not in _REFUSALS:
        kind = Unwell  # a proxy's page, not Amazon's word: the secret and the consent are as good as before
    else:
        kind = ConsentRevoked if code == "invalid_grant" else LoginRefused
    message = (message or f"Amazon's login answered {reply.status}")[:500]
    return kind(LOGIN, message, status=reply.status, code=code or None, request_id=reply.request_id)
