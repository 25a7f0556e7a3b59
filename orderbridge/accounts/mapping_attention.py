"""Troubles of mappings: one leads to something that the store no longer has, or there is none for Amazon's word."""

from __future__ import annotations

from sqlalchemy import select

from orderbridge.accounts.attentions import MAPPING_GONE, MAPPING_MISSING, end_attention, raise_attention
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import gone_mappings, options_of
from orderbridge.database.models import UnmappedWord
from orderbridge.database.unit_of_work import Work


def look_at_mappings(work: Work, account_id: str, settings: AccountSettings) -> None:
    """Raise `mapping_gone` and `mapping_missing`, or end them. Settings stay: orders go on with the id they name."""
    look_at_unmapped(work, account_id, settings)
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


def look_at_unmapped(work: Work, account_id: str, settings: AccountSettings, *, another: bool = False) -> None:
    """Raise `mapping_missing` with all service levels that lack a line, or end it. `another`: one is new."""
    met = select(UnmappedWord.word).where(UnmappedWord.account_id == account_id, UnmappedWord.kind == "shipping")
    words = sorted(set(work.session.scalars(met)) - set(settings.shipping_methods))
    if not words:
        end_attention(work, account_id, MAPPING_MISSING)
        return
    raise_attention(
        work,
        account_id,
        MAPPING_MISSING,
        f"Mapped to none of the store's shipping methods: {', '.join(words)}. Orders with these service levels of "
        "Amazon's are imported without one.",
        f"Map them: `orderbridge settings set {account_id} "
        + " ".join(f"shipping_methods.{word}=METHOD" for word in words)
        + "`.",
        another=another,
    )
