"""Secrets that lie in the database, such as Amazon's refresh tokens, encrypted under ``ORDERBRIDGE_SECRETS_KEY``."""

from __future__ import annotations

from orderbridge.vault import jwe
from orderbridge.vault.keys import key_from_text


class SecretRefused(Exception):
    """The token is not a secret of this purpose under this key."""


class SecretsBox:
    """Encrypts and decrypts text. The purpose names the field, for instance ``refresh_token:main``.

    It is authenticated with the text, so that a token moved to another field or account does not open.
    """

    def __init__(self, key_text: str) -> None:
        """`key_text` is `ORDERBRIDGE_SECRETS_KEY`: 32 bytes in base64url. Raises `InvalidKeyText`."""
        self._key = key_from_text(key_text, "ORDERBRIDGE_SECRETS_KEY")

    def __repr__(self) -> str:
        return "SecretsBox(key hidden)"

    def encrypt(self, value: str, *, purpose: str) -> str:
        """`value` as a token for the database. Raises `PayloadTooLarge`, and ValueError for a purpose over 64 bytes."""
        if not purpose.isascii() or not 1 <= len(purpose) <= 64:
            raise ValueError("a purpose has 1 to 64 ASCII characters")
        return jwe.encrypt(value.encode("utf-8"), {"purpose": purpose}, self._key)

    def decrypt(self, token: str, *, purpose: str) -> str:
        """The value that was encrypted for this purpose. Raises `SecretRefused`."""
        try:
            return jwe.decrypt(token, {"purpose": purpose}, self._key).decode("utf-8")
        except jwe.NotOpened as error:
            raise SecretRefused(f"no secret for {purpose}: {error}; was ORDERBRIDGE_SECRETS_KEY changed?") from error
