"""What is mailed, and when: each run's log as the account wants it, troubles at once and once an hour."""

from __future__ import annotations

import json

from orderbridge.accounts.attentions import ROLE_MISSING, SAME_SELLER
from schemas.accounts import AccountAttention
from schemas.failures import DeadLetter
from schemas.imports import ImportFinished
from schemas.shipments import ShipmentRejected
from tests.integration.reporter.conftest import Start
from tests.parts.canaries import Flock
from tests.parts.contract import EXAMPLES
from tests.parts.hand_clock import START
from tests.parts.in_process import ACCOUNT
from tests.parts.mail_server import words
from tests.parts.mailing_system import SELLER, MailingSystem, mails_waiting
from tests.parts.needles import word

HOUR = 3600
QUIET = f"Amazon orders: nothing new ({ACCOUNT})"


def refuse_shipments(system: MailingSystem, order_id: str, *trackings: str) -> None:
    """The store ships with no tracking number, which is refused."""
    for tracking in trackings:
        system.store_says(order_id=order_id, package_id=tracking, tracking_number=None)
    system.run_until_idle()


def test_an_import_ends_in_a_mail(anywhere: MailingSystem) -> None:
    system = anywhere
    first, second = system.imported(count=2)
    (mail,) = system.mails
    (run,) = system.events(ImportFinished)
    assert (mail["To"], mail["From"]) == (SELLER, "Shop <bridge@shop.com>")
    assert mail["Subject"] == f"Amazon orders: 2 imported ({ACCOUNT})"
    for form in ("plain", "html"):
        told = words(mail, form)
        assert f"https://bridge.shop.com/runs/{run.run_id}" in told
        assert f"https://bridge.shop.com/accounts/{ACCOUNT}/settings" in told
        assert first in told
        assert second in told
    totals = {order.order_id: order.totals.total for order in system.store.orders.values()}
    lines = [line for line in words(mail).splitlines() if line.startswith(first)]
    assert lines == [f"{first}  imported, New, {totals[first]} USD"]
    assert f'href="https://bridge.shop.com/orders/{first}"' in words(mail, "html")
    (row,) = system.rows()
    assert (row.state, row.recipient, row.about, row.answer) == (
        *("sent", SELLER, f"run:{run.run_id}"),
        "250 2.0.0 queued as 1",
    )


def test_a_run_without_news_is_mailed_too_as_the_manual_says(system: MailingSystem) -> None:
    system.import_now()
    system.advance(HOUR)
    system.import_now()
    assert system.subjects() == [QUIET, QUIET]


def test_each_address_gets_its_own(start: Start) -> None:
    system = start(log_email="a@shop.com, b@shop.com")
    system.import_now()
    assert sorted(mail["To"] for mail in system.mails) == ["a@shop.com", "b@shop.com"]
    assert len({row.event_id for row in system.rows()}) == 1
    assert [row.recipient for row in system.rows()] == ["a@shop.com", "b@shop.com"]


def test_the_same_event_again_is_not_mailed_again(system: MailingSystem) -> None:
    system.import_now()
    (run,) = system.events(ImportFinished)
    assert len(system.mails) == 1
    with system.database.unit_of_work() as work:
        work.post(run)  # the same log under another event's id is another mail of the same run
    system.run_until_idle()
    assert len(system.mails) == 2
    assert len({row.letter_id for row in system.rows()}) == 1


def test_only_when_something_happened(start: Start) -> None:
    system = start(send_log_when="when_something_happened")
    system.import_now()
    assert system.mails == []
    system.imported(count=1)
    assert system.subjects() == [f"Amazon orders: 1 imported ({ACCOUNT})"]


def test_one_a_day_after_midnight_there(start: Start) -> None:
    """START is 09:00 UTC, 01:00 in Los Angeles; its midnight is 08:00 UTC."""
    system = start(send_log_when="daily", time_zone="America/Los_Angeles")
    (first,) = system.imported(count=1)
    system.advance(5 * HOUR)
    (second,) = system.imported(count=1)
    system.advance((START - system.now).total_seconds() + 23 * HOUR)
    assert system.mails == []
    assert mails_waiting(system.database) == 0, "what waits for its day is not late"
    system.server.stop()
    system.advance(15 * 60)
    assert mails_waiting(system.database) == 2
    system.server.start()
    system.advance(60)
    (mail,) = system.mails
    assert mails_waiting(system.database) == 0
    assert mail["Subject"] == f"Amazon orders on 2026-11-24: 2 imported ({ACCOUNT})"
    assert {first, second} <= set(words(mail).split())
    runs = [run.run_id for run in system.events(ImportFinished)]
    assert len(runs) == 2
    assert all(f"https://bridge.shop.com/runs/{run_id}" in words(mail) for run_id in runs)
    system.advance(24 * HOUR)
    assert len(system.mails) == 1, "nothing ran on the second day"


def test_without_an_address_nothing_is_kept(start: Start) -> None:
    system = start(log_email=None)
    system.imported(count=1)
    system.trouble(ROLE_MISSING)
    assert (system.mails, system.rows()) == ([], [])
    system.set(log_email=SELLER)
    system.advance(HOUR)
    assert system.mails == [], "what was not wanted does not come later"
    assert set(system.outcomes_of("import.finished")) == {"skipped"}


# --- troubles


