"""The mail server as `ORDERBRIDGE_SMTP_URL` and `ORDERBRIDGE_MAIL_FROM` name it, read and checked.

- `smtp://HOST:587`: plain at first; STARTTLS (RFC 3207) where the server offers it, always with `?starttls=required`;
- `smtps://HOST:465`: TLS from the start (RFC 8314);
- `USER:PASSWORD@` before the host logs in. A password goes over TLS alone, or to this machine itself.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from email.utils import formataddr, getaddresses
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import EmailStr, TypeAdapter

from orderbridge.settings import BadSettings, Settings

_PORTS: Final = {"smtp": 587, "smtps": 465}
_ADDRESS: TypeAdapter[str] = TypeAdapter(EmailStr)
_URL: Final = "ORDERBRIDGE_SMTP_URL"
_EXPECTED: Final = (
    "expected smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465, without USER:PASSWORD@ where no login "
    "is needed"
)


@dataclass(frozen=True)
class MailServer:
    """Where mails are handed over, and in whose name. Its repr shows no password."""

    host: str
    port: int
    sender: str
    """The address alone, as the envelope has it."""
    sender_name: str = ""
    tls_from_start: bool = False
    starttls_required: bool = False
    """Send nothing where the server does not offer STARTTLS."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """For people: without its login."""
        return f"{self.host}:{self.port}"

    @property
    def from_header(self) -> str:
        """The sender as a reader sees it."""
        return formataddr((self.sender_name, self.sender))

    @property
    def domain(self) -> str:
        """The sender's domain, in ASCII."""
        return self.sender.rpartition("@")[2].encode("idna").decode()


def mail_server(settings: Settings) -> MailServer | None:
    """The mail server; None where none is set. Raises BadSettings saying what was expected, without any value."""
    if settings.smtp_url is None:
        return None
    try:
        url = urlsplit(settings.smtp_url.get_secret_value())
        port = url.port
    except ValueError:
        raise BadSettings(f"{_URL}: cannot be read: {_EXPECTED}.") from None
    if url.scheme not in _PORTS or not url.hostname or port == 0:
        raise BadSettings(f"{_URL}: {_EXPECTED}.")
    if url.path not in ("", "/") or url.fragment:
        raise BadSettings(
            f"{_URL}: something follows the host. Write / ? # @ in a password as %2F %3F %23 %40; {_EXPECTED}."
        )
    user, password = _login(url)
    name, address = _sender(settings, user)
    required = _starttls_required(url)
    in_clear = url.scheme == "smtp" and user is not None and not _is_this_machine(url.hostname)
    return MailServer(
        host=url.hostname,
        port=port or _PORTS[url.scheme],
        sender=address,
        sender_name=name,
        tls_from_start=url.scheme == "smtps",
        starttls_required=required or in_clear,
        user=user,
        password=password,
    )


def _login(url: SplitResult) -> tuple[str | None, str | None]:
    if url.username is None and url.password is None:
        return None, None
    if not url.username or not url.password:
        raise BadSettings(f"{_URL}: a login needs a user and a password; {_EXPECTED}.")
    return unquote(url.username), unquote(url.password)


def _starttls_required(url: SplitResult) -> bool:
    try:
        options = parse_qs(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
    except ValueError:
        options = {url.query: []}
    said = options.pop("starttls", ["offered"])
    if options or said not in (["required"], ["offered"]) or (url.query and url.scheme == "smtps"):
        raise BadSettings(f"{_URL}: after the ? only `starttls=required` may stand, and that with smtp:// alone.")
    return said == ["required"]


def _sender(settings: Settings, user: str | None) -> tuple[str, str]:
    given = settings.mail_from
    text = given if given is not None else user or ""
    try:
        [(name, address)] = getaddresses([text]) if text.isprintable() else []
        return name, _ADDRESS.validate_python(address)
    except ValueError:  # not one, or none that could be
        example = "such as orders@shop.com, or Our Shop <orders@shop.com>"
        if given is None:
            raise BadSettings(
                f"ORDERBRIDGE_MAIL_FROM is not set, and no address is the user of {_URL}: set it to who sends the "
                f"mails, {example}."
            ) from None
        raise BadSettings(f"ORDERBRIDGE_MAIL_FROM: expected an e-mail address {example}.") from None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
