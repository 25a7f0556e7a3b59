"""The store as an example: small, and after a redaction nothing of the buyer is in its file."""

from __future__ import annotations

from pathlib import Path

import services.storefront
from schemas.personal_data import PersonalDataState
from tests.parts.contract import EXAMPLES
from tests.parts.storefront import BEGINNING, ORDER, Scribe

FOLDER = Path(services.storefront.__file__).parent


def test_it_is_small_enough_to_be_read() -> None:
    """Python and SQL, lines that say something."""
    files = [*FOLDER.glob("*.py"), *FOLDER.glob("*.sql")]
    assert sum(bool(line.strip()) for file in files for line in file.read_text().splitlines()) < 610
    assert max(len(file.read_text().splitlines()) for file in files) < 200


def test_a_redaction_leaves_nothing_of_the_buyer_in_the_file(scribe: Scribe, tmp_path: Path) -> None:
    seal = EXAMPLES["order.imported"]["personal_data"]["seal"] + "A" * 3000
    sealed = {"state": "sealed", "seal": seal, "dies_at": "2026-12-23T09:00:00Z"}
    scribe.read("order.imported", personal_data=sealed, cancel_requested={"requested_by": "buyer"})

    def holds_it() -> bool:
        return any(seal[:80].encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())

    assert holds_it()
    gone = PersonalDataState.redacted(BEGINNING, "US").model_dump(mode="json", exclude_none=True)
    scribe.read("order.redacted", sequence=2**50, personal_data=gone)
    assert not holds_it()
    order = scribe.books.order(ORDER)
    assert order.event.personal_data.placeholder is not None
    assert order.event.personal_data.placeholder.first_name == "Amazon Replaced"
    assert (order.event.totals.total, order.event.lines[0].sku) == (order.event.totals.parts_sum(), "MUG-BLUE")
