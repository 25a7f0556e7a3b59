"""The importer with its waits shortened, as a program, for tests that kill it again and again.

A worker that dies blocks its account for 45 s, and a report is looked at after 30 s: nearly all kills would meet an
importer that waits. The chunks are smaller too, so that there are more moments between two of them.
"""

from __future__ import annotations

from datetime import timedelta

from services.importer import claim, report_run
from services.importer.app import main

if __name__ == "__main__":
    for module, name, value in (
        (claim, "LEASE", timedelta(seconds=3)),
        (claim, "_SOON", timedelta(seconds=1)),
        (report_run, "_LOOK_AGAIN", timedelta(seconds=1)),
        (report_run, "_AFTER_BREAK", timedelta(seconds=1)),
        (report_run, "CHUNK", 100),
    ):
        assert hasattr(module, name)
        setattr(module, name, value)
    main()
