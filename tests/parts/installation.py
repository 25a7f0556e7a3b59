"""An installation's settings for a sandbox: keys of its own, and the sandbox as Amazon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orderbridge.settings import Settings, load_settings
from orderbridge.vault.keys import new_installation_key
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET


def installation(folder: Path, database_url: str, sandbox_url: str, **more: Any) -> Settings:
    """The settings, with a key ring in the folder."""
    return load_settings(
        folder,
        database_url=database_url,
        amazon_api_url=sandbox_url,
        amazon_login_url=f"{sandbox_url}/auth/o2/token",
        amazon_client_id=CLIENT_ID,
        amazon_client_secret=CLIENT_SECRET,
        vault_key=new_installation_key(),
        secrets_key=new_installation_key(),
        key_ring=folder / "key-ring",
        **more,
    )
