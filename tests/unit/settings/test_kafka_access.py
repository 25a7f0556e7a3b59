"""Which of Kafka's settings go together: what cannot work is refused by name, with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from orderbridge.bus.client_options import client_options, librdkafka_options
from orderbridge.settings import BadSettings, load_settings
from tests.parts.certificates import Authority

USER = {"kafka_sasl_username": "shop", "kafka_sasl_password": "secret-of-shop"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kafka_security_protocol": "SASL_SSL"}, "KAFKA_SASL_USERNAME is not set"),
        ({"kafka_security_protocol": "SASL_SSL"}, "KAFKA_SASL_PASSWORD is not set"),
        ({"kafka_security_protocol": "SASL_PLAINTEXT", **USER, "kafka_sasl_password": None}, "KAFKA_SASL_PASSWORD is"),
        (USER, "KAFKA_SASL_USERNAME is set, but ORDERBRIDGE_KAFKA_SECURITY_PROTOCOL=PLAINTEXT knows no users"),
        ({"kafka_security_protocol": "SSL", **USER}, "KAFKA_SASL_PASSWORD is set, but"),
        ({"kafka_ca_file": "ca.pem"}, "KAFKA_CA_FILE is set, but ORDERBRIDGE_KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
        ({"kafka_security_protocol": "SSL", "kafka_ca_file": "ca.pem"}, "KAFKA_CA_FILE: cannot read ca.pem: No such"),
        ({"kafka_security_protocol": "SSL", "kafka_ca_file": "."}, "KAFKA_CA_FILE: cannot read .: Is a directory"),
        ({"kafka_security_protocol": "SSL", "kafka_certificate_file": "a"}, "KAFKA_CERTIFICATE_FILE: cannot read a"),
        ({"kafka_security_protocol": "TLS"}, "KAFKA_SECURITY_PROTOCOL: Input should be"),
    ],
)
def test_refused(given: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSettings, match=f"ORDERBRIDGE_{said}"):
        load_settings(**given)


def test_a_file_that_is_none_of_authorities(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(BadSettings, match="KAFKA_CA_FILE: there is no certificate in"):
        load_settings(kafka_security_protocol="SSL", kafka_ca_file=file)


def test_a_certificate_without_its_own_open_key(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.sign("shop")
    _, other = authority.sign("other")
    locked = tmp_path / "locked.key"
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"password")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    locked.write_bytes(private.private_bytes(*form, encryption))
    given: dict[str, Any] = {"kafka_security_protocol": "SSL", "kafka_ca_file": authority.certificate}
    for wrong in (None, other, locked):
        with pytest.raises(BadSettings, match="do not go together") as error:
            load_settings(**given, kafka_certificate_file=certificate, kafka_certificate_key_file=wrong)
        assert "KAFKA_CERTIFICATE_KEY_FILE names the key's file" in str(error.value)
    with pytest.raises(BadSettings, match="KEY_FILE is set without ORDERBRIDGE_KAFKA_CERTIFICATE_FILE"):
        load_settings(**given, kafka_certificate_key_file=key)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    for right in ((certificate, key), (both, None)):
        load_settings(**given, kafka_certificate_file=right[0], kafka_certificate_key_file=right[1])


def test_a_password_comes_from_a_file_and_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("secret-of-shop\n")
    monkeypatch.setenv("ORDERBRIDGE_KAFKA_SASL_PASSWORD_FILE", str(file))
    settings = load_settings(kafka_security_protocol="SASL_SSL", kafka_sasl_username="shop")
    assert "secret-of-shop" not in repr(settings)
    assert client_options(settings)["sasl_plain_password"] == "secret-of-shop"
    assert librdkafka_options(settings)["sasl.password"] == "secret-of-shop"


def test_host_names_are_verified(tmp_path: Path) -> None:
    context = client_options(load_settings(tmp_path, kafka_security_protocol="SSL"))["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


def test_the_embedded_broker_knows_nothing_of_it(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, kafka_embedded=True, kafka_security_protocol="SASL_SSL")
    assert client_options(settings).keys() == {"bootstrap_servers", "api_version"}
    assert librdkafka_options(settings).keys() == {"bootstrap.servers"}
