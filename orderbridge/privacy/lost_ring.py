"""A key ring that is not there, though orders are sealed under its keys: a folder that is not mounted, or a loss."""

from __future__ import annotations

from sqlalchemy import func, select

from orderbridge.database.models import PersonalDataRow
from orderbridge.database.unit_of_work import Database
from orderbridge.plural import number_of
from orderbridge.settings import PREFIX, BadSettings, Settings
from orderbridge.vault.key_ring import CHECK_FILE


def refuse_new_ring(settings: Settings, database: Database) -> None:
    """Guard before a ring is opened that would be made where there is none.

    Raises BadSettings if the folder holds no ring while the database has orders that were sealed under one: sealing
    under new keys would hide that the old ones are missing.
    """
    if (settings.key_ring / CHECK_FILE).exists():
        return
    with database.unit_of_work() as work:
        sealed = select(func.count()).where(
            PersonalDataRow.redacted_at.is_(None), PersonalDataRow.seal.is_not(None), PersonalDataRow.dies_at > work.now
        )
        count = work.session.execute(sealed).scalar_one()
    if count:
        raise BadSettings(
            f"{PREFIX}KEY_RING: there is no key ring in {settings.key_ring}, but the database has "
            f"{number_of(count, 'order')} whose personal data is sealed under one. Is the folder mounted, is it the "
            "right one? If the ring is lost for good: `orderbridge privacy reseal --new-ring` begins a new one and "
            "fetches these orders again from Amazon."
        )
