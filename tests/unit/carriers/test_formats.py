"""Forms of tracking numbers: published ones are right, mistyped ones are not, and no string is too strange to ask."""

from __future__ import annotations

import string
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orderbridge.carriers import fits
from orderbridge.carriers.check_digits import (
    modulo_7,
    modulo_10,
    modulo_10_of_letters,
    modulo_11_fedex,
    modulo_11_s10,
    with_check_digit,
)
from orderbridge.carriers.formats import FORMATS
from tests.unit.carriers.numbers import MISTYPED, PUBLISHED


def said_of(number: str) -> dict[str, bool | None]:
    return {fit.format.name: fit.right for fit in fits(number)}


def test_every_form_with_a_check_digit_is_tried() -> None:
    checked = {one.name for one in FORMATS if one.is_right is not None}
    assert checked == set(PUBLISHED) == set(MISTYPED)


@pytest.mark.parametrize(("name", "number"), [(name, one) for name, numbers in PUBLISHED.items() for one in numbers])
def test_published_numbers_are_right(name: str, number: str) -> None:
    assert said_of(number)[name] is True


@pytest.mark.parametrize(("name", "number"), [(name, one) for name, numbers in MISTYPED.items() for one in numbers])
def test_mistyped_numbers_are_wrong(name: str, number: str) -> None:
    assert said_of(number)[name] is False


def test_a_licence_plate_has_no_check_digit() -> None:
    assert said_of("JJD000390007882823451") == {"DHL licence plate": None}


@pytest.mark.parametrize(
    "written",
    [
        "1z999aa10123456784",
        " 1Z 999 AA1 01 2345 6784\n",
        "1Z-999-AA1-0123456784",
        "".join(chr(ord(one) + 0xFEE0) for one in "1Z999AA10123456784"),  # full width
    ],
)
def test_blanks_dashes_and_small_letters_do_not_matter(written: str) -> None:
    assert said_of(written) == {"UPS 1Z": True}


@pytest.mark.parametrize(
    "number", ["", "1Z", "1Z999AA1012345678", "١٢٣٤٥٦٧٨٩٠", "1Z999AA1012345678\x004", "TBA123456789000"]
)
def test_what_has_no_known_form(number: str) -> None:
    assert fits(number) == ()


@pytest.mark.parametrize(
    ("country", "carriers"),
    [("US", ("USPS",)), ("CA", ("Canada Post",)), ("GB", ("Royal Mail", "Parcelforce")), ("CV", ())],
)
def test_the_country_of_an_s10_number_says_whose_it_is(country: str, carriers: tuple[str, ...]) -> None:
    (fit,) = fits(f"RB123456785{country}")
    assert fit.format.carriers == carriers


@given(st.text())
def test_any_string_may_be_asked_about(number: str) -> None:
    fits(number)


@given(st.one_of(*(st.from_regex(one.form, fullmatch=True) for one in FORMATS)))
def test_a_number_of_a_form_is_found_to_have_it(number: str) -> None:
    assert fits(number)


def only(body: str, rule: Callable[[str], bool]) -> str:
    """The number with its check digit, of which there is one."""
    assert [digit for digit in string.digits if rule(body + digit)] == [with_check_digit(body, rule)[-1]]
    return with_check_digit(body, rule)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


@given(st.integers(2, 40).flatmap(digits), st.data())
def test_modulo_10_finds_each_wrong_digit(body: str, data: st.DataObject) -> None:
    right = only(body, modulo_10)
    assert not modulo_10(changed(right, data))


@given(digits(8), st.data())
def test_modulo_11_finds_each_wrong_digit_but_between_its_doubles(body: str, data: st.DataObject) -> None:
    right = only(body, modulo_11_s10)
    wrong = changed(right, data)
    assume(wrong[-1] != "5")  # two remainders have this check digit
    assert not modulo_11_s10(wrong)


@given(digits(11), st.data())
def test_fedex_modulo_11_finds_each_wrong_digit_but_between_its_doubles(body: str, data: st.DataObject) -> None:
    right = only(body, modulo_11_fedex)
    wrong = changed(right, data)
    assume(wrong[-1] != "0")  # two remainders have this check digit
    assert not modulo_11_fedex(wrong)


@given(digits(9), st.data())
def test_modulo_7_finds_each_digit_that_is_not_wrong_by_7(body: str, data: st.DataObject) -> None:
    right = body + str(int(body) % 7)
    assert modulo_7(right)
    wrong = changed(right, data)
    by = abs(next(int(a) - int(b) for a, b in zip(right, wrong, strict=True) if a != b))
    assert modulo_7(wrong) == (by == 7 and wrong[-1] == right[-1])


@given(st.text(string.digits + string.ascii_uppercase, min_size=15, max_size=15), st.data())
def test_ups_finds_each_wrong_digit_but_by_5_at_even_places(body: str, data: st.DataObject) -> None:
    right = only(body, modulo_10_of_letters)
    place = data.draw(st.sampled_from([at for at, one in enumerate(right) if one.isdigit()]))
    other = data.draw(st.sampled_from(string.digits))
    by = abs(int(other) - int(right[place]))
    wrong = right[:place] + other + right[place + 1 :]
    assert modulo_10_of_letters(wrong) == (by == 0 or (by == 5 and place % 2 == 1 and place < 15))


def changed(number: str, data: st.DataObject) -> str:
    """The number with one digit another."""
    place = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([one for one in string.digits if one != number[place]]))
    return number[:place] + other + number[place + 1 :]
