"""A real SMTP server (aiosmtpd) on loopback, which answers as a test wants, and certificates of our own."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import deque
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orderbridge.ports import free_port

LOGIN = ("bridge@shop.com", "s3cret/?")


class MailServer:
    """Takes mails into `mails`, unless `to_recipient` or `to_mail` have another answer next.

    `tls` is its certificate, offered by STARTTLS or, with `from_start`, spoken from the start; `login` is asked for.
    """

    def __init__(self, *, tls: Path | None = None, from_start: bool = False, login: bool = False) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str], bool]] = []
        """Of each mail: its sender, its recipients, and whether it came over TLS."""
        self.to_recipient: deque[str] = deque()
        self.to_mail: deque[str] = deque()
        self.hangs_up = False
        """Once it has a mail, says no goodbye."""
        self.tries = 0
        self._tls = _context(tls) if tls is not None else None
        self._from_start, self._login = from_start, login
        self._controller: Any = None

    def url(self, *, login: str = "", options: str = "") -> str:
        """What ORDERBRIDGE_SMTP_URL is for it."""
        return f"smtp{'s' if self._from_start else ''}://{login}127.0.0.1:{self.port}{options}"

    def start(self) -> None:
        """Listen, always at the same port."""
        options: dict[str, Any] = {"ssl_context": self._tls} if self._from_start else {"tls_context": self._tls}
        if self._login:
            options |= {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": not self._from_start}
        self._controller = _Controller(self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True, **options)
        self._controller.start()

    def stop(self) -> None:
        """Listen no more, once whoever is being served has gone."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def keep(self, folder: Path) -> None:
        """Write every mail into the folder: as it came, and its text and HTML decoded."""
        for number, mail in enumerate(self.mails):
            (folder / f"mail-{number}").write_bytes(mail.as_bytes() + (words(mail) + words(mail, "html")).encode())

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        """The answer to RCPT TO."""
        self.tries += 1
        if self.to_recipient:
            return self.to_recipient.popleft()
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """The answer to the mail."""
        if self.to_mail:
            return self.to_mail.popleft()
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos, self._from_start or session.ssl is not None))
        return f"250 2.0.0 queued as {len(self.mails)}"

    async def handle_QUIT(self, server: Any, _session: Any, _envelope: Any) -> str:
        """Goodbye, or not even that."""
        if self.hangs_up:
            server.transport.abort()
        return "221 2.0.0 Bye"


class _Controller(Controller):
    """Leaves no connection behind when it stops: what is collected open is a warning, in whatever test runs then."""

    _GOODBYE_SECONDS = 5.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._sessions: list[Any] = []

    def factory(self) -> Any:
        """The protocol of one connection."""
        session = super().factory()  # type: ignore[no-untyped-call]
        self._sessions.append(session)
        return session

    def stop(self, no_assert: bool = False) -> None:
        """Take nobody more, let the others end, hang up on those who do not."""
        asyncio.run_coroutine_threadsafe(self._see_off(), self.loop).result()
        super().stop(no_assert)

    async def _see_off(self) -> None:
        assert self.server is not None
        self.server.close()
        hang_up_at = self.loop.time() + self._GOODBYE_SECONDS
        while connected := [session.transport for session in self._sessions if session.transport is not None]:
            if self.loop.time() > hang_up_at:
                for transport in connected:
                    transport.abort()
            await asyncio.sleep(0.005)


def words(mail: EmailMessage, form: str = "plain") -> str:
    """The text of a mail, or its HTML."""
    part = mail.get_body((form,))
    assert part is not None
    return str(part.get_content())


def certificate(folder: Path, host: str = "127.0.0.1") -> Path:
    """A certificate that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


def _context(file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == LOGIN
    return AuthResult(success=right, handled=False)
