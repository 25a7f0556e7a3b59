"""A mail's words: problems first, a line per order, nothing unescaped, and a text that can be read alone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.attentions import TROUBLES
from orderbridge.accounts.settings import AccountSettings
from orderbridge.console_links import ConsoleLinks
from orderbridge.settings import Settings
from orderbridge.skip_reasons import SKIP_REASONS
from schemas.accounts import AccountAttention
from schemas.base import Event
from schemas.imports import MOST_LINES, ImportCounts, ImportFinished, RunLine, SkippedBecause
from schemas.shipments import ShipmentDueSoon, ShipmentRejected
from services.reporter.letters import MOST_NOTES, Letter, write_letter
from services.reporter.taking import something_happened

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
LINKS = ConsoleLinks(Settings(public_url="https://bridge.shop.com"))
ACCOUNT = ConnectedAccount(
    account_id="main",
    marketplace_ids=("ATVPDKIKX0DER",),
    settings=AccountSettings(time_zone="Europe/Berlin"),
    connected_at=AT,
    connected=True,
)
EVIL = "<script>alert('x')</script> & \"so on\"\r\nBcc: everybody@example.com"


def letter(*events: Event, about: str = "run:r1") -> Letter:
    return write_letter([(event.event_type, event.model_dump_json()) for event in events], about, ACCOUNT, LINKS)


def run(run_id: str = "r1", **more: object) -> ImportFinished:
    values = {"counts": ImportCounts(), "amazon_calls": 1, **more}
    return ImportFinished(
        account_id="main", run_id=run_id, started_at=AT, finished_at=AT, updated_after=AT, **values  # type: ignore[arg-type]  # a test's words
    )  # fmt: skip


def line(order_id: str, **more: object) -> RunLine:
    return RunLine(order_id=order_id, did="imported", **more)  # type: ignore[arg-type]  # a test's words


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One more tag."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        """Some more text."""
        self.text += data


def test_problems_come_first_then_a_line_per_order() -> None:
    told = run(
        counts=ImportCounts(seen=4, imported=2, skipped=1, unreadable=1),
        problems=("Amazon refuses the marketplace MX. Look in Seller Central.",),
        skipped_because=(SkippedBecause(reason="fulfilled_by_amazon", orders=1),),
        waited_seconds=2.4,
        lines=(
            line("1-fine", status="New", total=Decimal("24.97"), currency="USD"),
            RunLine(order_id="2-skipped", did="skipped", reason="fulfilled_by_amazon"),
            line("3-unmapped", missing=("shipping: SCHEDULED",)),
            RunLine(order_id="4-broken", did="unreadable", problem="Its lines cannot be read."),
        ),
    )
    written = letter(told)
    assert written.subject == "Amazon orders: 2 problems, 2 imported, 1 unreadable (main)"
    assert written.text == (
        "Import of 2026-11-24 10:00 Europe/Berlin\n"
        "Account main\n"
        "\n"
        "THIS NEEDS SOMEBODY\n"
        "\n"
        "- Amazon refuses the marketplace MX. Look in Seller Central.\n"
        "\n"
        "4 orders read: 2 imported, 1 skipped, 1 unreadable. 1 call to Amazon, 2 s waited for Amazon.\n"
        "https://bridge.shop.com/runs/r1\n"
        "\n"
        "ORDERS\n"
        "\n"
        "4-broken  unreadable\n"
        "  PROBLEM: Its lines cannot be read.\n"
        "  https://bridge.shop.com/orders/4-broken\n"
        "3-unmapped  imported, no mapping for shipping: SCHEDULED\n"
        "1-fine  imported, New, 24.97 USD\n"
        f"2-skipped  skipped. {SKIP_REASONS['fulfilled_by_amazon']}\n"
        "\n"
        "SKIPPED\n"
        "\n"
        f"1: {SKIP_REASONS['fulfilled_by_amazon']}\n"
        "\n"
        "What is mailed, and when: https://bridge.shop.com/accounts/main/settings\n"
    )
    page = Page(written.html)
    places = [page.text.index(word) for word in ("marketplace MX", "4-broken", "3-unmapped", "1-fine", "2-skipped")]
    assert places == sorted(places)
    assert "https://bridge.shop.com/orders/1-fine" in page.links
    assert {link.split("/")[2] for link in page.links} == {"bridge.shop.com"}, "nothing is fetched from elsewhere"


def test_a_quiet_run() -> None:
    written = letter(run(kind="reconciliation"))
    assert written.subject == "Amazon orders: nothing new (main)"
    assert written.text == (
        "Comparison with Amazon's report of 2026-11-24 10:00 Europe/Berlin\n"
        "Account main\n"
        "\n"
        "0 orders read: none. 1 call to Amazon.\n"
        "https://bridge.shop.com/runs/r1\n"
        "\n"
        "What is mailed, and when: https://bridge.shop.com/accounts/main/settings\n"
    )


def test_a_day_sums_its_runs() -> None:
    first = run("r1", counts=ImportCounts(seen=2, imported=2), lines=(line("1"), line("2")), problems=("Same.",))
    second = run(
        "r2",
        counts=ImportCounts(seen=1, imported=1),
        lines=(line("3", problem="Look."),),
        problems=("Same.",),
        lines_left_out=7,
    )
    written = letter(first, second, about="day:2026-11-24")
    assert written.subject == "Amazon orders on 2026-11-24: 2 problems, 3 imported (main)"
    assert written.text.count("Same.") == 1
    assert written.text.index("3  imported") < written.text.index("1  imported")
    assert all(f"https://bridge.shop.com/runs/{one}" in written.text for one in ("r1", "r2"))
    assert "... and 7 more" in written.text
    assert "… and 7 more" in written.html


def test_a_mail_has_a_bounded_length() -> None:
    many = tuple(line(f"n{number}") for number in range(MOST_LINES))
    written = letter(run("r1", lines=many), run("r2", lines=many[:10]), about="day:2026-11-24")
    assert written.text.count("  imported") == MOST_LINES
    assert "... and 10 more" in written.text
    refused = [rejected(f"o{number}") for number in range(MOST_NOTES + 5)]
    written = letter(*refused, about="trouble:shipment_rejected")
    assert written.subject == f"{MOST_NOTES + 5} shipments were refused (main)"
    assert written.text.count("What to do: ") == MOST_NOTES
    assert "... and 5 more" in written.text


def rejected(order_id: str, **more: str) -> ShipmentRejected:
    words: dict[str, Any] = {"message": "Amazon refused the shipment.", "what_to_do": "Mend it.", **more}
    return ShipmentRejected(order_id=order_id, caused_by="e", reason="amazon_refused", **words)


def test_troubles_say_what_to_do() -> None:
    written = letter(rejected("o1", tracking_number="1Z1"), about="trouble:shipment_rejected")
    assert written.text.startswith(
        "A shipment was refused\n"
        "Account main\n"
        "\n"
        "Order o1, package 1Z1\n"
        "  Amazon refused the shipment.\n"
        "  What to do: Mend it.\n"
        "  https://bridge.shop.com/orders/o1\n"
    )
    late = ShipmentDueSoon(order_id="o1", account_id="main", why="It has not shipped.", what_to_do="Ship.", deadline=AT)
    assert letter(late, late.model_copy(update={"order_id": "o2"})).subject == "2 orders have not shipped (main)"
    assert letter(late, late).subject == "An order has not shipped (main)"


def test_each_trouble_has_a_subject_and_so_has_its_end() -> None:
    for trouble, meaning in TROUBLES.items():
        begins = AccountAttention(account_id="main", trouble=trouble, message="m", what_to_do="do", since=AT)
        ends = begins.model_copy(update={"ended_at": AT})
        assert letter(begins).subject == f"{meaning.rstrip('.')} (main)"
        assert letter(begins, ends).subject == f"Mended: {meaning.rstrip('.')} (main)"
        assert letter(ends).text.count("What to do: ") == 0
    assert letter(begins.model_copy(update={"trouble": "of_a_later_release"})).subject == "of_a_later_release (main)"


def test_what_a_store_or_amazon_says_is_no_markup_and_breaks_no_line() -> None:
    plain = Page(letter(run(problems=("x",), lines=(line("1", problem="x", note="x"),))).html)
    evil = letter(run(problems=(EVIL,), lines=(line(EVIL, problem=EVIL, note=EVIL, status=EVIL, missing=(EVIL,)),)))
    page = Page(evil.html)
    assert page.tags == plain.tags
    assert "alert('x')" in page.text
    assert not [text for text in evil.text.splitlines() if text.startswith("Bcc:")]
    trouble = letter(rejected("o1", message=EVIL, what_to_do=EVIL, tracking_number=EVIL))
    assert "script" not in Page(trouble.html).tags
    assert not [text for text in trouble.text.splitlines() if text.startswith("Bcc:")]


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_words_can_be_mailed(message: str, order_id: str) -> None:
    written = letter(rejected("o1", message=message, tracking_number=order_id))
    assert Page(written.html).tags == Page(letter(rejected("o1", tracking_number="x")).html).tags
    assert "\n" not in written.subject


def test_what_counts_as_something_happened() -> None:
    assert not something_happened(run())
    assert not something_happened(run(counts=ImportCounts(seen=3, unchanged=2, skipped=1)))
    assert something_happened(run(counts=ImportCounts(imported=1)))
    assert something_happened(run(counts=ImportCounts(updated=1)))
    assert something_happened(run(counts=ImportCounts(unreadable=1)))
    assert something_happened(run(problems=("x",)))
    assert something_happened(run(lines=(line("1", problem="x"),)))
    assert something_happened(run(lines=(line("1", missing=("shipping: X",)),)))
