"""The reporter on real Kafka, before a mail server that is dead for a while: nothing is lost or doubled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from orderbridge.accounts.amazon_words import SERVICE_LEVELS
from orderbridge.accounts.change_settings import change_settings
from orderbridge.database.models import InboxRow, Mail, OutboxRow
from schemas.imports import ImportFinished
from tests.parts.distributed_house import DistributedHouse
from tests.parts.kafka import Kafka
from tests.parts.mail_server import MailServer, words
from tests.parts.process import wait_until

SELLER = "seller@shop.com"
_RUN = re.compile(r"/runs/([A-Za-z0-9_-]+)")


class MailingHouse(DistributedHouse):
    """Its account has an address, and all that orders need to be no trouble, before the first worker starts."""

    def start_workers(self) -> None:
        """Say what the seller wants, then start."""
        mapped = {f"shipping_methods.{level}": "1:Standard" for level in SERVICE_LEVELS}
        with self.database.unit_of_work() as work:
            change_settings(work, "main", {"log_email": SELLER, **mapped})
        super().start_workers()

    def runs(self) -> list[str]:
        """The runs whose end was said, in their order."""
        with self.database.unit_of_work() as work:
            said = select(OutboxRow.body).where(OutboxRow.topic == "import.finished").order_by(OutboxRow.position)
            return [ImportFinished.model_validate_json(body).run_id for body in work.session.scalars(said)]

    def taken(self) -> int:
        """How many of them the reporter has taken."""
        with self.database.unit_of_work() as work:
            said = select(OutboxRow.event_id).where(OutboxRow.topic == "import.finished")
            mine = (InboxRow.consumer == "reporter", InboxRow.outcome == "handled", InboxRow.event_id.in_(said))
            return work.session.scalar(select(func.count()).select_from(InboxRow).where(*mine)) or 0

    def import_once_more(self) -> None:
        """An order is placed and a run is said to have ended."""
        before = len(self.runs())
        self.post(f"{self.sandbox}/_sandbox/orders", {"count": 1})
        self.import_now()
        self.wait_until(lambda: len(self.runs()) > before, "a run has ended")

    def mails(self) -> Counter[str]:
        """The marks, by their state."""
        with self.database.unit_of_work() as work:
            return Counter(work.session.scalars(select(Mail.state)))

    def failed(self) -> bool:
        """Whether a mail was tried in vain."""
        with self.database.unit_of_work() as work:
            return bool(work.session.scalar(select(func.count()).where(Mail.failures > 0)))

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Watch over the processes until it is so."""

        def holds() -> bool:
            self.watch()
            return bool(condition())

        wait_until(holds, seconds=100, what=what, interval=0.1)


@pytest.fixture
def house(
    kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path, server: MailServer
) -> Iterator[MailingHouse]:
    """Ticker, importer and reporter, each a process of its own."""
    workers = ("ticker", "importer", "reporter")
    house = MailingHouse(
        tmp_path, kafka.bootstrap_servers, postgres_url, topic_prefix, speed=60, workers=workers, store=False
    )
    house.environment |= {"ORDERBRIDGE_SMTP_URL": server.url(), "ORDERBRIDGE_MAIL_FROM": "bridge@shop.com"}
    try:
        house.start()
        yield house
    finally:
        house.close()


@pytest.mark.timeout(300)
def test_every_run_is_mailed_once_though_the_server_was_dead_and_the_reporter_killed(
    house: MailingHouse, server: MailServer
) -> None:
    house.import_once_more()
    house.wait_until(lambda: server.mails, "the first mail")
    server.stop()
    house.import_once_more()
    house.wait_until(house.failed, "a mail that does not go")
    house.import_once_more()
    house.wait_until(lambda: house.taken() == len(house.runs()), "the dead server blocks no event")
    house.kill("reporter")
    house.import_once_more()
    server.start()
    house.wait_until(lambda: house.taken() == len(house.runs()), "the killed reporter goes on")
    house.wait_until(lambda: set(house.mails()) == {"sent"}, "all mails are sent")
    told = Counter(run for mail in server.mails for run in set(_RUN.findall(words(mail))))
    assert told == Counter(house.runs())
    assert len(house.runs()) >= 4
    assert {mail["To"] for mail in server.mails} == {SELLER}
    assert len({mail["Message-ID"] for mail in server.mails}) == len(server.mails) == len(house.runs())
