"""Migrations are backward compatible by one release: the previous one's code runs on the new tables (upgrade.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text

from orderbridge.database.engine import connect
from orderbridge.database.migrate import _config, upgrade
from tests.parts.releases import MIGRATIONS, in_git, last_release, old_code_on_new_tables, revision_of, run_its_tests

UNRELEASED = "0014"
"""Until there is a release: migrations up to this one were made while nobody could have run them."""

Tables = dict[str, dict[str, Any]]


def tables(engine: Engine) -> Tables:
    """Each table's columns by name, with what its rows must fulfil."""
    look = inspect(engine)
    return {
        name: {
            "columns": {column["name"]: column for column in look.get_columns(name)},
            "unique": {tuple(one["column_names"]) for one in look.get_indexes(name) if one["unique"]}
            | {tuple(one["column_names"]) for one in look.get_unique_constraints(name)},
            "checks": {one["sqltext"] for one in look.get_check_constraints(name)},
        }
        for name in look.get_table_names()
    }


def breaks(before: Tables, after: Tables) -> list[str]:
    """What code that knows the tables as they were cannot do with them as they are."""
    found = [f"{name} is gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        found += [f"{name}.{column} is gone" for column in old["columns"].keys() - new["columns"].keys()]
        for column, now in new["columns"].items():
            was = old["columns"].get(column, {"nullable": True})
            if not now["nullable"] and now["default"] is None and was["nullable"]:
                found.append(f"{name}.{column} must be filled, and has no default")
            if "type" in was and str(was["type"]) != str(now["type"]):
                found.append(f"{name}.{column} was {was['type']} and is {now['type']}")
        found += [f"{name}: {what} must be unique" for what in new["unique"] - old["unique"]]
        found += [f"{name}: {what} is checked" for what in new["checks"] - old["checks"]]
    return sorted(found)


def migrate_to(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        command.upgrade(_config(connection), revision)


def test_no_migration_since_the_last_release_breaks_its_code(database_url: str) -> None:
    release = last_release()
    engine = connect(database_url)
    try:
        migrate_to(engine, revision_of(release) if release else UNRELEASED)
        before = tables(engine)
        upgrade(engine)
        assert breaks(before, tables(engine)) == []
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE slots RENAME TO places", ["slots is gone"]),
        ("ALTER TABLE orders RENAME COLUMN queue TO status", ["orders.queue is gone"]),
        ("ALTER TABLE orders DROP COLUMN ship_by", ["orders.ship_by is gone"]),
        ("ALTER TABLE slots ADD COLUMN more TEXT", []),
        ("ALTER TABLE slots ADD COLUMN more TEXT NOT NULL DEFAULT ''", []),
        ("ALTER TABLE slots ADD COLUMN more TEXT NOT NULL", ["slots.more must be filled, and has no default"]),
        ("CREATE UNIQUE INDEX one ON orders (placed_at)", ["orders: ('placed_at',) must be unique"]),
        ("CREATE INDEX one ON orders (placed_at)", []),
    ],
)
def test_what_breaks_is_found(postgres_url: str, change: str, told: list[str]) -> None:
    engine = connect(postgres_url)
    try:
        upgrade(engine)
        before = tables(engine)
        with engine.begin() as connection:
            connection.execute(text(change))
        assert breaks(before, tables(engine)) == told
    finally:
        engine.dispose()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_last_release_runs_on_these_tables(tmp_path: Path) -> None:
    """Its own tests of services and database, with our migrations in place of its own."""
    release = last_release()
    if release is None:
        pytest.skip("there is no release yet: no tag v*")
    old = old_code_on_new_tables(release, tmp_path / "old")
    # Those of its migrations compare them with its own models.
    without = ["--ignore-glob=*/test_migrations.py", "--ignore-glob=*/test_upgrades.py"]
    ran = run_its_tests(old, "-m", "not long", "tests/integration/database", "tests/integration/services", *without)
    assert ran.returncode == 0, ran.stdout[-5000:]


BREAKING = '''"""Takes a column away that the code needs."""

from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("inbox", "digest")
'''


@pytest.mark.timeout(300)
def test_that_harness_tells_good_migrations_from_bad_ones(tmp_path: Path) -> None:
    """The code of this commit stands for a release; then a migration is added that it cannot live with."""
    if not in_git():
        pytest.skip("this is no git repository")
    old = old_code_on_new_tables("HEAD", tmp_path / "old")
    chosen = ("tests/integration/database/test_inbox.py", "-k", "sqlite")
    good = run_its_tests(old, *chosen)
    assert good.returncode == 0, good.stdout[-3000:]
    versions = old / MIGRATIONS / "versions"
    head = max(path.name[:4] for path in versions.glob("[0-9]*.py"))
    (versions / "9999_breaking.py").write_text(BREAKING.format(head=head))
    bad = run_its_tests(old, *chosen)
    assert bad.returncode == 1, bad.stdout[-3000:]
    assert "digest" in bad.stdout
