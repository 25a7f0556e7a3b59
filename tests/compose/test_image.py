"""The image, looked over: what it is said to be, how large it is, and that nothing is in it which has no use there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orderbridge import __version__
from tests.parts.compose_house import BASES, ComposeHouse, docker

pytestmark = pytest.mark.timeout(900)
PACKAGES = ("schemas", "orderbridge", "services", "sandbox")
MOST = 250_000_000
"""Bytes over the base."""


@pytest.fixture(scope="module")
def image(built: ComposeHouse) -> dict[str, Any]:
    """What Docker knows of it."""
    inspected: list[dict[str, Any]] = json.loads(docker("image", "inspect", built.image))
    return inspected[0]


@pytest.fixture(scope="module")
def files(built: ComposeHouse) -> list[str]:
    """Every file that the image adds to its base."""
    return sorted(set(_files(built.image)) - set(_files(BASES[0])))


def _files(image: str) -> Iterator[str]:
    looks = ["--rm", "--network=none", "--user=0", "--entrypoint=find", image, "/", "-xdev", "-type", "f"]
    yield from docker("run", *looks).splitlines()


def test_it_says_what_it_is(image: dict[str, Any]) -> None:
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.revision"] == "0123abc"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_it_runs_as_nobody_in_particular(image: dict[str, Any]) -> None:
    assert image["Config"]["User"] == "10001:10001"
    assert not image["Config"].get("ExposedPorts")


def test_it_is_small(image: dict[str, Any]) -> None:
    (base,) = json.loads(docker("image", "inspect", BASES[0]))
    assert image["Size"] - base["Size"] < MOST


def test_nothing_is_in_it_that_has_no_use_there(files: list[str]) -> None:
    assert len(files) > 1000
    places = ("/opt/orderbridge/", "/etc/", "/var/log/", "/var/cache/ldconfig/")
    assert [file for file in files if not file.startswith(places)] == []
    ours = [file for file in files if any(f"/site-packages/{name}/" in file for name in PACKAGES)]
    assert len(ours) > 200
    assert [file for file in files if "/site-packages/tests/" in file or "/site-packages/bench/" in file] == []
    names = {file.rsplit("/", 1)[-1] for file in files}
    assert names & {".env", "pip.conf", ".netrc", ".pypirc", "id_rsa", "vault_key", "secrets_key"} == set()
    assert names & {"gcc", "cc", "make", "ld", "git", "uv", "pytest", "pip", "pip3", "setup.py"} == set()
    assert [file for file in files if "/.cache/" in file or file.endswith((".whl", ".orig", ".pem.key"))] == []


def test_no_secret_of_the_house_is_in_it(built: ComposeHouse, image: dict[str, Any]) -> None:
    """Neither in its description, nor in the steps that made it, nor in any file."""
    told = json.dumps(image) + docker("history", "--no-trunc", built.image)
    made = [file.read_text() for file in built.secrets.iterdir() if file.stat().st_size]
    assert len(made) == 3
    assert [secret for secret in made if secret in told] == []
    patterns = [argument for secret in made for argument in ("-e", secret)]
    looks = ["--rm", "--network=none", "--user=0", "--entrypoint=sh", built.image, "-c"]
    search = 'grep -rlF "$@" /opt /etc /var /home /root /tmp; test $? = 1'
    assert docker("run", *looks, search, "sh", *patterns) == ""
