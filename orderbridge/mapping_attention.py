"""The trouble `mapping_gone`: a seller's mapping leads to something that the store no longer has."""

from __future__ import annotations

from orderbridge.account_settings import AccountSettings
from orderbridge.attentions import MAPPING_GONE, end_attention, raise_attention
from orderbridge.database.unit_of_work import Work
from orderbridge.store_options import gone_mappings, options_of


def look_at_mappings(work: Work, account_id: str, settings: AccountSettings) -> None:
    """Raise the trouble, or end it. The settings stay: orders go on with the id they name."""
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
