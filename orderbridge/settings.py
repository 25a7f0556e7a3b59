"""The environment, read here alone: every `ORDERBRIDGE_…` variable, its meaning and its default.

Each variable may come as `…_FILE` too, naming a file that holds the value (Docker secrets). What the environment does
not say is looked up in `.env` and in the file that `orderbridge up` keeps in its data folder, so that commands typed
beside a running `orderbridge up` find it.
"""

from __future__ import annotations

import os
import socket
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from orderbridge.bounded_files import read_file
from orderbridge.kafka_access import kafka_access_troubles

PREFIX = "ORDERBRIDGE_"
DATA_FOLDER = Path(".orderbridge")
ENVIRONMENT_FILE = "environment"
"""In the data folder: what `up` and `demo` tell the services and every command typed beside them."""
LARGEST_FILE = 64 * 1024
"""Bytes of a file of settings, and of one that holds a single value."""


class BadSettings(Exception):
    """A variable is missing or wrong; the message names it and says what was expected."""


class _FileSource(PydanticBaseSettingsSource):
    """`ORDERBRIDGE_X_FILE=/run/secrets/x` stands for `ORDERBRIDGE_X=<the file's text>`; an empty file sets nothing."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        return _read(f"{PREFIX}{field_name.upper()}_FILE: ", Path(path)).strip() or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,  # Docker Compose passes an unset variable on as an empty one
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: str = "sqlite:///.orderbridge/orderbridge.sqlite"
    """SQLAlchemy URL: `postgresql+psycopg://…`, or `sqlite:///FILE` on one machine."""
    database_password: SecretStr | None = None
    """The password in `database_url`, where that has none: so that it may come as a file of its own."""
    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,80}$")
    """Put before every topic's and consumer group's name, for a Kafka that already has an `order.shipped`."""
    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    """Kafka's brokers, `host:port`, several with commas."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How Kafka is spoken to: SSL is TLS, SASL a user with a password (docs/operations/kafka.md)."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How Kafka is shown the password."""
    kafka_sasl_username: str | None = None
    """Kafka's user: each service may have one of its own (`orderbridge topics acl`)."""
    kafka_sasl_password: SecretStr | None = None
    """The user's password."""
    kafka_ca_file: Path | None = None
    """PEM file of the authorities that may have signed the brokers' certificates; unset, those of this machine."""
    kafka_certificate_file: Path | None = None
    """PEM file of our own certificate, for brokers that know their clients by one."""
    kafka_certificate_key_file: Path | None = None
    """PEM file of its key, without a password; unset, it is in `kafka_certificate_file`."""
    kafka_embedded: bool = False
    """The broker is librdkafka's in-process one (`orderbridge up`)."""
    topic_partitions: int = Field(6, ge=1, le=1000)
    """Of each topic: as many processes of a service can work at once. More may be made later, never fewer."""
    topic_replication: int = Field(1, ge=1, le=9)
    """How many brokers keep each event: 3 in production."""
    topic_retention_days: int = Field(14, ge=1, le=30)
    """How long a store may be off without missing an event. Seals in topics are dead after 30 days anyway."""

    amazon_api_url: str | None = None
    """Of Selling Partner API; unset, it follows the account's region."""
    amazon_login_url: str | None = None
    """Of Login with Amazon; unset, Amazon's own."""
    seller_central_url: str | None = None
    """Of Seller Central; unset, it follows the marketplace."""
    amazon_client_id: str | None = None
    """Of the installation's application at Amazon. Unset, `orderbridge up` starts the sandbox."""
    amazon_client_secret: SecretStr | None = None
    """Its secret."""
    amazon_client_secret_expires: date | None = None
    """The day (YYYY-MM-DD) until which the secret must have been rotated: 180 days after it was made."""
    amazon_application_id: str | None = None
    """Of the application that sellers authorise in Seller Central (`amzn1.sp.solution.…`)."""
    amazon_application_draft: bool = False
    """True while Amazon lists the application as a draft: its consent page wants `version=beta` then."""
    sqs_url: str | None = None
    """Another endpoint than AWS's for the queues of Amazon's notifications: a private one, or a test's."""

    vault_key: SecretStr | None = None
    """The installation's key, under which the key ring lies encrypted."""
    vault_key_new: SecretStr | None = None
    """The key that is to take its place: for `orderbridge privacy rotate-key` alone."""
    key_ring: Path = DATA_FOLDER / "key-ring"
    """Folder of the keys of personal data. Keep it out of backups and snapshots."""
    key_ring_grid_seconds: int = Field(3600, ge=1, le=86400)
    """Distance between the moments at which keys die."""
    secrets_key: SecretStr | None = None
    """Encrypts Amazon's refresh tokens in the database."""

    api_host: str = "127.0.0.1"
    """Where the API listens; beyond loopback put a proxy with TLS before it."""
    api_port: int = Field(8403, ge=0, le=65535)
    """The API's port."""
    api_url: str | None = None
    """Where a store finds the API, for `orderbridge.store`."""
    api_token: SecretStr | None = None
    """A store's token (`orderbridge tokens create`)."""
    console_host: str = "127.0.0.1"
    """Where the console listens; beyond loopback put a proxy with TLS before it (docs/console.md)."""
    console_port: int = Field(8400, ge=0, le=65535)
    """The console's port."""
    console_plain_http: bool = False
    """Let the console be reached from other machines without TLS: passwords travel in the clear."""
    public_url: str = "http://127.0.0.1:8400"
    """The console's address as people type it; `https://…` behind a proxy. The links of the mails begin with it."""
    smtp_url: SecretStr | None = None
    """The mail server: `smtp://USER:PASSWORD@HOST:587`, or `smtps://…` for TLS from the start; unset, nothing is
    mailed (`orderbridge.mail.server`)."""
    mail_from: str | None = None
    """Who sends the mails: an address, or `Name <address>`; unset, the user of `smtp_url`."""
    log_format: Literal["console", "json"] = "console"
    """Log lines for people, or a JSON object each."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""
    health_host: str = "127.0.0.1"
    """Where a worker's health pages listen. They show no personal data and ask for no password."""
    health_port: int = Field(8410, ge=0, le=65535)
    """`/healthz`, `/readyz` and `/metrics` of a worker; 0 takes a free port."""
    storefront_host: str = "127.0.0.1"
    """Where the example store listens; it asks for no password."""
    storefront_port: int = Field(8401, ge=0, le=65535)
    """The example store's port."""
    storefront_database: Path = DATA_FOLDER / "storefront.sqlite"
    """The example store's own file."""

    instance: str | None = None
    """A stable name for this process among its like (Kafka's static membership): restarted within the session
    timeout it takes its partitions up again at once. Two processes must never share one. `{hostname}` in it stands for
    the machine's name, in a container the container's: copies of a service, set alike, have names of their own."""
    session_timeout_seconds: int = Field(10, ge=2, le=300)
    """How long Kafka waits for a silent worker before others take its partitions."""

    @field_validator("database_url")
    @classmethod
    def _of_a_database(cls, url: str) -> str:
        from sqlalchemy.engine import make_url  # not before: a store that names no database needs none
        from sqlalchemy.exc import ArgumentError

        try:
            known = make_url(url).drivername in ("postgresql+psycopg", "sqlite")
        except (ArgumentError, ValueError):  # their text quotes the URL, or a part of it
            known = False
        if not known:
            raise ValueError("expected postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE, or sqlite:///FILE")
        return url

    @field_validator("instance")
    @classmethod
    def _with_hostname(cls, instance: str | None) -> str | None:
        return instance and instance.replace("{hostname}", socket.gethostname())

    @model_validator(mode="before")
    @classmethod
    def _with_password(cls, values: dict[str, Any]) -> dict[str, Any]:
        url, password = values.get("database_url"), values.get("database_password")
        if url is None or password is None:
            return values
        text = password.get_secret_value() if isinstance(password, SecretStr) else str(password)
        return {**values, "database_url": with_password(str(url), text)}

    @property
    def key_ring_grid(self) -> timedelta:
        """Distance between the moments at which keys die."""
        return timedelta(seconds=self.key_ring_grid_seconds)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then `…_FILE`, then the files."""
        return init_settings, env_settings, _FileSource(settings_cls), dotenv_settings

    def need(self, name: str) -> Any:
        """The value of a setting that this process can't do without.

        Raises BadSettings, naming the variable, where it is unset.
        """
        value = getattr(self, name)
        if value is None:
            raise BadSettings(f"{PREFIX}{name.upper()} is not set. `orderbridge init` writes fresh secrets to .env.")
        return value.get_secret_value() if isinstance(value, SecretStr) else value


def with_password(url: str, password: str) -> str:
    """A database's URL with the password in it, unless it names no server, no user, or has a password already."""
    scheme, slashes, rest = url.partition("://")
    user, at, server = rest.partition("@")
    if not slashes or not at or ":" in user or "/" in user:
        return url
    return f"{scheme}://{user}:{quote(password, safe='')}@{server}"


def _read(who: str, path: Path) -> str:
    try:
        return read_file(path, LARGEST_FILE)
    except OSError as error:
        raise BadSettings(f"{who}cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:  # its text might quote the secret
        raise BadSettings(f"{who}cannot read {path}: it is no UTF-8 text") from None


def load_settings(data: Path = DATA_FOLDER, **overrides: Any) -> Settings:
    """Read the settings. Raises BadSettings naming each wrong variable and what was expected."""
    files = (Path(".env"), data / ENVIRONMENT_FILE)
    for file in files:
        if file.exists() and not file.is_dir():
            _read("", file)  # pydantic would read one of any size
    try:
        settings = Settings(_env_file=files, **overrides)
    except ValidationError as error:
        problems = [
            f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
        raise BadSettings("\n".join(problems)) from None
    if troubles := kafka_access_troubles(settings):
        raise BadSettings("\n".join(troubles))
    return settings


def contradicted(settings: Settings) -> list[str]:
    """The variables to which the environment itself (or a `…_FILE`) gives another value than `settings` has."""
    given = Settings(_env_file=None)
    return [
        f"{PREFIX}{name.upper()}"
        for name in sorted(given.model_fields_set)
        if getattr(given, name) != getattr(settings, name)
    ]
