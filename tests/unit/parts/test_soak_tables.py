"""A new table has to say what keeps it from growing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orderbridge.database.models import Base
from services.ticker import app, prune
from tests.parts.soak import service
from tests.parts.soak.tables import OF_THE_INSTALLATION, PRUNED, WITH_ORDERS


def test_every_table_has_its_place() -> None:
    assert sorted([*PRUNED, *WITH_ORDERS, *OF_THE_INSTALLATION]) == sorted([*Base.metadata.tables, "alembic_version"])


def test_all_that_rows_are_kept_for_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {}
    monkeypatch.setattr(service, "put", lambda module, name, what: found.__setitem__(f"{module}.{name}", what))
    service.shorten(60)
    kept = {name for name in vars(prune) if name.endswith("_FOR") and name not in ("OPENINGS_FOR", "LOCKED_FOR")}
    assert {name.removeprefix("services.ticker.prune.") for name in found} - {
        "services.ticker.app._PRUNE_EVERY"
    } == kept
    assert found["services.ticker.prune.HANDLED_FOR"] == timedelta(seconds=90)
    assert found["services.ticker.app._PRUNE_EVERY"] == 6 < app._PRUNE_EVERY
