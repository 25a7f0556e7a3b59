"""Stands before the sandbox and spoils some of what it answers."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.parts.garbage import Garbage

PAGES = (b"<html><body>502 Bad Gateway</body></html>", b"Service Unavailable", b"<?xml version='1.0'?><Error/>")
STATUSES = (200, 200, 200, 204, 400, 401, 403, 404, 413, 415, 429, 500, 502, 503, 507)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-amzn-ratelimit-limit", b"1e999"),
    (b"x-amzn-ratelimit-limit", b"-1"),
    (b"x-amzn-ratelimit-limit", b"0.0000000000000000000000001"),
    (b"x-amzn-ratelimit-limit", b"99999999999999999999"),
    (b"date", b"Mon, 99 Foo 99999 99:99:99 GMT"),
    (b"retry-after", b"-99999999999999999999"),
    (b"x-amzn-requestid", b"\xff" * 300),
    (b"content-type", b"text/html"),
)


class GarbledAmazon:
    """Before the app: of the answers the given share is spoilt, in body, status or headers; the effect stays."""

    def __init__(self, app: ASGIApp, seed: int, share: float) -> None:
        self._app = app
        self._garbage = Garbage(seed)
        self.share = share
        self.spoilt = 0
        self.last = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._garbage.chance.random() >= self.share:
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def keep(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        await self._app(scope, receive, keep)
        self.spoilt += 1
        status, headers, body = self._spoil(start["status"], list(start["headers"]), body)
        self.last = f"{scope['path']}: {status} {headers} {body[:300]!r}"
        bare = status in (204, 304)
        length = [] if bare else [(b"content-length", str(len(body)).encode())]
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
        await send({"type": "http.response.body", "body": b"" if bare else body})

    def _spoil(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        chance = self._garbage.chance
        kind = chance.random()
        if kind < 0.1:
            body = chance.choice(PAGES)
        elif kind < 0.9:
            body = self._text(body)
        if kind > 0.8:
            name, value = chance.choice(HEADERS)
            headers = [*((known, text) for known, text in headers if known != name), (name, value)]
        if chance.random() < 0.15:
            status = chance.choice(STATUSES)
        return status, headers, body

    def _text(self, body: bytes) -> bytes:
        try:
            content = json.loads(body)
        except ValueError:  # a report, or nothing at all
            at = self._garbage.chance.randrange(len(body) + 1)
            return body[:at] + self._garbage.chance.randbytes(3) + body[at + 9 :]
        return self._garbage.text(content)
