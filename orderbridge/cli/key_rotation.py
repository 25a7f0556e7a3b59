"""`orderbridge privacy rotate-key`: another installation's key, without reading any order."""

from __future__ import annotations

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from orderbridge.cli.application import Json, done, errors, fail
from orderbridge.cli.privacy import privacy_app
from orderbridge.plural import number_of
from orderbridge.service import refuse_core_dumps
from orderbridge.settings import load_settings
from orderbridge.vault.key_ring import WrongInstallationKey
from orderbridge.vault.keys import installation_key, key_from_text
from orderbridge.vault.rotation import NoKeyRing, rotate


@privacy_app.command(name="rotate-key")
def rotate_key(as_json: Json = False) -> None:
    """Encrypt the key ring under ORDERBRIDGE_VAULT_KEY_NEW in place of ORDERBRIDGE_VAULT_KEY. No order is read.

    Stop the importer first, and the api: until it is through they are refused with either key. The redactor goes on.
    Cut off in the middle, the same command goes on.

    Example: `orderbridge privacy rotate-key`

    Next: put the new value into ORDERBRIDGE_VAULT_KEY, take ORDERBRIDGE_VAULT_KEY_NEW away, and start the services.
    """
    refuse_core_dumps()
    settings = load_settings()
    if settings.vault_key_new is None:
        fail(
            "Settings: ORDERBRIDGE_VAULT_KEY_NEW is not set: 32 random bytes in base64url. `orderbridge init --file "
            "new.env` writes such keys to new.env."
        )
    old = installation_key(settings.need("vault_key"))
    new = key_from_text(settings.vault_key_new.get_secret_value(), "ORDERBRIDGE_VAULT_KEY_NEW")
    if old == new:
        fail("ORDERBRIDGE_VAULT_KEY_NEW is the key that ORDERBRIDGE_VAULT_KEY has already.")
    columns = (TextColumn("Encrypting keys"), BarColumn(), TextColumn("{task.completed} of {task.total}"))
    try:
        with Progress(*columns, TimeElapsedColumn(), console=errors, transient=True) as bar:
            task = bar.add_task("", total=None)
            keys = rotate(settings.key_ring, old, new, lambda number, of: bar.update(task, completed=number, total=of))
    except (NoKeyRing, WrongInstallationKey) as error:
        fail(f"{str(error)[0].upper()}{str(error)[1:]}.")
    done(
        f"{number_of(keys, 'key')} of {settings.key_ring} are under the new key. Now put it into "
        "ORDERBRIDGE_VAULT_KEY, take ORDERBRIDGE_VAULT_KEY_NEW away, and start the services.",
        as_json,
        keys=keys,
        key_ring=settings.key_ring,
    )
