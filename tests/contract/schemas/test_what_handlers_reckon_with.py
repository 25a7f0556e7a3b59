"""What garbage found: values that a schema took and a handler could not do anything with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.accounts import AccountAttention
from schemas.events import EVENTS
from tests.parts.contract import EXAMPLES

EARLIEST, LATEST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"  # a day before, or in another zone, there is none
WRONG: list[tuple[str, str, Any]] = [
    ("orders.replay", "last_sequence", 2**63),  # PostgreSQL has no such number
    ("orders.replay", "after_sequence", 2**63 - 1),  # the number after it is looked for
    ("sweep.due", "orders", 10**400),  # nor has a metric
    ("sweep.due", "after_order", None),  # half a place
    *(("sweep.due", "begun_at", moment) for moment in (EARLIEST, LATEST)),
    *(("import.finished", "finished_at", moment) for moment in (EARLIEST, LATEST)),
    ("import.finished", "waited_seconds", float("inf")),  # JSON has no such number: written again it would be null
    *(("import.due", "since", moment) for moment in (EARLIEST, LATEST)),
    *(("shipment.due-soon", "deadline", moment) for moment in (EARLIEST, LATEST)),
    *(("account.attention", "since", moment) for moment in (EARLIEST, LATEST)),
    *(("key.expired", "moment", moment) for moment in (EARLIEST, LATEST)),
]


@pytest.mark.parametrize(("event_type", "field", "value"), WRONG)
def test_refused_at_the_edge(event_type: str, field: str, value: Any) -> None:
    model = EVENTS[event_type]
    model.model_validate(EXAMPLES[event_type])
    with pytest.raises(ValidationError):
        model.model_validate(EXAMPLES[event_type] | {field: value})


@pytest.mark.parametrize("unstorable", ["a\0b", "a\ud800b"])
def test_text_that_no_database_takes_is_made_legible(unstorable: str) -> None:
    event = AccountAttention.model_validate(EXAMPLES["account.attention"] | {"message": unstorable})
    assert event.message == "a\ufffdb"
    assert "\ufffd" in event.model_dump_json()


def test_what_a_retry_names_can_be_written_again() -> None:
    example = EXAMPLES["{service}.retry"]
    original = example["original"] | {"topic": "a\ud800", "headers": [["b\ud800", None]]}
    event = EVENTS["{service}.retry"].model_validate(example | {"original": original})
    assert event.model_dump_json().count("\ufffd") == 2
