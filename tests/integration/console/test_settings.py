"""The page of settings: by the rules of the command line, nothing lost of what was typed, and what changed is said."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from orderbridge.accounts import find_account
from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import keep_options
from orderbridge.database.models import Account, AccountState
from orderbridge.database.unit_of_work import Database
from schemas.accounts import PaymentType, StatusOption, StoreOptions
from schemas.orders import Choice
from tests.parts.console import ConsoleServer, Visitor

PAGE = "/accounts/main/settings"
US, CA, MX = "ATVPDKIKX0DER", "A2EUQ1WTGCTBG2", "A1AM78C64UM0Y8"


def settings(database: Database) -> AccountSettings:
    with database.unit_of_work() as work:
        found = find_account(work, "main")
    assert found is not None
    return found.settings


def publish(database: Database, **more: Any) -> None:
    options = StoreOptions(
        account_id="main",
        statuses=(StatusOption(id="10", name="Fresh", kind="new"), StatusOption(id="11", name="Shipped")),
        payment_types=(PaymentType(id="7", name="Bank", kind="offline"), PaymentType(id="14", name="Amazon")),
        shipping_methods=(Choice(id="3", name="Priority"),),
    )
    with database.unit_of_work() as work:
        keep_options(work, options.model_copy(update=more), work.now)


def shown(text: str) -> dict[str, str]:
    """Each field of the form as a browser would send it: texts, what is selected, boxes that are ticked."""
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", text):
        found = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if found.get("type") == "checkbox":
            if "checked" in tag:
                fields[found["name"]] = found["value"]
        elif "name" in found:
            fields[found["name"]] = found.get("value", "")
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', text, re.S):
        fields[name] = "".join(re.findall(r'value="([^"]*)" selected', options))
    return {html.unescape(name): html.unescape(value) for name, value in fields.items()}


def save(visitor: Visitor, **changes: Any) -> Any:
    """The whole form as it stands, with some fields filled in otherwise; None unticks a box."""
    fields: dict[str, Any] = dict(shown(visitor.get(PAGE).text))
    fields |= {name.replace("__", "."): value for name, value in changes.items()}
    return visitor.send(PAGE, {name: value for name, value in fields.items() if value is not None})


def test_every_setting_is_on_the_page_by_the_manuals_name(console: ConsoleServer, account: str) -> None:
    text = console.signed_in("anna").get(PAGE).text
    sections = re.findall(r'<h2 id="section-[0-9]+">([^<]+)</h2>', text)
    assert sections == [
        "Script Settings",
        "Order Mapping",
        "Order Settings",
        "Report Settings",
        "Shipping Mapping",
        "Beyond the manual",
    ]
    for name, field in AccountSettings.model_fields.items():
        assert html.escape(str(field.title), quote=False).replace("'", "&#39;") in text, name
        assert any(one.removeprefix("was.").partition(".")[0] == name for one in shown(text)) or name in (
            "carrier_mapping",  # without a line yet
        ), name
    assert "Last Order Imported" in text
    assert "Last Script Run" in text


def test_saved_as_it_stands_nothing_changes(console: ConsoleServer, account: str) -> None:
    visitor = console.signed_in("anna")
    answer = save(visitor)
    assert (answer.status_code, "Nothing was changed." in answer.text) == (200, True)
    with console.database.unit_of_work() as work:
        assert AccountSettings.model_validate_json(work.session.get_one(Account, "main").settings) == AccountSettings()
    publish(console.database)
    assert "Nothing was changed." in save(visitor).text


def test_what_changed_is_said_in_words(console: ConsoleServer, account: str) -> None:
    publish(console.database)
    answer = save(
        console.signed_in("anna"), enabled="true", shipping_methods__EXPEDITED="3", deduct_inventory_when_shipped=None
    )
    assert answer.status_code == 200
    said = [html.unescape(re.sub("<[^>]+>", "", one)) for one in re.findall(r"<li>(.*?→.*?)</li>", answer.text)]
    assert said == [
        "Enable Amazon Order: no → yes",
        "Deduct inventory when order is shipped: yes → no",
        "Shipping Mapping: EXPEDITED: none → Priority (3)",
    ]
    kept = settings(console.database)
    assert (kept.enabled, kept.deduct_inventory_when_shipped) == (True, False)
    assert kept.shipping_methods == {"EXPEDITED": Choice(id="3", name="Priority")}


def test_wrong_input_comes_back_with_its_message_and_nothing_is_lost(console: ConsoleServer, account: str) -> None:
    before = settings(console.database)
    wrong = {
        "log_email": "somebody",
        "time_zone": "Mars/Olympus",
        "personal_data_days": "31",
        "import_from": "1999-01-01",
        "invoice_number_prefix": "a b",
        "new__carrier_mapping__0__key": "dhl",
        "new__carrier_mapping__0__value": "DHLL",
        "new__payment_types__0__value": "14",
    }
    right = {"enabled": "true", "late_warning_hours": "12", "new__shipping_methods__0__key": "DRONE"}
    answer = save(console.signed_in("anna"), **wrong, **right, new__shipping_methods__0__value="9:Drone")
    assert answer.status_code == 422
    assert "Nothing was saved: 7 fields need another look" in answer.text
    for message in (
        "expected an e-mail address such as",
        "expected an IANA time zone",
        "no longer than 30 days after order delivery",
        "Amazon keeps orders for two years",
        "expected at most 20 letters",
        "is none of Amazon&#39;s carrier codes; nearest are DHL, ",
        "A line needs both",
    ):
        assert answer.text.count(message) == 1, message
    fields = shown(answer.text)
    for name, value in {**wrong, **right}.items():
        assert fields[name.replace("__", ".")] == value
    assert fields["new.shipping_methods.0.value"] == "9:Drone"
    assert settings(console.database) == before
    for name in ("log_email", "time_zone"):  # beside its field, and told to screen readers
        assert re.search(
            rf'id="{name}"[^>]*aria-describedby="{name}-hint {name}-problem"[^>]*aria-invalid', answer.text
        )


def test_mended_it_is_saved(console: ConsoleServer, account: str) -> None:
    visitor = console.signed_in("anna")
    text = save(visitor, enabled="true", time_zone="Mars/Olympus").text
    fields = shown(text) | {"time_zone": "Europe/Berlin"}
    answer = visitor.send(PAGE, fields)
    assert answer.text.count("→") == 2
    kept = settings(console.database)
    assert (kept.enabled, kept.time_zone) == (True, "Europe/Berlin")


def test_two_who_save_at_once_take_nothing_back_from_each_other(console: ConsoleServer, account: str) -> None:
    visitor = console.signed_in("anna")
    fields = shown(visitor.get(PAGE).text)
    with console.database.unit_of_work() as work:
        change_settings(work, "main", {"import_fba": "yes", "late_warning_hours": "24"})
    answer = visitor.send(PAGE, {**fields, "enabled": "true"})
    assert answer.text.count("→") == 1
    kept = settings(console.database)
    assert (kept.enabled, kept.import_fba, kept.late_warning_hours) == (True, True, 24)


def sells_in(database: Database, *marketplace_ids: str) -> None:
    """Amazon names these as the account's, as it may do otherwise at any time."""
    with database.unit_of_work() as work:
        work.session.get_one(Account, "main").marketplace_ids = json.dumps(marketplace_ids)


