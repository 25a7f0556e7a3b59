"""`orderbridge settings`: shown in plain words, changed all or none, with help that teaches each by its name."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from orderbridge.accounts.mapping_attention import look_at_mappings
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import keep_options
from orderbridge.database.models import Account, AccountState, OutboxRow
from orderbridge.database.unit_of_work import Database
from schemas.accounts import PaymentType, StatusOption, StoreOptions
from schemas.orders import Choice
from tests.parts.command_line import Command

OPTIONS = StoreOptions(
    account_id="main",
    statuses=(StatusOption(id="10", name="Fresh", kind="new"), StatusOption(id="11", name="Shipped")),
    payment_types=(PaymentType(id="7", name="Bank", kind="offline"),),
    shipping_methods=(Choice(id="3", name="Priority"),),
)


def publish(database: Database) -> None:
    with database.unit_of_work() as work:
        keep_options(work, OPTIONS, work.now)


def test_settings_are_changed_and_told(command: Command, account: str, database: Database) -> None:
    result = command("settings", "set", account, "import_every_minutes=15", "invoice_number_prefix=A-", "--json")
    changed = json.loads(result.stdout)
    assert (changed["import_every_minutes"], changed["invoice_number_prefix"]) == (15, "A-")
    shown = json.loads(command("settings", "show", account, "--json").stdout)
    assert shown == {**changed, "last_order_imported": None, "last_script_run": None}
    with database.unit_of_work() as work:
        assert work.session.scalars(select(OutboxRow.topic)).all() == []
    command("settings", "set", account, "exclude_from_sales_reports=on")
    with database.unit_of_work() as work:
        (row,) = work.session.scalars(select(OutboxRow))
    told = json.loads(row.body)
    assert (row.topic, told["connected"], told["exclude_from_sales_reports"]) == ("account.settings", True, True)


def test_they_are_shown_by_the_manuals_names(command: Command, account: str, database: Database) -> None:
    command("settings", "set", account, "payment_types.CreditCard=14:Cards", "skip_placed_before=2026-11-01")
    with database.unit_of_work() as work:
        work.session.add(AccountState(account_id=account, last_order_id="114-1", last_run_at=work.now))
    lines = command("settings", "show").stdout.splitlines()
    for field in AccountSettings.model_fields.values():
        assert any(line.startswith(f"{field.title} ") for line in lines), field.title
    text = {
        line.split("  ")[0].strip(): " ".join(line.replace("│", " ").split())
        for line in lines
        if not line.startswith(" ")
    }
    assert "status_merchant New (1)" in text["Order Status (Fulfilled by Merchant)"]
    assert text["Skip orders placed before"].endswith("2026-11-01 00:00 America/Los_Angeles *")
    assert "114-1" in text["Last Order Imported"]
    assert "Last Script Run" in text
    assert any("payment_types.CreditCard" in line and "Cards (14)" in line for line in lines)


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("enabled", "expected name=value"),
        ("enable=true", "there is no setting 'enable'"),
        ("enabled=perhaps", "enabled: expected true or false"),
        ("import_every_minutes=61", "import_every_minutes: expected 60, 30, 15 or 5 minutes"),
        ("import_every_minutes=1", "import_every_minutes: expected 60, 30, 15 or 5 minutes"),
        ("time_zone=Mars", "expected an IANA time zone"),
        ("log_email=somebody", "log_email: expected an e-mail address"),
        ("import_from=2020-01-01", "Amazon keeps orders for two years"),
        ("status_merchant=Hold", "expected New (1), Unpaid (9)"),
        ("status_fba=Elsewhere", "the store has no 'Elsewhere' among its order queues"),
        ("skip_marketplaces=DE", "DE is no marketplace of this account; it has US (ATVPDKIKX0DER)"),
        ("invoice_number_prefix=a b", "invoice_number_prefix: "),
        ("status_fba.x=1", "there is no setting 'status_fba.x'"),
        ("import_fba=true", "it stands there twice"),
        (
            "carrier_mapping.dhl=DHLL",
            "carrier_mapping.dhl: 'DHLL' is none of Amazon's carrier codes; nearest are DHL, ",
        ),
        ("carrier_mapping.!!=DHL", "carrier_mapping.!!: expected what the store calls the carrier"),
        ("carrier_mapping=DHL", "carrier_mapping: expected carrier_mapping.SPELLING=CODE"),
    ],
)
def test_a_wrong_setting_is_wrong_usage(
    command: Command, account: str, database: Database, assignment: str, told: str
) -> None:
    result = command("settings", "set", account, "import_fba=true", assignment)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    with database.unit_of_work() as work:
        assert '"import_fba":false' in work.session.get_one(Account, account).settings


def test_all_problems_are_told_at_once(command: Command, account: str) -> None:
    result = command("settings", "set", account, "enabled=perhaps", "oops", "time_zone=Mars", "wrong=1")
    assert result.exit_code == 2
    for told in ("enabled: ", "'oops': ", "time_zone: ", "wrong: "):
        assert told in result.stderr


def test_a_word_that_amazon_does_not_document_is_kept_with_a_note(command: Command, account: str) -> None:
    result = command("settings", "set", account, "shipping_methods.DRONE=3", "skip_programs=NEW_ONE", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["shipping_methods"] == {"DRONE": {"id": "3", "name": "3"}}
    assert "Note: shipping_methods.DRONE: Amazon's documents have no such word" in result.stderr
    assert "Note: skip_programs: " in result.stderr
    assert command("settings", "set", account, "import_every_minutes=15").stderr == "", "it was said when it was set"


def test_amazons_words_are_taken_in_small_letters_and_large(command: Command, account: str) -> None:
    lines = ("shipping_methods.Expedited=3", 'payment_types={"creditcard": "14"}', "shipping_methods.DRONE=4")
    assert command("settings", "set", account, *lines).exit_code == 0
    settings = json.loads(command("settings", "set", account, "shipping_methods.drone=5", "--json").stdout)
    ids = {key: method["id"] for key, method in settings["shipping_methods"].items()}
    assert ids == {"EXPEDITED": "3", "DRONE": "5"}
    assert list(settings["payment_types"]) == ["CreditCard"]
    settings = json.loads(command("settings", "set", account, "shipping_methods.expedited=", "--json").stdout)
    assert list(settings["shipping_methods"]) == ["DRONE"]


def test_that_no_log_is_mailed_without_a_mail_server_is_said(command: Command, account: str) -> None:
    told = command("settings", "set", account, "log_email=orders@example.com")
    assert (
        "Note: log_email is kept, but nothing is mailed until ORDERBRIDGE_SMTP_URL names a mail server." in told.stderr
    )
    assert "orders@example.com (nothing is mailed: no mail server is set)" in command("settings", "show").stdout
    server = {"ORDERBRIDGE_SMTP_URL": "smtp://127.0.0.1:2525"}
    assert command("settings", "set", account, "log_email=orders@example.com", env=server).stderr == ""
    assert "nothing is mailed" not in command("settings", "show", env=server).stdout


def test_json_is_taken_too(command: Command, account: str) -> None:
    result = command(
        "settings", "set", account, 'payment_types={"CreditCard": {"id": "14", "name": "Amazon"}}', "--json"
    )
    assert json.loads(result.stdout)["payment_types"] == {"CreditCard": {"id": "14", "name": "Amazon"}}
    assert command("settings", "set", account, "payment_types.CreditCard=").exit_code == 0
    assert json.loads(command("settings", "show", "--json").stdout)["payment_types"] == {}


def test_carriers_are_mapped_by_the_stores_spelling(command: Command, account: str) -> None:
    command("settings", "set", account, "carrier_mapping.dhl-paket=dhl", "carrier_mapping.U.P.S.=ups")
    result = command("settings", "set", account, "carrier_mapping.DHL Paket=dhl parcel uk", "--json")
    assert json.loads(result.stdout)["carrier_mapping"] == {"U.P.S.": "UPS", "DHL Paket": "DHL Parcel UK"}
    (line,) = [line for line in command("settings", "show").stdout.splitlines() if "carrier_mapping.DHL Paket" in line]
    assert "DHL Parcel UK" in line
    command("settings", "set", account, "carrier_mapping.dhlpaket=")
    assert json.loads(command("settings", "show", "--json").stdout)["carrier_mapping"] == {"U.P.S.": "UPS"}
    command("settings", "set", account, 'carrier_mapping={"Rider": "Other"}')
    assert json.loads(command("settings", "show", "--json").stdout)["carrier_mapping"] == {"Rider": "Other"}
    command("settings", "set", account, "carrier_mapping=null")
    assert json.loads(command("settings", "show", "--json").stdout)["carrier_mapping"] == {}


def test_the_help_teaches_each_setting(command: Command) -> None:
    text = " ".join(command("settings", "set", "--help").stdout.split())
    for field in AccountSettings.model_fields.values():
        assert str(field.title) in text
        assert str((field.examples or [""])[0]) in text


def test_options_say_where_they_came_from(command: Command, account: str, database: Database) -> None:
    told = json.loads(command("settings", "options", "--json").stdout)
    assert (told["source"], told["statuses"][0]) == ("manual", {"id": "1", "name": "New", "kind": "new"})
    assert "The store has not said what it offers" in command("settings", "options", account).stdout
    publish(database)
    assert json.loads(command("settings", "options", "--json").stdout)["source"] == "store"
    text = command("settings", "options").stdout
    assert "The store said so at " in text
    assert "Priority" in text


def test_a_mapping_that_is_gone_is_shown(command: Command, account: str, database: Database) -> None:
    command("settings", "set", account, "shipping_methods.STANDARD=9:Snail")
    publish(database)
    with database.unit_of_work() as work:
        look_at_mappings(
            work, account, AccountSettings.model_validate_json(work.session.get_one(Account, "main").settings)
        )
    text = command("settings", "show").stdout
    assert "The store no longer offers what is mapped to: " in text
    assert "shipping_methods.STANDARD: Snail (9)" in text


def test_an_account_that_is_not_there_is_no_wrong_usage(command: Command, database: Database) -> None:
    assert command("settings", "set", "other", "enabled=true").exit_code == 1
    assert command("settings", "show", "other", "--json").exit_code == 1
    assert command("settings", "options", "other").exit_code == 1
