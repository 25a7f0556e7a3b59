"""Tokens that carry their own content, signed: nothing to store, and they outlive a restart."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any


class SignedTokens:
    """Issues and reads tokens of several kinds under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, kind: str, claims: dict[str, Any]) -> str:
        """A URL-safe token for these claims (a JSON object)."""
        content = base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode().rstrip("=")
        return f"{content}.{self._signature(kind, content)}"

    def read(self, kind: str, token: str) -> dict[str, Any]:
        """The claims of a token; raises ValueError if it is not one of ours, or of another kind."""
        content, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(kind, content).encode()):
            raise ValueError("not a token of ours")
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
        return claims

    def _signature(self, kind: str, content: str) -> str:
        return hmac.new(self._key, f"{kind}:{content}".encode(), hashlib.sha256).hexdigest()[:32]
