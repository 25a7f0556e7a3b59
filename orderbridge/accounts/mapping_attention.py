"""Troubles of mappings: one leads to something that the store no longer has, or there is none for Amazon's word."""

from __future__ import annotations

from sqlalchemy import select

from orderbridge.accounts.attentions import MAPPING_GONE, MAPPING_MISSING, end_attention, raise_attention
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import gone_mappings, options_of
from orderbridge.database.models import UnmappedWord
from orderbridge.database.unit_of_work import Work


def look_at_mappings(work: Work, account_id: str, settings: AccountSettings) -> None:
    """Raise `mapping_gone`, or end it; end `mapping_missing`. The settings stay: orders go on with the id they name."""
    unmapped = select(UnmappedWord.word).where(UnmappedWord.account_id == account_id, UnmappedWord.kind == "shipping")
    if set(work.session.scalars(unmapped)) <= set(settings.shipping_methods):
        end_attention(work, account_id, MAPPING_MISSING)
    gone = gone_mappings(settings, options_of(work, account_id))
    if not gone:
        end_attention(work, account_id, MAPPING_GONE)
        return
    raise_attention(
        work,
        account_id,
        MAPPING_GONE,
        f"The store no longer offers what is mapped to: {'; '.join(gone)}.",
        f"Map it anew with `orderbridge settings set {account_id} NAME=VALUE`; `orderbridge settings options "
        f"{account_id}` lists what the store offers.",
    )
