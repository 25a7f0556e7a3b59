"""What each Kafka client of ours is told: where the brokers are, and how they are spoken to.

kafka-python's for the relay, the store and the command line; librdkafka's for finding out what is wrong; Faust's are
made of the same in `faust_app.py`.
"""

from __future__ import annotations

from typing import Any

from orderbridge.kafka_access import tls_context, uses_sasl, uses_tls
from orderbridge.settings import Settings

PATIENCE_MS = 10_000
"""How long a command waits for its first answer."""


def client_options(settings: Settings) -> dict[str, Any]:
    """What every kafka-python client of ours is told."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap_servers.split(",")}
    if settings.kafka_embedded:
        # librdkafka's broker answers no version request that kafka-python understands; it has no TLS and no users.
        return {**options, "api_version": (2, 3)}
    options["security_protocol"] = settings.kafka_security_protocol
    if uses_tls(settings):
        options["ssl_context"] = tls_context(settings)  # as it verifies the host's name, no other option is needed
    if uses_sasl(settings):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.need("kafka_sasl_password")
    return options


def librdkafka_options(settings: Settings) -> dict[str, Any]:
    """The same in librdkafka's words, in which kcat and most languages' clients have them."""
    options: dict[str, Any] = {"bootstrap.servers": settings.kafka_bootstrap_servers}
    if settings.kafka_embedded:
        return options
    options["security.protocol"] = settings.kafka_security_protocol
    if uses_tls(settings):
        files = {
            "ssl.ca.location": settings.kafka_ca_file,
            "ssl.certificate.location": settings.kafka_certificate_file,
            "ssl.key.location": settings.kafka_certificate_key_file or settings.kafka_certificate_file,
        }
        options |= {name: str(path) for name, path in files.items() if path is not None}
    if uses_sasl(settings):
        options["sasl.mechanism"] = settings.kafka_sasl_mechanism
        options["sasl.username"] = settings.kafka_sasl_username
        options["sasl.password"] = settings.need("kafka_sasl_password")
    return options
