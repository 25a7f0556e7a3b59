"""Amazon's models as they are read by the tests, and a loopback Amazon that answers with their examples."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.amazon.loopback import Loopback


@pytest.fixture(scope="session")
def swagger(amazon_models: Path) -> Callable[[str], dict[str, Any]]:
    """One of Amazon's models by its file's name without `.json`."""

    @functools.cache
    def load(name: str) -> dict[str, Any]:
        model: dict[str, Any] = json.loads((amazon_models / f"{name}.json").read_text("utf-8"))
        return model

    return load


@pytest.fixture(scope="module")
def amazon() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback
