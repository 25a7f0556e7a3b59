"""Money that adds up and survives the wire; moments in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.base import Amount, Moment
from schemas.orders import Line, LineAmounts, OrderImported, Totals
from schemas.shipments import OrderShipped, ShipDate
from tests.parts.contract import EXAMPLES, problems, schema_of, wire

AMOUNT: TypeAdapter[Decimal] = TypeAdapter(Amount)
MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
SHIP_DATE: TypeAdapter[date] = TypeAdapter(ShipDate)
PARTS = tuple(LineAmounts.model_fields)

cents = st.integers(0, 10**7).map(lambda number: Decimal(number).scaleb(-2))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
a_line = st.fixed_dictionaries(dict.fromkeys(PARTS, cents)).map(lambda parts: LineAmounts(**parts))
some_lines = st.lists(a_line, max_size=5)


def totals_of(lines: list[LineAmounts]) -> dict[str, Decimal | str]:
    sums = {part: sum((getattr(line, part) for line in lines), Decimal("0.00")) for part in PARTS}
    return {**sums, "currency": "USD", "total": LineAmounts(**sums).parts_sum()}


def order_body(lines: list[LineAmounts], totals: object) -> dict[str, object]:
    items = [Line(order_item_id=str(number), quantity=1, amounts=line) for number, line in enumerate(lines)]
    return EXAMPLES["order.imported"] | {"lines": items, "totals": totals}


@given(some_lines)
def test_an_order_that_adds_up_is_taken_and_survives_the_wire(lines: list[LineAmounts]) -> None:
    order = OrderImported.model_validate(order_body(lines, totals_of(lines)))
    assert OrderImported.model_validate(wire(order)) == order
    assert problems(schema_of("order.imported"), wire(order)) == []


@given(some_lines, st.sampled_from([*PARTS, "total"]), cents.filter(bool))
def test_a_cent_too_much_anywhere_is_refused(lines: list[LineAmounts], part: str, cent: Decimal) -> None:
    totals = totals_of(lines)
    totals[part] = Decimal(totals[part]) + cent
    if part != "total":  # the totals agree with themselves, not with the lines
        totals["total"] = Totals.model_construct(**totals).parts_sum()  # type: ignore[arg-type]  # of mixed types
    with pytest.raises(ValidationError, match=f"{part}"):
        OrderImported.model_validate(order_body(lines, totals))


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.decimals("-9e14", "9e14", places=4, allow_nan=False))
def test_what_an_amount_takes_can_be_read_by_whoever_gets_it(value: Decimal) -> None:
    try:
        amount = AMOUNT.validate_python(value)
    except ValidationError:
        assume(False)
    text = AMOUNT.dump_python(amount, mode="json")
    assert re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,4})?", text)
    assert AMOUNT.validate_python(text) == value


@pytest.mark.parametrize("value", [Decimal("1E+2"), Decimal("0E+3"), Decimal("-0.00"), Decimal("19.9800")])
def test_a_decimal_in_any_notation_is_written_plainly(value: Decimal) -> None:
    text = AMOUNT.dump_python(AMOUNT.validate_python(value), mode="json")
    assert "E" not in text
    assert Decimal(text) == value


@pytest.mark.parametrize("value", [Decimal("0.00001"), Decimal("1E+15"), Decimal("NaN"), Decimal("Infinity"), 5, 0.5])
def test_what_no_amount_can_be_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="decimal string"):
        AMOUNT.validate_python(value)


@given(st.datetimes(), offsets)
def test_any_moment_is_the_same_instant_in_utc_or_refused(naive: datetime, offset: timezone) -> None:
    given_moment = naive.replace(tzinfo=offset)
    try:
        moment = MOMENT.validate_python(given_moment.isoformat())
    except ValidationError:
        assert not datetime(2, 1, 1, tzinfo=UTC) < given_moment < datetime(9998, 12, 31, tzinfo=UTC)
        return
    assert moment == given_moment
    assert moment.tzinfo == UTC
    text = MOMENT.dump_python(moment, mode="json")
    assert text.endswith("Z")
    assert MOMENT.validate_python(text) == moment


@pytest.mark.parametrize(
    "text", ["2026-11-24T09:00:00Z", "2026-11-24t09:00:00z", "2026-11-24 10:00:00+01:00", "2026-11-24T09:00:00.000Z"]
)
def test_the_forms_of_rfc_3339(text: str) -> None:
    assert MOMENT.validate_python(text) == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_a_ship_date_is_a_day_or_a_moment() -> None:
    day = SHIP_DATE.validate_python("2026-11-24")
    assert (type(day), day) == (date, date(2026, 11, 24))
    moment = SHIP_DATE.validate_python("2026-11-24T10:00:00+01:00")
    assert moment == datetime(2026, 11, 24, 9, tzinfo=UTC)
    for value in (day, moment):
        body = EXAMPLES["order.shipped"] | {"ship_date": value}
        assert OrderShipped.model_validate(wire(OrderShipped.model_validate(body))).ship_date == value
        assert problems(schema_of("order.shipped"), wire(OrderShipped.model_validate(body))) == []


def test_a_ship_date_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="offset"):
        SHIP_DATE.validate_python(datetime(2026, 11, 24))  # noqa: DTZ001 - that is what is tested
