"""Keys as an operator writes them: 32 random bytes in base64url (RFC 4648 section 5)."""

from __future__ import annotations

import base64
import secrets

from joserfc.util import urlsafe_b64decode

KEY_BYTES = 32
"""A256GCM takes a key of exactly 256 bits (RFC 7518 section 5.3)."""


class InvalidKeyText(ValueError):
    """What stands in a variable for a key is not one. The message names the variable and never shows the text."""


def installation_key(text: str) -> bytes:
    """The 32 bytes of ``ORDERBRIDGE_VAULT_KEY``. Raises `InvalidKeyText`."""
    return key_from_text(text, "ORDERBRIDGE_VAULT_KEY")


def new_installation_key() -> str:
    """A fresh random key as text, 43 characters, for ``ORDERBRIDGE_VAULT_KEY`` or ``ORDERBRIDGE_SECRETS_KEY``."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).rstrip(b"=").decode("ascii")


def key_from_text(text: str, variable: str) -> bytes:
    """The 32 bytes that `text` writes in base64url, with or without padding; white space around it is ignored.

    Raises `InvalidKeyText`, which names `variable`.
    """
    stripped = text.strip()
    if not stripped:
        raise InvalidKeyText(f"{variable} is not set; `orderbridge init` writes a fresh one")
    try:
        key = urlsafe_b64decode(stripped.rstrip("=").encode("ascii"))
    except ValueError:
        # `from None`: a UnicodeEncodeError would carry the text.
        raise InvalidKeyText(f"{variable} is not base64url text of {KEY_BYTES} bytes") from None
    if len(key) != KEY_BYTES:
        raise InvalidKeyText(f"{variable} must hold {KEY_BYTES} bytes in base64url, but holds {len(key)}")
    return key
