"""docs/from-shift4shop.md has every setting of the manual, under the name that it has here."""

from __future__ import annotations

from orderbridge.accounts.settings import AccountSettings
from tests.unit.docs.documents import table

ELSEWHERE = ["Initiate Onboard Process", "Disconnect Store", "Last Order Imported", "Last Script Run"]
OF_THE_MANUAL = [
    "Enable Amazon Order",
    "Import Orders From",
    "Import FBA Orders",
    "Send log to (email)",
    "Order Status (Fulfilled by Merchant)",
    "Order Status (Fulfilled by Amazon)",
    "Payment Type",
    "Invoice Number Prefix",
    "Deduct inventory when order is shipped",
    "Don't consider Amazon orders in sales reports",
    "Shipping Mapping",
]


def test_every_setting_of_the_manual_has_its_place() -> None:
    rows = table("docs/from-shift4shop.md", "Where each setting is now")
    assert sorted(row[0] for row in rows) == sorted(ELSEWHERE + OF_THE_MANUAL)
    for old, here, name, _ in rows:
        assert (name == "") == (old in ELSEWHERE)
        if name:
            assert (old, here) == (AccountSettings.model_fields[name.strip("`")].title,) * 2
