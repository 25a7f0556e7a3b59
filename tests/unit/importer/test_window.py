"""Where a run begins."""

from __future__ import annotations

from datetime import timedelta

from orderbridge.database.models import AccountState
from services.importer.window import OVERLAP, Window
from tests.parts.hand_clock import START
from tests.unit.importer.conftest import account


def test_a_run_reaches_back_behind_the_last_one() -> None:
    cursor = START + timedelta(hours=5)
    state = AccountState(account_id="main", cursor=cursor)
    window = Window.open(account(), state, cursor + timedelta(hours=1))
    assert window.updated_after == cursor - OVERLAP


def test_the_first_run_begins_at_the_import_date_or_on_the_day_of_the_connection() -> None:
    week_ago = START - timedelta(days=7)
    later = START + timedelta(hours=1)
    assert Window.open(account(import_from=week_ago.isoformat()), None, later).updated_after == week_ago
    # by the day, in the marketplace's time zone: midnight in Los Angeles is 08:00 UTC
    assert Window.open(account(), None, later).updated_after == START.replace(hour=8)


def test_a_run_never_begins_in_amazons_blind_minutes() -> None:
    just = START - timedelta(minutes=1)
    assert Window.open(account(import_from=just.isoformat()), None, START).updated_after == START - timedelta(minutes=3)
    ahead = START + timedelta(days=1)
    assert Window.open(account(import_from=ahead.isoformat()), None, START).updated_after < START


def test_a_run_keeps_its_last_problems_only() -> None:
    window = Window.open(account(), None, START)
    for number in range(50):
        window = window.with_problem(f"problem {number}")
    assert window.problems == tuple(f"problem {number}" for number in range(30, 50))
    assert Window.model_validate_json(window.model_dump_json()) == window
