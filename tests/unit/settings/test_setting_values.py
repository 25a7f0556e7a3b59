"""What may be written for each setting, and what is refused, in which words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.setting_types import IMPORT_EVERY
from orderbridge.accounts.setting_values import (
    Circumstances,
    doubts,
    earliest_import,
    read_line,
    read_value,
    refuse_after_first_run,
)
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import MANUAL_OFFER, Offered, gone_mappings, with_store_words
from orderbridge.database.models import AccountState
from schemas.accounts import PaymentType, StatusOption
from schemas.orders import Choice

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
OWN = Offered(
    statuses=(
        StatusOption(id="a", name="Open", kind="new"),
        StatusOption(id="b", name="unpaid"),
        StatusOption(id="c", name="Gone"),
    ),
    payment_types=(
        PaymentType(id="7", name="Bank"),
        PaymentType(id="8", name="Twice"),
        PaymentType(id="9", name="Twice"),
    ),
    shipping_methods=(Choice(id="3", name="Priority"),),
    said_at=NOW,
    own_queues=True,
)
NEITHER = Offered(statuses=(StatusOption(id="x", name="Inbox"),))


def at(offered: Offered = MANUAL_OFFER, *, first_run: bool = False, time_zone: str = "Europe/Berlin") -> Circumstances:
    account = ConnectedAccount(
        account_id="main",
        marketplace_ids=("ATVPDKIKX0DER", "A1AM78C64UM0Y8"),
        settings=AccountSettings(time_zone=time_zone),
        connected_at=NOW,
        connected=True,
    )
    state = AccountState(account_id="main", first_run_at=NOW) if first_run else None
    return Circumstances(account, offered, state, NOW)


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("enabled", "ON", True),
        ("enabled", False, False),
        ("import_every_minutes", "15", 15),
        ("import_every_minutes", 5, 5),
        ("late_warning_hours", "1", 1),
        ("late_warning_hours", 72, 72),
        ("personal_data_clock", "Shipped", "shipped"),
        ("send_log_when", "Daily", "daily"),
        ("personal_data_days", "1", 1),
        ("personal_data_days", 30, 30),
        ("import_from", "2026-11-01", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("import_from", "2026-11-01T00:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)),
        ("import_from", "null", None),
        ("skip_placed_before", "", None),
        ("log_email", "a@shop.com,  b@shop.com", "a@shop.com, b@shop.com"),
        ("status_merchant", "unpaid", Choice(id="9", name="Unpaid")),
        ("status_merchant", "1", Choice(id="1", name="New")),
        ("status_pending", None, None),
        ("payment_type_default", "14:Amazon", Choice(id="14", name="Amazon")),
        ("payment_types", "", {}),
        ("shipping_methods", {"EXPEDITED": "3", "STANDARD": None}, {"EXPEDITED": Choice(id="3", name="3")}),
        ("skip_marketplaces", "mx", ("A1AM78C64UM0Y8",)),
        ("skip_programs", "prime, PRIME,premium", ("PRIME", "PREMIUM")),
        ("skip_programs", [], ()),
        ("invoice_number_prefix", "", ""),
        ("invoice_number_prefix_fba", "null", None),
    ],
)
def test_a_value_is_read_as_it_is_written(name: str, written: Any, value: Any) -> None:
    assert read_value(name, written, at()) == value


@pytest.mark.parametrize(
    ("name", "written", "offered", "told"),
    [
        ("status_merchant", "Gone", OWN, "'Gone' is none of the order queues .*expected Open \\(a\\), unpaid \\(b\\)"),
        ("status_merchant", "New", OWN, "the store has no 'New' among its order queues"),
        ("status_pending", "Open", OWN, "expected unpaid \\(b\\)"),
        ("payment_type_default", "14", OWN, "the store has no '14' among its payment options; expected Bank \\(7\\)"),
        ("payment_type_default", "Twice", OWN, "the name of several: give the id"),
        ("shipping_methods", "3", OWN, "expected shipping_methods.KEY=VALUE"),
        ("skip_marketplaces", "US,MX", OWN, "all marketplaces of this account"),
        ("skip_programs", "a b", OWN, "cannot be a program"),
        ("import_from", "2026-02-30", OWN, "there is no day"),
        ("import_from", "yesterday", OWN, "expected a day such as"),
        ("import_from", "2024-11-23", OWN, "expected 2024-11-24 or later"),
        ("log_email", "a@shop.com;b@shop.com", OWN, "expected an e-mail address"),
        ("late_warning_hours", "0", OWN, "expected 1 to 72 hours"),
        ("late_warning_hours", 73, OWN, "expected 1 to 72 hours"),
        ("late_warning_hours", "6 h", OWN, "expected 1 to 72 hours"),
        ("late_warning_hours", "null", OWN, "expected 1 to 72 hours"),
        ("personal_data_clock", "never", OWN, "expected placed, shipped or delivered"),
        ("send_log_when", "hourly", OWN, "expected every_run, when_something_happened or daily"),
        ("personal_data_clock", "null", OWN, "expected placed, shipped or delivered"),
        ("personal_data_days", "0", OWN, "expected 1 to 30 days"),
        ("personal_data_days", "30.5", OWN, "expected 1 to 30 days"),
        ("personal_data_days", 31, OWN, "no longer than 30 days after order delivery"),
        ("personal_data_days", "365", OWN, "expected 1 to 30 days"),
        ("status_fba", "null", OWN, "expected the id or the name"),
        ("enabled", "null", OWN, "expected true or false"),
    ],
)
def test_what_is_refused_says_what_was_expected(name: str, written: Any, offered: Offered, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_value(name, written, at(offered))


def test_a_store_with_neither_new_nor_unpaid_may_use_any_queue() -> None:
    assert read_value("status_merchant", "Inbox", at(NEITHER)) == Choice(id="x", name="Inbox")


def test_a_line_is_removed_by_nothing() -> None:
    assert read_line("payment_types", "CreditCard", " ", at(OWN)) is None
    assert read_line("payment_types", "CreditCard", "bank", at(OWN)) == Choice(id="7", name="Bank")
    with pytest.raises(ValueError, match="Amazon's words"):
        read_line("payment_types", "", "7", at(OWN))


def test_after_the_first_run_the_command_is_named() -> None:
    refuse_after_first_run(NOW, at())
    with pytest.raises(ValueError, match="`orderbridge import --account main --from 2026-11-24`"):
        refuse_after_first_run(NOW, at(first_run=True))


def test_a_leap_day_has_a_day_two_years_before() -> None:
    assert earliest_import(datetime(2028, 2, 29, 12, tzinfo=UTC), at().account).year == 2026


def test_doubts() -> None:
    settings = AccountSettings(payment_types={"Barter": Choice(id="1", name="1")}, import_from=NOW + timedelta(days=1))
    barter, ahead = doubts(settings, {"payment_types", "import_from"}, NOW, mails=True)
    assert "payment_types.Barter" in barter
    assert "lies ahead" in ahead
    assert doubts(settings, {"enabled"}, NOW, mails=True) == ()


@given(st.integers(-10, 1000))
def test_only_the_four_intervals_are_a_sellers(minutes: int) -> None:
    if minutes in IMPORT_EVERY:
        assert read_value("import_every_minutes", str(minutes), at()) == minutes
    else:
        with pytest.raises(ValueError, match="60, 30, 15 or 5"):
            read_value("import_every_minutes", str(minutes), at())


@given(
    st.dates(date(2024, 12, 1), date(2030, 1, 1)),
    st.sampled_from(["Asia/Tokyo", "UTC", "America/New_York"]),
)
def test_a_date_is_the_beginning_of_that_day_there(day: Any, zone: str) -> None:
    there = at(time_zone=zone)
    moment = read_value("import_from", day.isoformat(), there).astimezone(there.account.zone)
    assert (moment.date(), moment.hour, moment.minute) == (day, 0, 0)


ids = st.text("abc123", min_size=1, max_size=2)
queues = st.lists(
    st.builds(StatusOption, id=ids, name=st.sampled_from(["New", "Shipped", "Cancel", "Else"])),
    min_size=1,
    unique_by=lambda queue: queue.id,
)


@given(queues)
def test_words_are_refreshed_once_and_for_all_and_lead_somewhere(statuses: list[StatusOption]) -> None:
    offered = Offered(statuses=tuple(statuses))
    once = with_store_words(AccountSettings(), offered)
    assert with_store_words(once, offered) == once
    assert gone_mappings(once, offered) == gone_mappings(AccountSettings(), offered)
    if {"New", "Shipped", "Cancel"} <= {queue.name for queue in statuses}:
        assert gone_mappings(once, offered) == ()


def test_a_gone_queue_for_fba_matters_only_where_they_are_imported() -> None:
    offered = Offered(
        statuses=tuple(StatusOption(id=str(i), name=n) for i, n in enumerate(("New", "Shipped", "Cancel")))
    )
    assert gone_mappings(AccountSettings(), offered) == ()
    assert gone_mappings(AccountSettings(import_fba=True), offered) == ("status_fba: Processing (2)",)
