"""The release before this one: its tag, and its code on today's tables."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
MIGRATIONS = Path("orderbridge") / "database" / "migrations"


def last_release() -> str | None:
    """The newest `v*` tag, or None where there is none (or no git)."""
    tags = _git("tag", "--list", "v*", "--sort=-version:refname").decode().split() if in_git() else []
    return tags[0] if tags else None


def in_git() -> bool:
    """Whether this checkout has its history."""
    try:
        return bool(_git("rev-parse", "HEAD"))
    except (OSError, subprocess.CalledProcessError):
        return False


def revision_of(tag: str) -> str:
    """The last migration that a release has."""
    names = _git("ls-tree", "--name-only", tag, f"{MIGRATIONS / 'versions'}/").decode()
    return str(max(re.findall(r"/(\d{4})_\w+\.py", names)))


def old_code_on_new_tables(commit: str, folder: Path) -> Path:
    """Lay out the code of a commit, with today's migrations in place of its own."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as archive:
        archive.extractall(folder, filter="data")
    shutil.rmtree(folder / MIGRATIONS)
    shutil.copytree(REPOSITORY / MIGRATIONS, folder / MIGRATIONS, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run_its_tests(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the code in a folder, with this environment's packages."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder / '.tests'}"]
    # This environment's .pth names today's checkout; PYTHONPATH comes before it.
    environment["PYTHONPATH"] = str(folder)
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=3000
    )


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, check=True, timeout=60).stdout
