"""`orderbridge carriers`: Amazon's carrier codes, and what a spelling or a tracking number is taken for."""

from __future__ import annotations

from typing import Annotated

import typer

from orderbridge.amazon.marketplaces import Marketplace, marketplace, marketplace_of_country
from orderbridge.carriers import TABLE, Fit, NamedCarrier, carrier_by_name, find_carrier, fits
from orderbridge.cli.application import Json, app, console, print_json, show

_CHECK_DIGIT = {True: "right", False: "wrong", None: "not known"}


@app.command(name="carriers")
def carriers(
    text: Annotated[str | None, typer.Argument(help="A carrier as your store spells it, or a tracking number.")] = None,
    in_marketplace: Annotated[
        str | None, typer.Option("--marketplace", help="The marketplace, by its id or its country: US.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Amazon's carrier codes, or which carrier a spelling or a tracking number is taken for.

    "Listed in" names the marketplaces whose list is known to have the code. Few lists are known as a whole; in all
    other marketplaces every code is taken to be valid. An account's own `carrier_mapping` comes before all of this.

    Examples: `orderbridge carriers`, `orderbridge carriers "FedEx Ground"`, `orderbridge carriers 1Z999AA10123456784`

    Next: `orderbridge settings set main "carrier_mapping.My Carrier=UPS"` where your store's word is not understood.
    """
    there = _marketplace(in_marketplace)
    if text is None:
        _list(there, as_json)
        return
    by_name = carrier_by_name(text) is not None
    name, number = (text, "") if by_name else ("", text)
    taken_for = find_carrier(name, number, mapping={}, marketplace_id=there.id if there else None)
    forms = () if by_name else fits(number)
    if as_json:
        known = taken_for if taken_for.found_by != "nothing" else None
        told = {"code": known.code, "name": known.name, "found_by": known.found_by} if known else None
        numbers = [
            {"format": fit.format.name, "carriers": fit.format.carriers, "check_digit": _CHECK_DIGIT[fit.right]}
            for fit in forms
        ]
        print_json({"text": text, "carrier": told, "formats": numbers})
        return
    for sentence in _sentences(text, taken_for, forms):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _list(there: Marketplace | None, as_json: bool) -> None:
    rows = [
        {
            "code": carrier.code,
            "name": carrier.name,
            "listed_in": sorted(carrier.marketplaces) if as_json else ", ".join(sorted(carrier.marketplaces)),
            "spellings": carrier.spellings if as_json else ", ".join(carrier.spellings),
        }
        for carrier in TABLE.carriers
        if TABLE.valid_in(carrier, there.country if there else None)
    ]
    show(rows, as_json, "")


def _sentences(text: str, taken_for: NamedCarrier, forms: tuple[Fit, ...]) -> list[str]:
    told = f"Amazon is told the carrier code {taken_for.code}, with the name {taken_for.name}."
    if taken_for.found_by == "name":
        return [f"{text} names {taken_for.name}. {told}"]
    if not forms:
        return [
            f"{text} is no carrier that is known, and no tracking number of a form that is. Amazon would be told Other "
            "with this name; `orderbridge settings set ACCOUNT carrier_mapping.SPELLING=CODE` says what it is."
        ]
    sentences = [
        f"{text} has the form of {' or '.join(fit.format.carriers) or 'a postal operator'} ({fit.format.name}); "
        f"its check digit is {_CHECK_DIGIT[fit.right]}."
        for fit in forms
    ]
    if taken_for.found_by == "number":
        return [*sentences, f"Where the store names no carrier: {told}"]
    return [*sentences, "Where the store names no carrier, none is guessed from it."]


def _marketplace(said: str | None) -> Marketplace | None:
    if said is None:
        return None
    known = marketplace(said) or marketplace_of_country(said)
    if known is None:
        raise typer.BadParameter(f"there is no marketplace {said}: give its id or its country, as ATVPDKIKX0DER or US")
    return known
