"""Kafka over TLS, or as a user: which of the settings go together, and the TLS that they ask for."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderbridge.settings import Settings

_PROTOCOL = "ORDERBRIDGE_KAFKA_SECURITY_PROTOCOL"
_USER, _PASSWORD = "ORDERBRIDGE_KAFKA_SASL_USERNAME", "ORDERBRIDGE_KAFKA_SASL_PASSWORD"
_CA, _CERTIFICATE = "ORDERBRIDGE_KAFKA_CA_FILE", "ORDERBRIDGE_KAFKA_CERTIFICATE_FILE"
_KEY = "ORDERBRIDGE_KAFKA_CERTIFICATE_KEY_FILE"


def uses_tls(settings: Settings) -> bool:
    """Whether the brokers are spoken to over TLS."""
    return settings.kafka_security_protocol in ("SSL", "SASL_SSL")


def uses_sasl(settings: Settings) -> bool:
    """Whether a user's name and password are shown to the brokers."""
    return settings.kafka_security_protocol in ("SASL_PLAINTEXT", "SASL_SSL")


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS 1.2 or newer; the brokers' certificates and their host names are verified.

    Raises OSError (ssl.SSLError is one) where a file is not there or not what it should be.
    """
    context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.kafka_certificate_file is not None:
        # Without a password given, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(settings.kafka_certificate_file, settings.kafka_certificate_key_file, password="")
    return context


def kafka_access_troubles(settings: Settings) -> list[str]:
    """What cannot work, a sentence each that names the variables and says what to do. The embedded broker has neither
    TLS nor users: with it nothing of this counts.
    """
    if settings.kafka_embedded:
        return []
    return [*_of_sasl(settings), *_of_tls(settings)]


def _of_sasl(settings: Settings) -> list[str]:
    protocol = settings.kafka_security_protocol
    given = {_USER: settings.kafka_sasl_username, _PASSWORD: settings.kafka_sasl_password}
    if uses_sasl(settings):
        return [
            f"{name} is not set, and {_PROTOCOL}={protocol} shows Kafka a user and a password. Set it."
            for name, value in given.items()
            if value is None
        ]
    return [
        f"{name} is set, but {_PROTOCOL}={protocol} knows no users. Set that to SASL_SSL, or unset {name}."
        for name, value in given.items()
        if value is not None
    ]


def _of_tls(settings: Settings) -> list[str]:
    protocol = settings.kafka_security_protocol
    files = {
        _CA: settings.kafka_ca_file,
        _CERTIFICATE: settings.kafka_certificate_file,
        _KEY: settings.kafka_certificate_key_file,
    }
    given = {name: path for name, path in files.items() if path is not None}
    if not uses_tls(settings):
        return [
            f"{name} is set, but {_PROTOCOL}={protocol} uses no TLS. Set that to SSL or SASL_SSL, or unset {name}."
            for name in given
        ]
    if unread := [f"{name}: cannot read {path}: {why}." for name, path in given.items() if (why := _unreadable(path))]:
        return unread
    if _KEY in given and _CERTIFICATE not in given:
        return [f"{_KEY} is set without {_CERTIFICATE}. Set both, or none."]
    try:
        ssl.create_default_context(cafile=settings.kafka_ca_file)
    except OSError:
        return [f"{_CA}: there is no certificate in {settings.kafka_ca_file}. It must be a PEM file of authorities."]
    try:
        tls_context(settings)
    except OSError as error:
        key = settings.kafka_certificate_key_file or settings.kafka_certificate_file
        return [
            f"{_CERTIFICATE}: {settings.kafka_certificate_file} and the key in {key} do not go together "
            f"({getattr(error, 'reason', None) or error}). Both must be PEM, the key its own and without a password; "
            f"{_KEY} names the key's file where the certificate's does not hold it."
        ]
    return []


def _unreadable(path: Path) -> str | None:
    try:
        path.open("rb").close()
    except OSError as error:
        return error.strerror
    return None
