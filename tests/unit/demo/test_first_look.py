"""What a house says of its pages when it stands."""

from __future__ import annotations

from orderbridge.first_look import first_look

ADDRESSES = {"console": "http://c", "storefront": "http://s", "sandbox": "http://a", "health": {}}


def test_each_page_has_its_link_and_what_to_look_at_first() -> None:
    told = first_look(ADDRESSES, "http://c/join/token")
    assert [line.split()[-1] for line in told.splitlines()[1::2]] == ["http://c/join/token", "http://s", "http://a"]
    assert all("First: " in line for line in told.splitlines()[2::2])
    assert "makes you its owner" in told


def test_with_an_owner_and_without_a_sandbox_there_is_less_to_say() -> None:
    told = first_look({name: url for name, url in ADDRESSES.items() if name != "sandbox"}, None)
    assert "http://c\n" in told
    assert "owner" not in told
    assert "Amazon " not in told.split("Its ")[0]
    assert told.count("First: ") == 2
