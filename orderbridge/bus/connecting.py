"""Why Kafka cannot be reached, and what to do about it.

kafka-python and aiokafka try until their time is over and then know no more than that. librdkafka tells each refusal:
it is asked before an administration's work and a worker's start, and when one of the others has given up.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient
from kafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from orderbridge.bus.client_options import PATIENCE_MS, client_options, librdkafka_options
from orderbridge.kafka_access import tls_context
from orderbridge.settings import Settings
from orderbridge.waiting import ended_by_sigterm

log = structlog.get_logger()
_ASK_SECONDS = 3.0
_LONGEST_PAUSE = 15.0

_SASL = "ORDERBRIDGE_KAFKA_SASL_USERNAME, ORDERBRIDGE_KAFKA_SASL_PASSWORD and ORDERBRIDGE_KAFKA_SASL_MECHANISM"
_SERVERS, _PROTOCOL = "ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS", "ORDERBRIDGE_KAFKA_SECURITY_PROTOCOL"
_CA, _CERTIFICATE = "ORDERBRIDGE_KAFKA_CA_FILE", "ORDERBRIDGE_KAFKA_CERTIFICATE_FILE"
_KEY = "ORDERBRIDGE_KAFKA_CERTIFICATE_KEY_FILE"
_OTHER_HOST = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


@dataclass(frozen=True)
class Refusal:
    """Why, in a sentence, and what to do. `of_settings`: waiting will not mend it."""

    why: str
    what_to_do: str
    of_settings: bool = True

    def __str__(self) -> str:
        return f"{self.why} {self.what_to_do}"


class NotConnected(KafkaConnectionError):  # type: ignore[misc]  # kafka-python has no types
    """No broker lets us in: its `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def refusal(settings: Settings, *, seconds: float = _ASK_SECONDS) -> Refusal | None:
    """Connect once more and say why it fails, or None if a broker answers now. Takes about `seconds` at most."""
    said: list[Any] = []
    options: dict[str, Any] = {**librdkafka_options(settings), "error_cb": said.append, "log_level": 0}
    client = AdminClient(options)
    answer = client.describe_cluster(request_timeout=seconds)
    while not answer.done():
        client.poll(0.1)
        for error in said:
            found = _explained(error, settings)
            if found and found.of_settings:
                return found
    if answer.exception() is None:
        return None
    explained = [found for error in said if (found := _explained(error, settings))]
    return explained[-1] if explained else _away("it says nothing")


@contextmanager
def admin_client(settings: Settings) -> Iterator[Any]:
    """Kafka's administration. Raises NotConnected, a KafkaError, if no broker answers within ten seconds."""
    if found := refusal(settings, seconds=PATIENCE_MS / 1000):
        raise NotConnected(found)
    admin = KafkaAdminClient(**client_options(settings), bootstrap_timeout_ms=PATIENCE_MS)
    try:
        yield admin
    finally:
        admin.close()


def hidden_topics(settings: Settings, names: list[str]) -> list[str]:
    """Those of the topics that our user may not see. Kafka lists none of them: asked by name, it says so."""
    with admin_client(settings) as admin:
        described = admin.describe_topics(names)
    return [topic["name"] for topic in described if topic["error_code"] == TopicAuthorizationFailedError.errno]


def _hidden(settings: Settings, names: list[str]) -> Refusal | None:
    try:
        hidden = hidden_topics(settings, names) if names else []
    except NotConnected as error:
        return error.refusal
    if not hidden:
        return None
    return Refusal(f"Our user may not read {min(hidden)}.", "`orderbridge topics acl` says what it must be allowed.")


def wait_for_kafka(settings: Settings, tell: Callable[[str | None], object], *, reads: Iterable[str] = ()) -> None:
    """Return when a broker answers as the settings ask, and lets us see the topics in `reads`.

    Until then `tell` is told what it waits for, at last None. A process that would die of a wrong password would be
    started again and again: so it waits, says why once, and tries with growing pauses. SIGTERM ends it meanwhile. To be
    called from the main thread.
    """
    if settings.kafka_embedded:
        return
    pause, said = 0.5, ""
    with ended_by_sigterm():
        while (found := refusal(settings) or _hidden(settings, list(reads))) is not None:
            tell(f"Kafka: {found}")
            if found.why != said:
                (log.error if found.of_settings else log.warning)("waiting for Kafka", **asdict(found))
                said = found.why
            threading.Event().wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        tell(None)


def _explained(error: Any, settings: Settings) -> Refusal | None:
    """What librdkafka says (rdkafka_transport.c, rdkafka_ssl.c, rdkafka_sasl.c), in our variables."""
    code, text = error.code(), _plain(error.str())
    if code == KafkaError._AUTHENTICATION:
        return Refusal(f"It refuses the user: {text}.", f"Look at {_SASL}: does it know the user, with this password?")
    if code == KafkaError._SSL and (found := _refused_certificate(text, settings)):
        return found
    if "SSL alert" in text:
        return Refusal(
            f"It refuses our certificate: {text}.",
            f"Set {_CERTIFICATE} (and {_KEY}) to one that its ssl.truststore knows.",
        )
    if code == KafkaError._SSL or "listener?" in text:
        return Refusal(f"It speaks otherwise: {text}.", f"Is {_PROTOCOL} that of the listener in {_SERVERS}?")
    if code in (KafkaError._TRANSPORT, KafkaError._RESOLVE):
        return _away(text)
    return None


def _refused_certificate(text: str, settings: Settings) -> Refusal | None:
    """Why we do not trust the broker that `text` begins with: librdkafka says the same of any reason, Python it."""
    place = re.match(r"\w+://\[?([^/]+?)]?:(\d+)/", text)
    if place is None:
        return None
    host, port = place[1], int(place[2])
    try:
        with socket.create_connection((host, port), timeout=_ASK_SECONDS) as connection:
            tls_context(settings).wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        why = f"The certificate of {host}:{port} is not to be trusted: {error.verify_message.strip(chr(46))}."
        if error.verify_code in _OTHER_HOST:
            return Refusal(why, f"Name the brokers as it does, in {_SERVERS} and in Kafka's advertised.listeners.")
        return Refusal(why, f"{_CA} must name the PEM file of the authority that signed it.")
    except OSError:
        return None
    return None


def _away(text: str) -> Refusal:
    what_to_do = f"Is it up, and are {_SERVERS} and {_PROTOCOL} right?"
    return Refusal(f"It does not answer: {text}.", what_to_do, of_settings=False)


def _plain(text: str) -> str:
    """Without librdkafka's bookkeeping behind it."""
    return (text.rpartition(" (after")[0] or text).strip(" :.")