def test_a_trouble_is_told_at_once_and_once_an_hour(anywhere: MailingSystem) -> None:
    system = anywhere
    system.trouble(SAME_SELLER, "The seller of <b>other</b>.")
    (mail,) = system.mails
    assert mail["Subject"] == f"Another account that is connected is the same seller ({ACCOUNT})"
    assert "The seller of <b>other</b>." in words(mail)
    assert "What to do: Mend it." in words(mail)
    assert "The seller of &lt;b&gt;other&lt;/b&gt;." in words(mail, "html")
    for minute in range(1, 60):
        system.advance(60)
        system.trouble(SAME_SELLER, f"The seller of account {minute}.", another=True)
    assert len(system.mails) == 1
    system.trouble(ROLE_MISSING)
    assert len(system.mails) == 2, "another trouble has an hour of its own"
    system.advance(60)
    told = words(system.mails[2])
    assert system.mails[2]["Subject"] == system.mails[0]["Subject"]
    assert told.count("The seller of account") == 59
    assert "The seller of account 59." in told
    system.advance(5 * HOUR)
    assert len(system.mails) == 3
    assert {row.state for row in system.rows()} == {"sent"}


def test_the_end_of_a_trouble_is_told(system: MailingSystem) -> None:
    system.trouble(ROLE_MISSING)
    system.mended(ROLE_MISSING)
    assert len(system.mails) == 1
    system.advance(HOUR)
    assert len(system.mails) == 2
    assert str(system.mails[1]["Subject"]).startswith("Mended: ")
    assert "What to do" not in words(system.mails[1])


def test_refused_shipments_are_told_together(system: MailingSystem) -> None:
    (order_id,) = system.imported(count=1)
    system.mails.clear()
    refuse_shipments(system, order_id, "one")
    refuse_shipments(system, order_id, "two", "three")
    system.advance(HOUR)
    assert len(system.events(ShipmentRejected)) == 3
    assert system.subjects() == [
        f"A shipment was refused ({ACCOUNT})",
        f"2 shipments were refused ({ACCOUNT})",
    ]
    told = words(system.mails[0])
    (rejected, *_) = system.events(ShipmentRejected)
    assert rejected.message in told
    assert rejected.what_to_do in told
    assert f"https://bridge.shop.com/orders/{order_id}" in told


def test_a_refused_shipment_of_an_unknown_order_goes_to_the_only_account(system: MailingSystem) -> None:
    refuse_shipments(system, "114-0000000-0000000", "one")
    system.advance(600)
    assert [rejected.account_id for rejected in system.events(ShipmentRejected)] == [None]
    assert system.subjects() == [f"A shipment was refused ({ACCOUNT})"]


def test_an_order_that_has_not_shipped_is_told(system: MailingSystem) -> None:
    (order_id,) = system.imported(count=1)
    system.mails.clear()
    ship_by = system.store.orders[order_id].ship_by
    assert ship_by is not None
    system.advance((ship_by - system.now).total_seconds() - 6 * HOUR)
    (mail,) = system.mails
    assert mail["Subject"] == f"An order has not shipped ({ACCOUNT})"
    assert order_id in words(mail)


def test_no_old_news(system: MailingSystem) -> None:
    """A reporter that reads its topics from the beginning tells what stands, and what is of the last two days."""
    system.import_now()
    (run,) = system.events(ImportFinished)
    system.trouble(ROLE_MISSING)
    system.trouble(SAME_SELLER)
    (stands, ends) = system.events(AccountAttention)
    system.mended(SAME_SELLER)
    system.advance(49 * HOUR)
    system.mails.clear()
    for event in (run, stands, ends):
        body = event.model_dump_json(exclude_none=True).encode()
        system.produce(event.topic(), body, key=b"old", timestamp=START)
    system.run_until_idle()
    assert system.outcomes_of("import.finished")[-1] == "skipped"
    assert system.outcomes_of("account.attention")[-2:] == ["handled", "skipped"]
    assert len(system.mails) == 1


def test_a_trouble_that_is_no_code_is_a_dead_letter(anywhere: MailingSystem) -> None:
    """`make garbage` found it: PostgreSQL refused the row, which was taken for a bug of ours."""
    body = {**EXAMPLES["account.attention"], "account_id": ACCOUNT, "trouble": "x" * 200}
    anywhere.produce("account.attention", json.dumps(body).encode())
    anywhere.run_until_idle()
    (letter,) = anywhere.events(DeadLetter)
    assert letter.reason == "invalid"
    assert "trouble" in letter.message
    assert not anywhere.failures()


# --- no personal data


def test_no_mail_and_no_row_holds_personal_data(system: MailingSystem) -> None:
    """A canary in every personal field, another in each when it changes, and a refused shipment of each order."""
    flock = Flock()
    order_ids = system.place_orders(count=3)
    for order_id in order_ids:
        system.amazon.change_order(order_id, flock.plant)
    system.advance(180)
    system.import_now()
    for order_id in order_ids:
        system.amazon.change_order(order_id, flock.move)
        refuse_shipments(system, order_id, "one")
    system.advance(180)
    system.import_now()
    system.trouble(ROLE_MISSING)
    system.advance(40 * HOUR)
    told = [mail.as_bytes() + (words(mail) + words(mail, "html")).encode() for mail in system.mails]
    told += [row.body.encode() for row in system.rows()]
    kinds = {row.event_type for row in system.rows()}
    assert kinds == {"import.finished", "shipment.rejected", "shipment.due-soon", "account.attention"}
    assert all(any(order_id.encode() in text for text in told) for order_id in order_ids)  # what is there is found
    canaries = [word(number) for number in flock.kept | flock.dropped]
    assert len(canaries) > 100
    assert [canary for canary in canaries for text in told if canary.encode() in text] == []
