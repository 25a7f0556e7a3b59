"""An account is never asked elsewhere than where it was connected: nothing starts, and a sentence says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import Account
from tests.parts.databases import migrated
from tests.parts.patience import PATIENCE
from tests.parts.standing_house import StandingHouse

SANDBOX = "http://127.0.0.1:8402"
CREDENTIALS = {"ORDERBRIDGE_AMAZON_CLIENT_ID": "amzn1.client", "ORDERBRIDGE_AMAZON_CLIENT_SECRET": "secret"}
LEFT_BY_A_KILLED_HOUSE = f"ORDERBRIDGE_AMAZON_API_URL={SANDBOX}\nORDERBRIDGE_AMAZON_LOGIN_URL={SANDBOX}/auth/o2/token\n"


@pytest.mark.parametrize("arguments", [("up",), ("run", "importer"), ("run", "shipper")])
def test_a_mismatch_stops_the_start(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The sandbox's account, and now Amazon's credentials: also after a sandbox house that was killed."""
    (tmp_path / ".orderbridge").mkdir()
    url = f"sqlite:///{tmp_path / '.orderbridge' / 'orderbridge.sqlite'}"
    with migrated(url) as database, database.unit_of_work() as work:
        work.session.add(
            Account(
                account_id="main",
                marketplace_ids="[]",
                refresh_token="sealed",
                settings=AccountSettings(enabled=True).model_dump_json(),
                api_url=SANDBOX,
                login_url=f"{SANDBOX}/auth/o2/token",
            )
        )
    if arguments == ("up",):
        (tmp_path / ".orderbridge" / "environment").write_text(LEFT_BY_A_KILLED_HOUSE)
    house = StandingHouse(tmp_path, *arguments, environment=CREDENTIALS)
    assert house.process.wait(60 * PATIENCE) == 1
    told = house.output.read_text()
    assert f"Settings: Account main was connected at {SANDBOX}; ORDERBRIDGE_AMAZON_API_URL is unset" in told
    assert "Traceback" not in told
    assert "Starting the s" not in told
    assert house.processes() == []
