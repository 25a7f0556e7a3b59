"""An installation without a mail server, and a mail to try one."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from orderbridge.accounts.attentions import ROLE_MISSING
from orderbridge.database.models import OutboxRow
from orderbridge.mail.trial import CannotMail, send_test_mail
from tests.integration.reporter.conftest import Start
from tests.parts.in_process import ACCOUNT
from tests.parts.mailing_system import MailingSystem

HOUR = 3600


def test_without_a_server_nothing_is_kept_or_tried(system: MailingSystem) -> None:
    system.settings = system.settings.model_copy(update={"smtp_url": None})
    system.restart()
    system.imported(count=1)
    system.trouble(ROLE_MISSING)
    assert system.rows() == []
    assert set(system.outcomes_of("import.finished") + system.outcomes_of("account.attention")) == {"skipped"}
    with system.database.unit_of_work() as work:
        planned = work.session.scalars(select(OutboxRow).where(OutboxRow.topic == "mail.due")).all()
    assert planned == []
    with pytest.raises(CannotMail, match="No mail server is set"):
        send_test_mail(system.settings, system.database, ACCOUNT)


def test_a_test_mail_ends_the_trouble(start: Start) -> None:
    system = start(log_email="a@shop.com, b@shop.com")
    system.server.to_recipient += ["550 5.1.1 no such user", "450 4.2.1 later"]
    refused, later = send_test_mail(system.settings, system.database, ACCOUNT)
    assert (refused.address, refused.taken, refused.answer) == ("a@shop.com", False, "550 5.1.1 no such user")
    assert (later.address, later.taken, later.answer) == ("b@shop.com", False, "450 4.2.1 later")
    assert len(system.refused_addresses()) == 1
    system.clock.advance(1)
    assert [one.taken for one in send_test_mail(system.settings, system.database, ACCOUNT)] == [True, True]
    assert system.refused_addresses() == []
    assert system.subjects() == [f"Test mail of Orderbridge ({ACCOUNT})"] * 2
    assert {row.state for row in system.rows()} == {"refused", "sent"}
    system.advance(HOUR)
    assert len(system.mails) == 2, "no row of a test is sent again"


def test_a_test_mail_without_an_address_or_an_account(start: Start) -> None:
    system = start(log_email=None)
    with pytest.raises(CannotMail, match="settings set main log_email="):
        send_test_mail(system.settings, system.database, ACCOUNT)
    with pytest.raises(LookupError):
        send_test_mail(system.settings, system.database, "nobody")
