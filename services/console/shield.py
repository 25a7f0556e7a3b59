"""Around the whole app: foreign hosts and huge bodies stay out, and every answer carries the security headers."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.site import Site
from services.console.visit import Stop

LONGEST_BODY: Final = 256 * 1024
"""Bytes; the settings' form, the longest, has some 10,000."""
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then call the origin of our own forms "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_TRANSPORT = "max-age=31536000"


class Shield:
    """An ASGI app around another."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LONGEST_BODY:
                raise Stop(413, "This is too long", f"A form has at most {LONGEST_BODY} bytes. Nothing was changed.")
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
                if self._site.secure:
                    headers["Strict-Transport-Security"] = _TRANSPORT
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if not self._site.knows_host(host):
            text = f"The console is not at this address but at {self._site.origin} (ORDERBRIDGE_PUBLIC_URL).\n"
            await PlainTextResponse(text, 421)(scope, receive, guarded)
            return
        await self._app(scope, bounded, guarded)