def boxes(visitor: Visitor, name: str) -> dict[str, bool]:
    """Those of a setting that takes several, each with whether it is ticked."""
    found = re.findall(rf'type="checkbox" name="{name}" value="([^"]*)"( checked)?', visitor.get(PAGE).text)
    return {value: bool(ticked) for value, ticked in found}


def test_the_order_of_a_list_is_no_change(console: ConsoleServer, account: str) -> None:
    sells_in(console.database, US, CA, MX)
    with console.database.unit_of_work() as work:
        change_settings(work, "main", {"skip_marketplaces": "MX,CA", "skip_programs": "PRIME,AMAZON_BUSINESS"})
    visitor = console.signed_in("anna")
    fields: dict[str, Any] = dict(shown(visitor.get(PAGE).text))
    for name in ("skip_marketplaces", "skip_programs"):
        fields[name] = [value for value, ticked in boxes(visitor, name).items() if ticked]
    assert fields["skip_marketplaces"] == [CA, MX], "as the boxes stand"
    with console.database.unit_of_work() as work:
        change_settings(work, "main", {"skip_marketplaces": "MX", "skip_programs": "PREORDER"})
    answer = visitor.send(PAGE, {**fields, "enabled": "true"})
    assert answer.text.count("→") == 1
    kept = settings(console.database)
    assert (kept.enabled, kept.skip_marketplaces, kept.skip_programs) == (True, (MX,), ("PREORDER",))


