"""When personal data dies, and how its death, early or on its day, is asked for.

- ``clock``: the one rule that says when an order's personal data must be gone
- ``asking``: the events by which importer and redactor are asked
"""
