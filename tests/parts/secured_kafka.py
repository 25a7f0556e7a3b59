"""Apache Kafka that asks who one is: users with passwords over TLS, certificates, and access control lists.

Its listener of `kafka.bootstrap_servers` has neither TLS nor users and may do all: the tests prepare and look by it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from orderbridge.bus.acl import ROLES
from orderbridge.ports import free_port
from tests.parts.certificates import Authority
from tests.parts.kafka import with_java

ADMIN = "orderbridge-admin"
"""May do all, as a user of either mechanism and as the name in a certificate."""
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
USERS = tuple(f"orderbridge-{role}" for role in ROLES)
"""Who may do nothing until lists say so."""
FOREIGNER = "foreigner"
_LOGIN = "org.apache.kafka.common.security"


def password_of(user: str) -> str:
    """Of a user of this Kafka alone."""
    return f"password-of-{user}"


class SecuredKafka:
    """One broker of three listeners: `kafka`'s own, `sasl` (SASL_SSL) and `certificates` (SSL, both sides show one)."""

    def __init__(self) -> None:
        """Raises Missing without Java or Maven."""
        self.folder = Path(tempfile.mkdtemp(prefix="orderbridge-secured-"))
        try:
            self.authority = Authority(self.folder, "authority")
            certificate, key = self.authority.sign("broker", address="127.0.0.1")
            store = self.folder / "broker.pem"
            store.write_bytes(key.read_bytes() + certificate.read_bytes())
            sasl, certificates = free_port(), free_port()
            self.sasl, self.certificates = f"127.0.0.1:{sasl}", f"127.0.0.1:{certificates}"
            known = (ADMIN, *USERS, FOREIGNER)
            settings = {
                "listeners": f"SASL://{self.sasl},CERTIFICATES://{self.certificates}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,"
                "CERTIFICATES:SSL",
                "inter.broker.listener.name": "PLAINTEXT",
                "sasl.enabled.mechanisms": ",".join(MECHANISMS),
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(store),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.authority.certificate),
                "listener.name.certificates.ssl.client.auth": "required",
                "listener.name.certificates.ssl.principal.mapping.rules": "RULE:^CN=(.*?)$/$1/",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": f"User:ANONYMOUS;User:{ADMIN}",
                "listener.name.sasl.plain.sasl.jaas.config": f"{_LOGIN}.plain.PlainLoginModule required "
                + " ".join(f'user_{user}="{password_of(user)}"' for user in known)
                + ";",
            }
            scram = f"{_LOGIN}.scram.ScramLoginModule required;"
            settings |= {f"listener.name.sasl.{name.lower()}.sasl.jaas.config": scram for name in MECHANISMS[:2]}
            formatted_with = [
                argument
                for user in known
                for name in MECHANISMS[:2]
                for argument in ("--add-scram", f"{name}=[name={user},password={password_of(user)}]")
            ]
            self.kafka = with_java(more=settings, formatted_with=formatted_with)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def as_user(self, user: str = ADMIN, mechanism: str = "SCRAM-SHA-512") -> dict[str, Any]:
        """The settings of one who shows a password over TLS."""
        return {
            "kafka_bootstrap_servers": self.sasl,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": mechanism,
            "kafka_sasl_username": user,
            "kafka_sasl_password": password_of(user),
            "kafka_ca_file": str(self.authority.certificate),
        }

    def by_certificate(self, name: str = ADMIN) -> dict[str, Any]:
        """The settings of one who shows a certificate."""
        certificate, key = self.authority.sign(name)
        return {
            "kafka_bootstrap_servers": self.certificates,
            "kafka_security_protocol": "SSL",
            "kafka_ca_file": str(self.authority.certificate),
            "kafka_certificate_file": str(certificate),
            "kafka_certificate_key_file": str(key),
        }

    def close(self) -> None:
        """Ends the broker and deletes its data and keys."""
        self.kafka.close()
        shutil.rmtree(self.folder, ignore_errors=True)
