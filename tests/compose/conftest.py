"""One house for the whole tier: building it and starting it is what takes the time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.conftest import found
from tests.parts.compose_house import ComposeHouse, find_docker
from tests.parts.requirement import Missing, skip_or_fail


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeHouse]:
    """The image is there; nothing runs yet."""
    try:
        version = find_docker()
    except Missing as missing:
        skip_or_fail("docker", str(missing))
    house = ComposeHouse(tmp_path_factory.mktemp("house"))
    try:
        began = time.monotonic()
        house.compose("build", "--build-arg", "REVISION=0123abc", seconds=600)
        found["docker compose"] = f"{version}; the image was built in {time.monotonic() - began:.0f} s"
        yield house
    finally:
        house.close()


@pytest.fixture(scope="session")
def house(built: ComposeHouse) -> ComposeHouse:
    """The demo, up and healthy."""
    try:
        found["docker compose up --wait"] = f"{built.up():.0f} s until the demo was healthy"
    except AssertionError:
        print(built.logs())
        raise
    return built
