"""Imports kafka-python, which reads its own files with functions that Python 3.11 and 3.12 call deprecated.

Import this before whatever imports it, since in a test run a warning is an error.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka
    import kafka.admin

__all__ = ["kafka"]
