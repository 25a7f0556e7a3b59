"""A mail server that is away, slow to take or refuses; a reporter that dies, or is not alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from orderbridge.accounts.attentions import MAIL_REFUSED, ROLE_MISSING, SAME_SELLER
from orderbridge.mail.delivery import NotDelivered, deliver
from orderbridge.telemetry import MAILS
from schemas.accounts import AccountAttention
from schemas.imports import ImportFinished
from schemas.mails import MailDue
from services.reporter import app as reporter
from services.reporter import sending
from services.reporter.sending import CLAIM
from tests.integration.reporter.conftest import Start
from tests.parts.in_process import ACCOUNT, Killed
from tests.parts.mailing_system import SELLER, MailingSystem, mails_waiting
from tests.parts.patience import PATIENCE

HOUR = 3600
IMPORTED = f"Amazon orders: 1 imported ({ACCOUNT})"


def counted(outcome: str) -> float:
    return float(MAILS.labels(outcome)._value.get())


def test_a_server_that_is_away_delays_mails_and_blocks_nothing(anywhere: MailingSystem) -> None:
    system = anywhere
    system.server.stop()
    failed, sent = counted("failed"), counted("sent")
    system.imported(count=1)
    system.trouble(SAME_SELLER)
    assert len(system.events(ImportFinished)) == 1
    assert set(system.outcomes_of("import.finished")) == {"handled"}
    assert counted("failed") == failed + 1, "the second is not tried while the server is known to be away"
    system.advance(5 * HOUR)
    (order_id,) = system.imported(count=1)
    system.store_says(order_id=order_id)
    system.advance(120)
    assert system.packages(order_id), "shipments go their way"
    assert {row.state for row in system.rows()} == {"waiting"}
    assert mails_waiting(system.database) == len(system.rows()) == 3
    system.server.start()
    system.advance(HOUR)
    same_seller = f"Another account that is connected is the same seller ({ACCOUNT})"
    assert sorted(system.subjects()) == [IMPORTED, IMPORTED, same_seller]
    assert {row.state for row in system.rows()} == {"sent"}
    assert counted("sent") == sent + 3
    assert mails_waiting(system.database) == 0


def test_pauses_grow_to_an_hour(system: MailingSystem) -> None:
    system.server.stop()
    system.import_now()
    tries = [system.now]
    for _ in range(6):
        failures = system.rows()[0].failures
        while system.rows()[0].failures == failures:
            system.advance_to_next()
        tries.append(system.now)
    pauses = [(later - earlier) / timedelta(minutes=1) for earlier, later in pairwise(tries)]
    assert pauses == [1, 4, 16, 60, 60, 60]


def test_a_reporter_that_starts_tries_at_once(system: MailingSystem) -> None:
    system.server.stop()
    system.import_now()
    system.advance(3 * HOUR)
    system.server.start()
    system.advance(1)
    assert system.mails == []
    system.restart()
    system.run_until_idle()
    assert len(system.mails) == 1


def test_not_now_is_tried_again(anywhere: MailingSystem) -> None:
    system = anywhere
    system.server.to_recipient.append("450 4.2.1 greylisted, come again")
    system.server.to_mail.append("451 4.7.1 looking at it")
    system.import_now()
    assert (system.mails, system.rows()[0].answer) == ([], "450 4.2.1 greylisted, come again")
    system.advance(60)
    assert (system.mails, system.rows()[0].answer) == ([], "451 4.7.1 looking at it")
    system.advance(240)
    assert len(system.mails) == 1
    assert system.refused_addresses() == []


def test_an_address_that_is_refused_for_good_is_a_trouble_until_a_mail_goes_through(anywhere: MailingSystem) -> None:
    system = anywhere
    system.server.to_recipient.append("550 5.1.1 no such user")
    system.import_now()
    assert system.refused_addresses() == [f"The mail server takes no mail for {SELLER}: 550 5.1.1 no such user"]
    (told,) = system.events(AccountAttention)
    assert (told.trouble, told.ended_at) == (MAIL_REFUSED, None)
    system.advance(5 * HOUR)
    assert (system.server.tries, system.mails) == (1, []), "neither the mail nor the trouble is tried again"
    assert [row.state for row in system.rows()] == ["refused"]
    system.import_now()
    assert len(system.mails) == 1
    assert system.refused_addresses() == []
    assert [one.ended_at is None for one in system.events(AccountAttention)] == [True, False]
    assert system.outcomes_of("account.attention") == ["skipped", "skipped"]


def test_one_of_two_addresses_is_refused(start: Start) -> None:
    system = start(log_email="wrong@shop.com, right@shop.com")

    def only_right(_server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> Any:
        async def answer() -> str:
            if address.startswith("wrong"):
                return "550 5.1.1 no such user"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        return answer()

    system.server.handle_RCPT = only_right  # type: ignore[method-assign]  # the server finds it by its name
    for _ in range(3):
        system.import_now()
        assert len(system.refused_addresses()) == 1
        system.advance(HOUR)
    assert [mail["To"] for mail in system.mails] == ["right@shop.com"] * 3
    assert len(system.events(AccountAttention)) == 1, "it does not come and go with each mail of the other"
    system.set(log_email="right@shop.com")
    system.import_now()
    assert system.refused_addresses() == []


def test_mail_for_an_address_that_is_no_longer_wanted_is_dropped(system: MailingSystem) -> None:
    system.server.stop()
    system.import_now()
    system.set(log_email="other@shop.com")
    system.server.start()
    system.advance(HOUR)
    assert (system.mails, [row.state for row in system.rows()]) == ([], ["dropped"])


# --- a reporter that dies, or is not alone


@pytest.mark.parametrize("after_the_answer", [False, True])
def test_killed_in_a_delivery_it_goes_once_more(
    anywhere: MailingSystem, monkeypatch: pytest.MonkeyPatch, after_the_answer: bool
) -> None:
    system = anywhere

    def dies(*arguments: Any) -> str:
        if after_the_answer:
            deliver(*arguments)
        raise Killed

    monkeypatch.setattr(sending, "deliver", dies)
    with pytest.raises(Killed):
        system.import_now()
    monkeypatch.undo()
    system.restart()
    system.run_until_idle()
    assert len(system.mails) == after_the_answer, "the claim still holds"
    system.advance(CLAIM.total_seconds())
    assert len(system.mails) == after_the_answer + 1
    assert len({mail["Message-ID"] for mail in system.mails}) == 1
    system.advance(5 * HOUR)
    assert len(system.mails) == after_the_answer + 1
    assert [row.state for row in system.rows()] == ["sent"]


def test_two_reporters_at_once_send_one_mail(postgres_system: MailingSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    system = postgres_system
    system.server.stop()
    system.import_now()
    system.server.start()
    system.advance(59)
    system.clock.advance(1)
    due = MailDue(account_id=ACCOUNT, letter_id=system.rows()[0].letter_id).model_dump_json().encode()
    pipelines = [reporter.wire(system.settings, system.database).pipeline() for _ in range(4)]
    in_delivery, others_done = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> str:
        in_delivery.set()
        assert others_done.wait(20 * PATIENCE)
        return deliver(*arguments)

    monkeypatch.setattr(sending, "deliver", slow)
    originals = [system.produce("mail.due", due, key=b"main") for _ in pipelines]
    jobs: list[Callable[[], str]] = [
        lambda pipeline=pipeline, original=original: pipeline.process(original)  # type: ignore[misc]  # bound here
        for pipeline, original in zip(pipelines, originals, strict=True)
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        first = pool.submit(jobs[0])
        assert in_delivery.wait(20 * PATIENCE)
        rest = [pool.submit(job) for job in jobs[1:]]
        assert [future.result(30 * PATIENCE) for future in rest] == ["handled"] * 3
        others_done.set()
        assert first.result(30 * PATIENCE) == "handled"
    assert len(system.mails) == 1
    system.run_until_idle()
    system.advance(HOUR)
    assert len(system.mails) == 1
    assert [row.state for row in system.rows()] == ["sent"]


@pytest.mark.parametrize("taken", [True, False])
def test_the_same_event_read_by_another_meanwhile_sends_no_second_mail(
    anywhere: MailingSystem, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """Its partition has moved: the other sees the claim, and notes the event as handled."""
    system = anywhere
    system.server.stop()
    system.import_now()
    system.server.start()
    due = MailDue(account_id=ACCOUNT, letter_id=system.rows()[0].letter_id).model_dump_json().encode()
    system.clock.advance(60)
    original = system.produce("mail.due", due, key=b"main")
    system._queue.remove(original)
    others: list[str] = []

    def meanwhile(*arguments: Any) -> str:
        with ThreadPoolExecutor(1) as pool:
            other = reporter.wire(system.settings, system.database).pipeline()
            others.append(pool.submit(other.process, original).result(20 * PATIENCE))
        if not taken:
            raise NotDelivered("550 no such mailbox", refused=True)
        return deliver(*arguments)

    monkeypatch.setattr(sending, "deliver", meanwhile)
    assert system.pipelines["mail.due"].process(original) == "repeated"
    assert others == ["handled"]
    monkeypatch.undo()
    assert [row.state for row in system.rows()] == ["sent" if taken else "refused"]
    system.advance(HOUR)
    assert len(system.mails) == taken


def test_four_reporters_at_the_same_moment_send_one_mail(postgres_system: MailingSystem) -> None:
    system = postgres_system
    system.server.stop()
    system.import_now()
    system.server.start()
    system.clock.advance(60)
    due = MailDue(account_id=ACCOUNT, letter_id=system.rows()[0].letter_id).model_dump_json().encode()
    barrier = threading.Barrier(4)

    def process(original: Any) -> str:
        pipeline = reporter.wire(system.settings, system.database).pipeline()
        barrier.wait(10 * PATIENCE)
        return pipeline.process(original)

    with ThreadPoolExecutor(4) as pool:
        originals = [system.produce("mail.due", due, key=b"main") for _ in range(4)]
        assert list(pool.map(process, originals)) == ["handled"] * 4
    system.advance(HOUR)
    assert len(system.mails) == 1


def test_what_comes_while_a_mail_is_on_its_way_goes_in_the_next(
    anywhere: MailingSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = anywhere
    told: list[Any] = []

    def meanwhile(*arguments: Any) -> str:
        if not told:
            told.append(system.now)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(another).result(20 * PATIENCE)
        return deliver(*arguments)

    def another() -> None:
        attention = AccountAttention(
            account_id=ACCOUNT, trouble=ROLE_MISSING, message="Another.", what_to_do="", since=system.now
        )
        original = system.produce("account.attention", attention.model_dump_json().encode(), key=b"main")
        system._queue.remove(original)
        assert system.pipelines["account.attention"].process(original) == "handled"

    monkeypatch.setattr(sending, "deliver", meanwhile)
    system.trouble(ROLE_MISSING)
    assert len(system.mails) == 1
    system.advance(HOUR - 1)
    assert len(system.mails) == 1
    system.advance(1)
    assert len(system.mails) == 2
