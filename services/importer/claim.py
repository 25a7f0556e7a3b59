"""One worker at a time goes on with an account's run of a kind."""

from __future__ import annotations

import uuid
from datetime import timedelta

from orderbridge.bus.outcomes import NotYet
from orderbridge.database import leases
from orderbridge.database.unit_of_work import Work

LEASE = timedelta(seconds=45)
"""A worker that dies in a call blocks its account for so long. A page that takes longer is dropped, and read again."""
_SOON = timedelta(seconds=5)


class Claim:
    """The lease on an account's run of a kind, taken when it is made. Raises NotYet if another worker has it."""

    def __init__(self, work: Work, account_id: str, kind: str) -> None:
        self._name = f"import:{kind}:{account_id}"
        self._holder = str(uuid.uuid4())
        if not leases.take(work, self._name, self._holder, LEASE):
            raise NotYet(work.now + _SOON, "another worker is importing this account")

    def check(self, work: Work) -> None:
        """After a call: raises NotYet if another worker has taken the run over and goes on from where it stood."""
        if not leases.holds(work, self._name, self._holder):
            work.rollback()
            raise NotYet(work.now + _SOON, "the call took longer than the lease")

    def renew(self, work: Work) -> None:
        """Hold the run for another while. Raises NotYet if another worker has it."""
        if not leases.take(work, self._name, self._holder, LEASE):
            work.rollback()
            raise NotYet(work.now + _SOON, "another worker has taken the run over")

    def release(self, work: Work) -> None:
        """Let others go on."""
        leases.release(work, self._name, self._holder)
