"""The shipper with its waits shortened, as a program, for tests that kill it again and again.

A worker that dies in a call blocks its package for 85 s, and three faults in a row stop an account's calls for 30 s.
"""

from __future__ import annotations

from datetime import timedelta

from orderbridge.database import quotas
from services.shipper import confirm
from services.shipper.app import main

if __name__ == "__main__":
    for module, name, value in (
        (confirm, "CLAIM", timedelta(seconds=4)),  # the sandbox hangs for half a second at most
        (quotas, "CLOSED_FOR", timedelta(seconds=2)),
        (quotas, "CLOSED_LONGEST", timedelta(seconds=2)),
    ):
        assert hasattr(module, name)
        setattr(module, name, value)
    main()
