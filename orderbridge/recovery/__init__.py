"""After a restore of the database, `orderbridge recover` sets right what it has forgotten (docs/operations/backup.md).

Topics, Amazon and the key ring lie outside the database and have gone on since the dump: consumed offsets are ahead of
it, packages have numbers at Amazon that it does not know, and keys have died.
"""

from __future__ import annotations

from datetime import timedelta

OVERLAP = timedelta(minutes=10)
"""Read again from so long before the dump: a transaction open while it was made is missing in it, a store's clock may
be behind, and what is repeated does nothing."""


class CannotRecover(Exception):
    """It cannot be done, or not now; the message says why and what to do."""
