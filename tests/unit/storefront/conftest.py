"""Empty books."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts.storefront import Scribe


@pytest.fixture
def scribe(tmp_path: Path) -> Scribe:
    """Empty books, and who writes into them."""
    return Scribe(tmp_path / "folder" / "books.sqlite")