def test_a_marketplace_that_amazon_does_not_name_just_now_stays_skipped(console: ConsoleServer, account: str) -> None:
    sells_in(console.database, US, CA, MX)
    with console.database.unit_of_work() as work:
        change_settings(work, "main", {"skip_marketplaces": "MX"})
    sells_in(console.database, US, CA)
    visitor = console.signed_in("anna")
    assert boxes(visitor, "skip_marketplaces") == {US: False, CA: False, MX: True}
    assert "MX" in visitor.get(PAGE).text
    for changes, kept in (({"enabled": "true"}, (MX,)), ({"skip_marketplaces": [CA, MX]}, (MX, CA))):
        assert save(visitor, **changes).text.count("→") == 1
        assert settings(console.database).skip_marketplaces == kept
    save(visitor, skip_marketplaces=None)
    assert settings(console.database).skip_marketplaces == ()
    assert boxes(visitor, "skip_marketplaces") == {US: False, CA: False}
    assert save(visitor, skip_marketplaces=[MX]).status_code == 422, "it was taken out"


def test_a_line_of_a_mapping_is_removed_by_emptying_it(console: ConsoleServer, account: str) -> None:
    with console.database.unit_of_work() as work:
        change_settings(work, "main", {"carrier_mapping.dhl-paket": "DHL", "payment_types.CreditCard": "14:Cards"})
    visitor = console.signed_in("anna")
    assert shown(visitor.get(PAGE).text)["payment_types.CreditCard"] == "14:Cards"
    save(
        visitor, carrier_mapping__dhl_paket=None, **{"carrier_mapping__dhl-paket": "", "payment_types__CreditCard": ""}
    )
    kept = settings(console.database)
    assert (kept.carrier_mapping, kept.payment_types) == ({}, {})


def test_the_stores_own_lists_are_what_may_be_chosen(console: ConsoleServer, account: str) -> None:
    with console.database.unit_of_work() as work:
        change_settings(work, "main", {"shipping_methods.STANDARD": "9:Snail"})
    publish(console.database)
    visitor = console.signed_in("anna")
    text = visitor.get(PAGE).text
    for name, ids in {
        "status_merchant": ["10"],
        "status_fba": ["2", "10", "11"],  # the default, which the store has not
        "payment_type_default": ["7", "14"],
        "shipping_methods.EXPEDITED": ["", "3"],
        "shipping_methods.STANDARD": ["", "9", "3"],
    }.items():
        (options,) = re.findall(rf'<select[^>]* name="{re.escape(name)}"[^>]*>(.*?)</select>', text, re.S)
        assert re.findall(r'value="([^"]*)"', options) == ids, name
    assert "Snail (9), which the store no longer has" in text
    assert "What may be chosen is what the store offers" in text
    forged = save(visitor, status_fba="99")
    assert (forged.status_code, "the store has no &#39;99&#39;" in forged.text) == (422, True)


def test_import_orders_from_is_fixed_after_the_first_run(console: ConsoleServer, account: str) -> None:
    with console.database.unit_of_work() as work:
        work.session.add(
            AccountState(account_id="main", first_run_at=work.now, last_run_at=work.now, last_order_id="114-1")
        )
    visitor = console.signed_in("anna")
    text = visitor.get(PAGE).text
    assert "It is fixed now: the first run was through at 2026-11-24 09:00 UTC" in text
    assert "114-1" in text
    assert save(visitor, enabled="true").status_code == 200
    forged = save(visitor, import_from="2026-11-01", was__import_from="")
    assert forged.status_code == 422
    assert settings(console.database).import_from is None


def test_what_is_no_setting_is_not_taken(console: ConsoleServer, account: str) -> None:
    visitor, before = console.signed_in("anna"), settings(console.database)
    odd = {
        "was.refresh_token": "",
        "refresh_token": "x",
        "was.enabled.x": "",
        "enabled.x": "1",
        "was.payment_types": "",
    }
    odd |= {"payment_types": "{}", "new.enabled.0.key": "x", "new.enabled.0.value": "y", "was.": "", "new.": ""}
    assert "Nothing was changed." in visitor.send(PAGE, odd).text
    assert settings(console.database) == before


def test_an_account_that_is_not_there(console: ConsoleServer) -> None:
    visitor = console.signed_in("anna")
    for answer in (visitor.get("/accounts/other/settings"), visitor.send("/accounts/other/settings", {}, page="/me")):
        assert (answer.status_code, "There is no such account" in answer.text) == (404, True)
