"""The one form in which anything is encrypted here: JWE compact (RFC 7516), ``alg`` ``dir``, ``enc`` ``A256GCM``.

A token is opened only if its protected header is, byte for byte, the one that we would write for what is expected.
So nothing in a header is ever interpreted: no other algorithm, no compression, no key that the token brings along.
"""

from __future__ import annotations

from typing import cast

from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, decrypt_compact, encrypt_compact
from joserfc.jwk import OctKey
from joserfc.registry import HeaderParameter
from joserfc.util import json_b64decode, json_b64encode

MAX_TOKEN_CHARACTERS = 16 * 1024
MAX_HEADER_CHARACTERS = 1024
"""joserfc's own bound too (``JWERegistry.max_protected_header_length``)."""
MAX_PAYLOAD_BYTES = 11_000
"""With the longest header, what this makes stays below `MAX_TOKEN_CHARACTERS`."""

_ALGORITHMS = {"alg": "dir", "enc": "A256GCM"}
# joserfc refuses header parameters that it was not told of. These are "private" names (RFC 7516 section 4.3).
_REGISTRY = JWERegistry(
    algorithms=list(_ALGORITHMS.values()),
    header_registry={
        "order_id": HeaderParameter("The order whose data is sealed", "str"),
        "purpose": HeaderParameter("What the secret is for", "str"),
    },
)


class PayloadTooLarge(ValueError):
    """More than `MAX_PAYLOAD_BYTES` were to be encrypted."""


class NotOpened(Exception):
    """A token that this key and these header values do not open: changed, cut short, or made for something else."""


def encrypt(payload: bytes, header: dict[str, str], key: bytes) -> str:
    """A token of `payload` under `key` (32 bytes), with `header` in clear text but authenticated.

    Raises `PayloadTooLarge`.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(f"{len(payload)} bytes to encrypt; at most {MAX_PAYLOAD_BYTES} fit")
    return encrypt_compact(_ALGORITHMS | header, payload, OctKey.import_key(key), registry=_REGISTRY)


def decrypt(token: str, header: dict[str, str], key: bytes) -> bytes:
    """What `encrypt` was given with the same `header` and `key`. Raises `NotOpened` for anything else."""
    require_header(token, header)
    try:
        opened = decrypt_compact(token, OctKey.import_key(key), registry=_REGISTRY)
    except (JoseError, ValueError) as error:
        raise NotOpened("it was changed, cut short, or made with another key") from error
    return cast(bytes, opened.plaintext)  # None only before decrypting


def require_header(token: str, header: dict[str, str]) -> None:
    """Raises `NotOpened` unless `token` has exactly the protected header that `encrypt` writes for `header`."""
    if _header_part(token) != json_b64encode(_ALGORITHMS | header):
        raise NotOpened("its header is not the expected one")


def unverified_kid(token: str) -> str:
    """The ``kid`` that `token` names, not yet authenticated: good for choosing the key, for nothing else.

    Raises `NotOpened` if there is none.
    """
    try:
        header = json_b64decode(_header_part(token))
    except (ValueError, RecursionError) as error:
        raise NotOpened("its header cannot be read") from error
    kid = header.get("kid") if isinstance(header, dict) else None
    if not isinstance(kid, str):
        raise NotOpened("its header names no key")
    return kid


def _header_part(token: str) -> bytes:
    """The protected header as it travels, in base64url."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise NotOpened(f"it is longer than {MAX_TOKEN_CHARACTERS} characters")
    part = token.partition(".")[0]
    if len(part) > MAX_HEADER_CHARACTERS or not token.isascii():
        raise NotOpened("it is not a token of ours")
    return part.encode("ascii")
